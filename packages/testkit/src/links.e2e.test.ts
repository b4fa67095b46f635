import { randomUUID } from 'node:crypto'
import type { PlainMessage } from '@holdfast/kds'
import { encodeKumaResource, type KumaResourceParts, utf8 } from '@holdfast/model'
import { dialKds, type Link, type LinkEvent, serveKds } from '@holdfast/transport'
import { afterEach, expect, test } from 'vitest'
import { startFakeKumaGlobal } from './fake-kuma/global.js'
import { startFakeKumaZone } from './fake-kuma/zone.js'
import { createLevel, type Level } from './level.js'
import { startTcpProxy } from './tcp-proxy.js'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Watched {
  readonly link: Link
  readonly events: readonly LinkEvent[]
  readonly until: Level['until']
}

function watch(link: Link, react: (event: LinkEvent) => void = () => {}): Watched {
  const events: LinkEvent[] = []
  const level = createLevel()
  link.start((event) => {
    events.push(event)
    react(event)
    level.changed()
  })
  closers.push(() => link.close({ code: 'OK', reason: 'the test is over' }))
  return { link, events, until: level.until }
}

const closedOf = ({ events }: Watched) => events.find(({ type }) => type === 'closed')
const plainOf = ({ events }: Watched): readonly PlainMessage[] =>
  events.flatMap((event) => (event.type === 'plain' ? [event.message] : []))

async function serve(react?: (event: LinkEvent, link: Link) => void) {
  const links: Watched[] = []
  const level = createLevel()
  const healthChecks: string[] = []
  const server = await serveKds({
    address: '127.0.0.1',
    port: 0,
    identity: { version: '0.1.0', instanceId: 'global-0001' },
    onLink: (link) => {
      links.push(watch(link, (event) => react?.(event, link)))
      level.changed()
    },
    onHealthCheck: ({ zone }) => {
      healthChecks.push(zone)
      level.changed()
    },
  })
  closers.push(() => server.close())
  return { server, links, healthChecks, until: level.until }
}

const dial = (port: number, react?: (event: LinkEvent, link: Link) => void): Watched => {
  const link = dialKds({
    address: `grpc://127.0.0.1:${port}`,
    zone: 'east',
    sessionId: randomUUID(),
    version: '0.1.0',
    instanceId: 'east-0001',
    nodeConfig: { storeType: 'postgres', environment: 'universal', full: '{"store":{"type":"postgres"}}' },
  })
  return watch(link, (event) => react?.(event, link))
}

const service = (name: string, origin: string): KumaResourceParts => ({
  name,
  mesh: 'default',
  labels: { 'kuma.io/origin': origin, 'kuma.io/zone': 'east' },
  typeUrl: '',
  spec: utf8('{"selector":{}}'),
  status: utf8('{"tls":{},"dataplaneProxies":{}}'),
})
const offerOf = (name: string) => ({
  version: '00'.repeat(32),
  resource: {
    type: 'MeshService',
    mesh: 'default',
    name,
    labels: { 'kuma.io/zone': 'west' },
    typeUrl: '',
    spec: utf8('{"selector":{}}'),
  },
})

