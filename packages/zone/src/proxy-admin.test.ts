import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseBody, typeOf } from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import type { AdminQuestion } from '@holdfast/transport'
import { afterEach, expect, test } from 'vitest'
import { askProxyAdmin, withoutTokens } from './proxy-admin.js'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** A proxy's admin interface; what it was asked stands in the answer. */
async function envoy(answer: (path: string) => { readonly status: number; readonly body: string }): Promise<number> {
  const server = createServer((request, response) => {
    const { status, body } = answer(request.url ?? '')
    response.writeHead(status).end(body)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function zoneWith(name: string, networking: object, origin = 'east') {
  const type = typeOf('Dataplane')
  const body = { type: 'Dataplane', mesh: 'default', name, networking }
  const parsed = parseBody(type, body, { writer: { role: 'zone', zone: 'east', federated: false } })
  if (parsed.outcome !== 'parsed') throw new Error(JSON.stringify(parsed))
  const { spec } = parsed.body
  const row = { type: 'Dataplane', mesh: 'default', name, origin, spec, deleted: false } as Partial<Row> as Row
  const read = { get: (key: { readonly name: string }) => Promise.resolve(key.name === name ? row : undefined) }
  return { store: { read } as unknown as Pick<ControlPlaneStore, 'read'>, zone: 'east' }
}

const asks = (kind: AdminQuestion['kind'], more: Partial<AdminQuestion> = {}): AdminQuestion => ({
  ...{
    kind,
    resourceType: 'Dataplane',
    name: 'dp',
    mesh: 'default',
    format: 'text',
    includeEds: false,
    usedOnly: false,
  },
  ...more,
})
const inbound = [{ port: 80, tags: { 'kuma.io/service': 'web' } }]
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

test('a proxy on loopback is asked as Envoy has it', async () => {
  const port = await envoy((path) => ({ status: 200, body: JSON.stringify({ path }) }))
  const zone = zoneWith('dp', { address: '127.0.0.1', admin: { port }, inbound })
  const asked = async (...args: Parameters<typeof asks>) =>
    JSON.parse(text(await askProxyAdmin(zone, asks(...args)))).path
  expect([
    await asked('xds'),
    await asked('xds', { includeEds: true }),
    await asked('stats'),
    await asked('stats', { format: 'json', usedOnly: true }),
    await asked('clusters', { format: 'json' }),
  ]).toEqual([
    '/config_dump',
    '/config_dump?include_eds',
    '/stats',
    '/stats?format=json&usedonly',
    '/clusters?format=json',
  ])
  const other = zoneWith('dp', { address: '127.0.0.1', inbound })
  expect(text(await askProxyAdmin({ ...other, defaultPort: port }, asks('clusters')))).toBe('{"path":"/clusters"}')
})

test('a proxy that cannot be asked says why, and what to do instead', async () => {
  const far = zoneWith('dp', { address: '10.0.0.1', admin: { port: 9902 }, inbound })
  await expect(askProxyAdmin(far, asks('xds'))).rejects.toMatchObject({
    kind: 'invalid',
    message:
      'the admin interface of Dataplane dp is at 10.0.0.1:9902, and zone east asks proxies over loopback only: ask it on its own machine, curl http://127.0.0.1:9902/config_dump',
  })
  await expect(askProxyAdmin(far, asks('xds', { name: 'no' }))).rejects.toMatchObject({
    kind: 'missing',
    message: 'zone east has no Dataplane no in mesh default',
  })
  await expect(
    askProxyAdmin(zoneWith('dp', { address: '127.0.0.1', inbound }, 'west'), asks('xds')),
  ).rejects.toMatchObject({ kind: 'missing' })
  const port = await envoy(() => ({ status: 503, body: 'no' }))
  const broken = zoneWith('dp', { address: '127.0.0.1', admin: { port }, inbound })
  await expect(askProxyAdmin(broken, asks('stats'))).rejects.toMatchObject({
    kind: 'unavailable',
    message: `unable to send GET to http://127.0.0.1:${port}/stats: it answers 503 Service Unavailable`,
  })
  const closed = servers.pop()
  await new Promise((resolve) => closed?.close(resolve))
  await expect(askProxyAdmin(broken, asks('stats'))).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('ECONNREFUSED') as string,
  })
})

test('tokens of a dump are nobody else’s, wherever they stand', () => {
  const metadata = [
    { key: 'authorization', value: 'to"ken' },
    { key: 'x', value: 'kept' },
  ]
  const dump = {
    configs: [
      { bootstrap: { dynamic_resources: { ads_config: { grpc_services: [{ initial_metadata: metadata }] } } } },
    ],
    again: 'to"ken',
  }
  expect(JSON.parse(text(withoutTokens(Buffer.from(JSON.stringify(dump, null, 1)))))).toEqual({
    configs: [
      {
        bootstrap: {
          dynamic_resources: {
            ads_config: {
              grpc_services: [{ initial_metadata: [{ key: 'authorization', value: '[redacted]' }, metadata[1]] }],
            },
          },
        },
      },
    ],
    again: '[redacted]',
  })
  const plain = Buffer.from('{ "configs": [] }')
  expect(withoutTokens(plain)).toBe(plain)
  expect(() => withoutTokens(Buffer.from('no'))).toThrow(/no JSON/)
})
