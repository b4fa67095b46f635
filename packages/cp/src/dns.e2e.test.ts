import { promises as dns } from 'node:dns'
import { join } from 'node:path'
import { startEmbedded } from '@holdfast/store'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, Processes, type Running, until } from './testing/process.js'

let processes: Processes
beforeEach(() => {
  processes = new Processes()
})
afterEach(() => processes.close())

const meshService = (name: string) => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: { 'kuma.io/origin': 'zone' },
  spec: {
    selector: { dataplaneTags: { 'kuma.io/service': name } },
    ports: [{ port: 80, targetPort: 8080, appProtocol: 'http', name: 'http' }],
  },
})

async function put(plane: Running, name: string): Promise<void> {
  const { status, body } = await ask('PUT', `${plane.apiUrl}/meshes/default/meshservices/${name}`, meshService(name))
  if (status !== 201 && status !== 200) throw new Error(`PUT ${name}: ${status} ${JSON.stringify(body)}`)
}

function resolverOf(zone: { readonly ports: { readonly dns?: number } }): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 3 })
  resolver.setServers([`127.0.0.1:${zone.ports.dns}`])
  return resolver
}

const found = (resolver: dns.Resolver, name: string): Promise<readonly string[]> =>
  resolver.resolve4(name).catch((error: { readonly code: string }) => [error.code])

/** Asks ten times a second and remembers every answer that was not the first one. */
function watch(resolver: dns.Resolver, name: string) {
  const others: string[] = []
  let asked = 0
  let first: string | undefined
  const timer = setInterval(async () => {
    const said = (await found(resolver, name)).join(' ')
    asked++
    first ??= said
    if (said !== first) others.push(said)
  }, 100)
  return { others, asked: () => asked, first: () => first, stop: () => clearInterval(timer) }
}

test('names of all zones are answered in each, through the loss of global and of the database, and a deleted one is gone at once', {
  timeout: 180_000,
}, async () => {
  const database = await startEmbedded({
    dataDir: join(processes.folder, 'postgres'),
    signal: new AbortController().signal,
  })
  let stopped = false
  try {
    const global = await processes.start('global', ['--init'])
    const federated = ['--global-address', `grpc://127.0.0.1:${global.ports.kds}`]
    const east = await processes.start('zone', ['--zone', 'east', ...federated])
    const westFlags = [
      '--zone',
      'west',
      ...federated,
      '--database-url',
      database.url,
      '--data-dir',
      join(processes.folder, 'west'),
    ]
    const west = await processes.start('zone', westFlags)
    await put(east, 'web')
    await put(west, 'pay')
    const inEast = resolverOf(east)
    const inWest = resolverOf(west)
    await until('both names in both zones', async () => {
      const answers = await Promise.all([
        found(inEast, 'web.svc.mesh.local'),
        found(inEast, 'pay.svc.west.mesh.local'),
        found(inWest, 'web.svc.east.mesh.local'),
        found(inWest, 'pay.svc.mesh.local'),
      ])
      return answers.every(([address = '']) => address.startsWith('241.'))
    })
    const [web] = await found(inEast, 'web.svc.mesh.local')
    expect(await found(inWest, 'web.svc.east.mesh.local')).toEqual([web])
    expect(await inWest.reverse(web ?? '')).toEqual(['web.svc.east.mesh.local'])
    expect(await inWest.resolveSrv('_http._tcp.web.svc.east.mesh.local')).toMatchObject([{ port: 80 }])

    // Asked through the API of the zone, and through global, which asks the zone.
    const lookup = (url: string, ...args: string[]) => processes.holdfastctl(['--url', url, 'dns', 'lookup', ...args])
    const explained = await lookup(global.apiUrl, 'web.svc.east.mesh.local', '--zone', 'west', '--explain')
    expect([explained.status, explained.err]).toEqual([0, ''])
    expect(explained.out).toContain(web)
    expect(explained.out).toMatch(/generator\s+synced-universal-mesh-service/)
    expect(explained.out).toMatch(/service\s+MeshService web-\w+ of zone east in mesh default/)
    expect((await lookup(west.apiUrl, 'nobody.svc.mesh.local')).status).toBe(1)
    const status = await processes.holdfastctl(['--url', global.apiUrl, 'dns', 'status', '--zone', 'west'])
    expect([status.status, status.out]).toEqual([
      0,
      expect.stringContaining('none: what is answered is what ledger and store have'),
    ])
    expect((await processes.holdfastctl(['--url', global.apiUrl, 'vip', 'verify'])).status).toBe(0)

    // Global dies, then the database of west, then west itself: who resolves sees nothing of it.
    const watched = watch(inWest, 'web.svc.east.mesh.local')
    await global.signal('SIGKILL')
    await database.stop()
    stopped = true
    await until('the zone to notice', () => west.logged('names stay as they are'))
    expect(await found(inWest, 'pay.svc.mesh.local')).toHaveLength(1)
    watched.stop()
    expect([watched.others, watched.first(), watched.asked() > 0]).toEqual([[], web, true])

    await west.signal('SIGKILL')
    const again = processes.begin('zone', westFlags).process
    await until('west to answer without its database', () => again.logged('names are answered'), {
      otherwise: () => again.out,
    })
    const port = again.log().find(({ msg }) => msg === 'names are answered')?.port
    const after = resolverOf({ ports: { dns: Number(port) } })
    expect(await found(after, 'web.svc.east.mesh.local')).toEqual([web])
    expect(await found(after, 'pay.svc.mesh.local')).toHaveLength(1)
    expect(again.hasEnded).toBe(false)

    // East lives on alone: who is deleted is gone at once, who is new is there at once.
    expect((await ask('DELETE', `${east.apiUrl}/meshes/default/meshservices/web`)).status).toBe(200)
    await put(east, 'late')
    await until('the changes', async () => (await found(inEast, 'late.svc.mesh.local'))[0]?.startsWith('241.') === true)
    expect(await found(inEast, 'web.svc.mesh.local')).toEqual(['ENOTFOUND'])
  } finally {
    if (!stopped) await database.stop()
  }
})

