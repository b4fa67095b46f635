import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { ask, Processes, until } from './testing/process.js'

// What `holdfastctl conformance kds` says of our own global: it is a peer as good as a real Kuma.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
afterAll(() => processes.close())

test('our global keeps every rule that a Kuma zone may see, with secrets and policies of all kinds at hand', async () => {
  const global = await processes.start('global', [
    ...['--init', '--kds-tls', 'off', '--allow-unauthenticated-zone', '*', '--localhost-admin', 'on'],
  ])
  const put = async (path: string, body: unknown): Promise<void> => {
    const { status } = await ask('PUT', `${global.apiUrl}${path}`, body)
    expect([path, status]).toEqual([path, 201])
  }
  const data = Buffer.from('hello').toString('base64')
  for (const name of ['mine', 'envoy-admin-ca', 'inter-cp-ca', 'user-token-revocations', 'zone-token-revocations'])
    await put(`/global-secrets/${name}`, { type: 'GlobalSecret', name, data })
  await put('/meshes/default/secrets/cert', { type: 'Secret', mesh: 'default', name: 'cert', data })
  const to = [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: '7s' } }]
  const spec = { targetRef: { kind: 'Mesh' }, to }
  await put('/meshes/default/meshtimeouts/slow', { type: 'MeshTimeout', mesh: 'default', name: 'slow', spec })
  await put('/meshes/default/meshexternalservices/billing', {
    ...{ type: 'MeshExternalService', mesh: 'default', name: 'billing' },
    spec: {
      match: { type: 'HostnameGenerator', port: 443, protocol: 'tcp' },
      endpoints: [{ address: 'billing.example.com', port: 443 }],
    },
  })
  // The key of zones' tokens is made with the first one.
  const token = await processes.holdfastctl(['generate', 'zone-token', '--zone', 'z', '--valid-for', '1h'], '', {
    HOLDFAST_URL: global.apiUrl,
  })
  expect([token.status, token.err]).toEqual([0, ''])
  const names = async (): Promise<string> => JSON.stringify((await ask('GET', `${global.apiUrl}/global-secrets`)).body)
  await until('the public half of the key to be there', async () => (await names()).includes('public-key'))

  const junit = join(processes.folder, 'conformance.xml')
  const peer = `grpc://127.0.0.1:${global.ports.kds}`
  const { status, out, err } = await processes.holdfastctl([
    ...['conformance', 'kds', '--peer', peer, '--write', '--junit', junit, '-o', 'json'],
  ])
  const { findings } = JSON.parse(out) as {
    readonly findings: readonly { readonly id: string; readonly outcome: string }[]
  }
  expect(findings.filter(({ outcome }) => outcome !== 'kept')).toEqual([])
  expect([status, err]).toEqual([0, ''])
  for (const id of ['secrets', 'config', 'status', 'health', 'admin'])
    expect(findings.map((finding) => finding.id)).toContain(id)
  expect(readFileSync(junit, 'utf8')).toMatch(/<testsuite [^>]*failures="0"/)
})