test('a Kuma zone is a link per stream, answers what it is offered and is told from a Holdfast zone', async () => {
  const { server, links, healthChecks, until } = await serve((event, link) => {
    if (event.type === 'headers' && link.streams.includes('zoneToGlobal'))
      link.send({ plain: { type: 'subscribe', resourceType: 'MeshService', initialVersions: {} } })
    if (event.type !== 'plain') return
    const { message } = event
    if (message.type === 'subscribe')
      link.send({
        plain: {
          type: 'response',
          resourceType: message.resourceType,
          nonce: message.resourceType,
          offers: message.resourceType === 'MeshService' ? [offerOf('web')] : [],
          removals: [],
        },
      })
    if (message.type === 'response')
      link.send({ plain: { type: 'ack', resourceType: message.resourceType, nonce: message.nonce } })
  })
  const zone = startFakeKumaZone({
    target: `127.0.0.1:${server.port}`,
    zone: 'east',
    asksFor: ['Mesh', 'MeshService', 'TypeOfTheFuture'],
    refuses: (type, { name }) => (type === 'MeshService' && name === 'web' ? 'spec: no ports' : undefined),
  })
  closers.push(async () => zone.stop())
  zone.put('MeshService', service('db', 'zone'))
  await zone.until(() => zone.received().length === 3 && zone.verdicts().length >= 1)
  await until(() => healthChecks.length === 1)
  expect(zone.ended()).toBeUndefined()
  expect(zone.received()).toEqual([
    { type: 'Mesh', nonce: 'Mesh', keys: [], removed: [] },
    { type: 'MeshService', nonce: 'MeshService', keys: ['web.default'], removed: [] },
    { type: 'TypeOfTheFuture', nonce: 'TypeOfTheFuture', keys: [], removed: [] },
  ])
  expect(zone.sent()[0]).toEqual({ type: 'MeshService', nonce: '1', keys: ['db.default'], removed: [] })
  expect(zone.verdicts()[0]).toEqual({ type: 'MeshService', nonce: '1' })
  const down = links.find(({ link }) => link.streams.includes('globalToZone'))
  const up = links.find(({ link }) => link.streams.includes('zoneToGlobal'))
  expect([down?.link.streams, up?.link.streams]).toEqual([['globalToZone'], ['zoneToGlobal']])
  expect(down?.link.peer).toMatchObject({
    name: 'east',
    extension: false,
    version: '2.14.3',
    instanceId: 'east-cp-0001',
    features: ['zone-ping-health', 'hash-suffix'],
  })
  await down?.until(() => plainOf(down).length === 6)
  expect(down && plainOf(down).slice(3)).toEqual([
    { type: 'ack', resourceType: 'Mesh', nonce: 'Mesh' },
    { type: 'nack', resourceType: 'MeshService', nonce: 'MeshService', message: 'spec: no ports' },
    { type: 'ack', resourceType: 'TypeOfTheFuture', nonce: 'TypeOfTheFuture' },
  ])

  zone.stop()
  await Promise.all(links.map((one) => one.until(() => closedOf(one) !== undefined)))
})

test('a Kuma global is one link with both streams, its companions kept up, and all of it ends together', async () => {
  const global = await startFakeKumaGlobal()
  closers.push(() => global.close())
  global.put('Mesh', {
    name: 'default',
    mesh: '',
    labels: { 'kuma.io/origin': 'global' },
    typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh',
    spec: new Uint8Array(),
  })
  const zone = dial(global.port, (event, link) => {
    if (event.type === 'headers')
      for (const resourceType of ['Mesh', 'MeshTimeout', 'TypeOfTheFuture'])
        link.send({ plain: { type: 'subscribe', resourceType, initialVersions: {} } })
    if (event.type !== 'plain') return
    const { message } = event
    if (message.type === 'response')
      link.send({ plain: { type: 'ack', resourceType: message.resourceType, nonce: message.nonce } })
    if (message.type === 'subscribe')
      link.send({
        plain: {
          type: 'response',
          resourceType: message.resourceType,
          nonce: message.resourceType,
          offers: message.resourceType === 'MeshService' ? [offerOf('web')] : [],
          removals: [],
        },
      })
  })
  const view = global.zone('east')
  await global.until(() => view.verdicts().length === 3 && view.received().length >= 26 && view.calls().length === 5)
  await global.until(() => view.healthChecks() === 1)
  expect(zone.events[0]).toEqual({ type: 'headers', extension: false, features: [] })
  expect(zone.link.streams).toEqual(['globalToZone', 'zoneToGlobal'])
  expect(view.calls()).toEqual([
    'GlobalToZoneSync',
    'StreamClusters',
    'StreamStats',
    'StreamXDSConfigs',
    'ZoneToGlobalSync',
  ])
  expect(view.sent()).toEqual([
    { type: 'Mesh', nonce: '1', keys: ['default.'], removed: [] },
    { type: 'MeshTimeout', nonce: '2', keys: [], removed: [] },
    { type: 'TypeOfTheFuture', nonce: '3', keys: [], removed: [] },
  ])
  expect(view.verdicts()).toEqual([
    { type: 'Mesh', nonce: '1' },
    { type: 'MeshTimeout', nonce: '2' },
    { type: 'TypeOfTheFuture', nonce: '3' },
  ])
  // What we say is what the origin's own Kuma would say, byte for byte.
  const held = view.held().get('MeshService')?.get('web.default')
  expect(held && Buffer.from(encodeKumaResource(held)).toString('utf8')).toContain('{"tls":{},"dataplaneProxies":{}}')
  expect(global.faults()).toEqual([])
  for (const metadata of global.metadata())
    expect([metadata.get('client-id'), metadata.get('kds-version'), metadata.get('features')]).toEqual([
      ['east'],
      ['v3'],
      ['zone-ping-health, hash-suffix, holdfast-1'],
    ])

  global.endStreams()
  await zone.until(() => closedOf(zone) !== undefined)
  expect(closedOf(zone)).toMatchObject({ by: 'peer', code: 'UNAVAILABLE' })
  await global.until(() => view.calls().length === 0)
  expect(zone.events.filter(({ type }) => type === 'closed')).toHaveLength(1)
})