test('DNS can be switched off, and a port in use, a bad upstream and a circle are said before anything starts', {
  timeout: 60_000,
}, async () => {
  const off = await processes.start('zone', ['--zone', 'east', '--dns-port', 'off'])
  expect(off.ports.dns).toBeUndefined()
  expect(await ask('GET', `${off.apiUrl}/_holdfast/dns`)).toMatchObject({ body: { enabled: false } })
  const on = await processes.start('zone', ['--zone', 'west'])
  const said = async (...flags: string[]) => {
    const { status, err } = await processes.begin('zone', ['--zone', 'north', ...flags]).process.ended
    return [status, err]
  }
  expect(await said('--dns-port', String(on.ports.dns))).toEqual([1, expect.stringContaining('for the DNS is in use')])
  expect(await said('--dns-port', 'maybe', '--dns-upstream', 'resolver.example')).toEqual([
    1,
    expect.stringMatching(/--dns-port.*must be between 0 and 65535, or off[\s\S]*--dns-upstream.*list of addresses/),
  ])
  expect(await said('--dns-port', '15653', '--dns-upstream', '127.0.0.1:15653')).toEqual([
    1,
    expect.stringContaining("is this zone's own DNS"),
  ])
})

test('of two services that want one name the older is answered, and the other one says so wherever it is shown', {
  timeout: 60_000,
}, async () => {
  const zone = await processes.start('zone', [
    '--zone',
    'east',
    '--vip-block',
    '241.16.0.0/20',
    '--vip-block',
    '242.16.0.0/20',
  ])
  const generator = (name: string, selector: string, template: string) => ({
    type: 'HostnameGenerator',
    name,
    labels: { 'kuma.io/origin': 'zone' },
    spec: { selector: { [selector]: { matchLabels: {} } }, template },
  })
  const all = [
    generator('short', 'meshService', '{{ .DisplayName }}.short.local'),
    generator('too-long', 'meshService', `{{ .DisplayName }}.${'a'.repeat(64)}.short.local`),
    generator('short-external', 'meshExternalService', '{{ .DisplayName }}.short.local'),
  ]
  for (const each of all)
    expect(await ask('PUT', `${zone.apiUrl}/hostnamegenerators/${each.name}`, each)).toMatchObject({ status: 201 })
  await put(zone, 'pay')
  const external = {
    type: 'MeshExternalService',
    mesh: 'default',
    name: 'pay',
    labels: { 'kuma.io/origin': 'zone' },
    spec: {
      match: { type: 'HostnameGenerator', port: 443, protocol: 'tcp' },
      endpoints: [{ address: '192.0.2.1', port: 443 }],
    },
  }
  const externalUrl = `${zone.apiUrl}/meshes/default/meshexternalservices/pay`
  expect(await ask('PUT', externalUrl, external)).toMatchObject({ status: 201 })
  const resolver = resolverOf(zone)
  await until(
    'both to be named',
    async () => (await found(resolver, 'pay.extsvc.mesh.local'))[0]?.startsWith('242.') === true,
  )
  const older = await found(resolver, 'pay.svc.mesh.local')
  expect(await found(resolver, 'pay.short.local')).toEqual(older)
  const status = async () => JSON.stringify(((await ask('GET', externalUrl)).body as { status: unknown }).status)
  const said = await status()
  expect(said).toContain('MeshService pay of zone east in mesh default is older and has the name')
  expect(said).toContain('Collision')
  expect(said).not.toContain('"hostname":"pay.short.local"')
  const unserved = await processes.holdfastctl(['--url', zone.apiUrl, 'dns', 'unserved'])
  expect([unserved.status, unserved.out]).toEqual([
    0,
    expect.stringMatching(/pay\.short\.local\s.*MeshExternalService pay/),
  ])
  // What DNS cannot carry is no name either, and the status says which label it is.
  const long = JSON.stringify((await ask('GET', `${zone.apiUrl}/meshes/default/meshservices/pay`)).body)
  expect(long).toMatch(/"reason":"TemplateError","message":"the label \\"a{64}\\" of .* has 64 bytes/)
  // It goes, and the other one has the name with its own address.
  expect((await ask('DELETE', `${zone.apiUrl}/meshes/default/meshservices/pay`)).status).toBe(200)
  await until(
    'the name to pass on',
    async () => (await found(resolver, 'pay.short.local'))[0]?.startsWith('242.') === true,
  )
  expect(await status()).not.toContain('Collision')
})