test.each(['reset', 'fin'] as const)(
  'a link that is cut (%s) ends once at both ends, with both streams',
  async (how) => {
    const { server, links, until } = await serve()
    const proxy = await startTcpProxy({ targetPort: server.port })
    closers.push(() => proxy.close())
    const zone = dial(proxy.port)
    await zone.until(() => zone.events.length === 1)
    await until(() => links.length === 1)
    const [served] = links
    if (served === undefined) throw new Error('no link')
    proxy.cut(how)
    await Promise.all([
      zone.until(() => closedOf(zone) !== undefined),
      served.until(() => closedOf(served) !== undefined),
    ])
    expect(closedOf(zone)).toMatchObject({ by: 'peer', code: 'UNAVAILABLE' })
    expect(closedOf(served)).toMatchObject({ by: 'peer', code: 'CANCELLED' })
    for (const { events } of [zone, served]) expect(events.map(({ type }) => type)).toEqual(['headers', 'closed'])
    // And a new session over the same cable is a link of its own.
    const again = dial(proxy.port)
    await again.until(() => again.events.length === 1)
    await until(() => links.length === 2)
    expect(again.events[0]).toMatchObject({ type: 'headers', extension: true })
  },
)

test('closing over a dead cable is bounded, and says so at once', async () => {
  const { server, links, until } = await serve()
  const proxy = await startTcpProxy({ targetPort: server.port })
  closers.push(() => proxy.close())
  const zone = dial(proxy.port)
  await zone.until(() => zone.events.length === 1)
  await until(() => links.length === 1)
  const [served] = links
  if (served === undefined) throw new Error('no link')
  proxy.freeze()
  const startMs = performance.now()
  let isReleased = false
  const released = Promise.all([
    zone.link.close({ code: 'UNAVAILABLE', reason: 'no heartbeat' }),
    served.link.close({ code: 'UNAVAILABLE', reason: 'no heartbeat' }),
  ]).then(() => {
    isReleased = true
  })
  await Promise.all([
    zone.until(() => closedOf(zone) !== undefined),
    served.until(() => closedOf(served) !== undefined),
  ])
  expect(isReleased).toBe(false)
  await released
  expect([closedOf(zone), closedOf(served)]).toEqual([
    { type: 'closed', by: 'us', code: 'UNAVAILABLE', reason: 'no heartbeat' },
    { type: 'closed', by: 'us', code: 'UNAVAILABLE', reason: 'no heartbeat' },
  ])
  expect(performance.now() - startMs).toBeLessThan(3_000)
})

test('dialling into a frozen cable gives up within its bound', async () => {
  const { server } = await serve()
  const proxy = await startTcpProxy({ targetPort: server.port })
  closers.push(() => proxy.close())
  proxy.freeze()
  const zone = watch(
    dialKds({
      address: `grpc://127.0.0.1:${proxy.port}`,
      zone: 'east',
      sessionId: randomUUID(),
      version: '0.1.0',
      instanceId: 'east-0001',
      nodeConfig: { storeType: 'postgres', environment: 'universal', full: '{}' },
      limits: { connectTimeoutMs: 100 },
    }),
  )
  await zone.until(() => closedOf(zone) !== undefined)
  expect(closedOf(zone)).toEqual({
    type: 'closed',
    by: 'peer',
    code: 'UNAVAILABLE',
    reason: `no connection to 127.0.0.1:${proxy.port} within 100 ms; is a global listening there?`,
  })
})
