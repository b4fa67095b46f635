import { getEventListeners } from 'node:events'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { Offer, SessionMessage } from '@holdfast/kds'
import { Problem } from '@holdfast/model'
import { afterEach, expect, test } from 'vitest'
import type { Link } from './link.js'
import { asIs, syncPaths } from './methods.js'
import { type KdsServer, serveKds } from './serve.js'
import { dialZone, type Global, hello, type Observed, startGlobal } from './testing/links.js'

const opened: { close(): Promise<unknown> }[] = []
const global = async (...args: Parameters<typeof startGlobal>): Promise<Global> => {
  const started = await startGlobal(...args)
  opened.push(started.server)
  return started
}
const zone = (...args: Parameters<typeof dialZone>): Observed => {
  const observed = dialZone(...args)
  opened.push({ close: () => observed.link.close({ code: 'OK', reason: 'the test is over' }) })
  return observed
}
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

const offerOf = (name: string, specBytes: number): Offer => ({
  version: '00'.repeat(32),
  resource: {
    type: 'MeshService',
    mesh: 'default',
    name,
    labels: { 'kuma.io/zone': 'west' },
    typeUrl: '',
    spec: new Uint8Array(specBytes).fill(0x20),
    vips: { addresses: ['241.16.0.1', 'fd00::1'], generation: 1 },
  },
})
const deltaOf = (nonce: string, offers: readonly Offer[]): SessionMessage => ({
  type: 'to-receiver',
  channel: 'down',
  message: {
    type: 'delta',
    delta: { type: 'MeshService', nonce, offers, removals: [], absent: [], purpose: { kind: 'asked' } },
  },
})
const beat = (sequence: number): SessionMessage => ({
  type: 'heartbeat',
  heartbeat: { sequence, ackedRevision: 0, faults: [] },
})
const sequences = (observed: Observed): readonly number[] =>
  observed.messages().flatMap((m) => (m.type === 'heartbeat' ? [m.heartbeat.sequence] : []))

test('both sides of a Holdfast session talk on both streams, and every byte is counted once at each end', async () => {
  const east = await global().then(async ({ address, next }) => {
    const dialled = zone(address)
    expect(await dialled.event('headers')).toEqual({ type: 'headers', extension: true, features: ['holdfast-1'] })
    return { dialled, served: await next() }
  })
  const { dialled, served } = east
  expect(served.link.peer).toMatchObject({
    name: 'east',
    extension: true,
    version: '0.1.0',
    sessionId: dialled.link.peer.sessionId,
  })
  expect(served.link.streams).toEqual(['globalToZone', 'zoneToGlobal'])

  dialled.link.send({ type: 'hello', hello })
  await served.event('message')
  expect(served.messages()).toEqual([{ type: 'hello', hello }])
  expect(served.events.find(({ type }) => type === 'node')).toEqual({
    type: 'node',
    stream: 'globalToZone',
    node: {
      version: '',
      instanceId: 'east-0001',
      features: [],
      config: '{"environment":"universal","store":{"type":"postgres"}}',
    },
  })
  expect(served.link.peer.instanceId).toBe('east-0001')

  const offer = offerOf('web', 10)
  served.link.send(deltaOf('1', [offer]))
  const ask = {
    type: 'to-sender',
    channel: 'up',
    message: { type: 'ask', resourceType: 'Mesh', keys: ['a.b'] },
  } as const
  served.link.send(ask)
  await dialled.until(() => dialled.messages().length === 2)
  expect([...dialled.messages()].sort((a, b) => a.type.localeCompare(b.type))).toEqual([deltaOf('1', [offer]), ask])
  const there = dialled.link.counters()
  const here = served.link.counters()
  expect(there).toEqual({
    payloadBytesSent: here.payloadBytesReceived,
    payloadBytesReceived: here.payloadBytesSent,
    messagesSent: 1,
    messagesReceived: 2,
  })
  expect(there.payloadBytesSent).toBeLessThan(600)
})

test('messages larger than gRPC’s default limit arrive; one above ours is named and everything else goes on', async () => {
  const { address, next } = await global()
  const dialled = zone(address)
  const served = await next()
  served.link.send(deltaOf('1', [offerOf('large', 9 * 1024 * 1024)]))
  served.link.send(deltaOf('2', [offerOf('too-large', 10 * 1024 * 1024)]))
  served.link.send(beat(3))
  await dialled.until(() => sequences(dialled).length === 1)
  expect(
    dialled
      .messages()
      .map((m) => (m.type === 'to-receiver' && m.message.type === 'delta' ? m.message.delta.nonce : m.type)),
  ).toEqual(['1', 'heartbeat'])
  const unsendable = await served.event('unsendable')
  expect(unsendable).toMatchObject({ resourceType: 'MeshService', limitBytes: 10 * 1024 * 1024 })
  expect(unsendable.sizeBytes).toBeGreaterThan(10 * 1024 * 1024)
})

test('FLOW: a peer that does not read is waited for up to a bound, then the link closes with a reason', async () => {
  const bound = 4 * 1024 * 1024
  const { address, next } = await global({ limits: { bufferBytesMax: bound, closeTimeoutMs: 200 } })
  const dialled = zone(address, {}, (event, link) => {
    if (event.type === 'headers') link.pause()
  })
  await dialled.event('headers')
  const served = await next()
  const message = deltaOf('1', [offerOf('web', 1024 * 1024)])
  let sent = 0
  while (served.link.writable()) {
    served.link.send(message)
    sent += 1
    await new Promise(setImmediate)
  }
  const drained = served.link.drained()
  while (served.events.every(({ type }) => type !== 'closed') && sent < 200) {
    served.link.send(message)
    sent += 1
    await new Promise(setImmediate)
  }
  expect(await served.event('closed')).toMatchObject({ by: 'us', code: 'RESOURCE_EXHAUSTED' })
  // Whoever waited is released, although nothing was read.
  await drained
})

test('a slow reader is only slowed: what was waited for arrives, in order', async () => {
  const { address, next } = await global()
  const dialled = zone(address, {}, (event, link) => {
    if (event.type === 'headers') link.pause()
  })
  await dialled.event('headers')
  const served = await next()
  let count = 0
  while (served.link.writable()) {
    served.link.send(deltaOf(String(count), [offerOf('web', 1024 * 1024)]))
    count += 1
    await new Promise(setImmediate)
  }
  dialled.link.resume()
  await served.link.drained()
  await dialled.until(() => dialled.messages().length === count)
  expect(
    dialled
      .messages()
      .map((m) => (m.type === 'to-receiver' && m.message.type === 'delta' ? m.message.delta.nonce : m.type)),
  ).toEqual(Array.from({ length: count }, (_, i) => String(i)))
})

test('OWN: closed once, by whom and why; both streams end; nothing is sent or delivered any more', async () => {
  const { address, next } = await global()
  const dialled = zone(address)
  const served = await next()
  await dialled.event('headers')
  // What was sent before the close still arrives, and waits with us meanwhile: a refusal is said, then the session ends.
  const large = deltaOf('1', [offerOf('web', 1024 * 1024)])
  for (let i = 0; i < 5; i++) served.link.send(large)
  served.link.send({ type: 'refused-entry', reason: 'another store has this name' })
  const first = served.link.close({ code: 'FAILED_PRECONDITION', reason: 'refused' })
  const second = served.link.close({ code: 'OK', reason: 'later' })
  served.link.send(beat(1))
  await Promise.all([first, second])
  expect(await dialled.event('closed')).toMatchObject({ by: 'peer', code: 'FAILED_PRECONDITION', reason: 'refused' })
  expect(dialled.messages().map(({ type }) => type)).toEqual([
    ...Array.from({ length: 5 }, () => 'to-receiver'),
    'refused-entry',
  ])
  for (const { events } of [served, dialled]) expect(events.filter(({ type }) => type === 'closed')).toHaveLength(1)
  expect(served.events.at(-1)).toEqual({ type: 'closed', by: 'us', code: 'FAILED_PRECONDITION', reason: 'refused' })
})

test('a zone that closes is seen as closed by its peer, on one event', async () => {
  const { address, next } = await global()
  const dialled = zone(address)
  const served = await next()
  dialled.link.send(beat(1))
  await dialled.link.close({ code: 'OK', reason: 'the zone stops' })
  expect(await served.event('closed')).toMatchObject({ by: 'peer', code: 'OK' })
  expect(sequences(served)).toEqual([1])
})

test('closing a link that was never started releases it', async () => {
  const links: Link[] = []
  const server = await serveKds({
    address: '127.0.0.1',
    port: 0,
    identity: { version: '0.1.0', instanceId: 'global-0001' },
    onLink: (link) => {
      links.push(link)
      void link.close({ code: 'UNAVAILABLE', reason: 'not now' })
    },
  })
  opened.push(server)
  const dialled = zone(`grpc://127.0.0.1:${server.port}`)
  expect(await dialled.event('closed')).toMatchObject({ by: 'peer', code: 'UNAVAILABLE', reason: 'not now' })
  expect(links).toHaveLength(1)
})

test('a stopping server ends every link with UNAVAILABLE, also one that does not read, and frees its port', async () => {
  const { address, next, server } = await global()
  const reading = zone(address)
  const first = await next()
  const deaf = zone(address, {}, (event, link) => {
    if (event.type === 'headers') link.pause()
  })
  const second = await next()
  await deaf.event('headers')
  for (let i = 0; i < 8; i++) second.link.send(deltaOf('1', [offerOf('web', 1024 * 1024)]))
  await Promise.all([server.close(), server.close()])
  expect(await reading.event('closed')).toMatchObject({ by: 'peer', code: 'UNAVAILABLE', reason: 'stream unavailable' })
  expect(await first.event('closed')).toMatchObject({ by: 'us', code: 'UNAVAILABLE' })
  expect(await second.event('closed')).toMatchObject({ by: 'us', code: 'UNAVAILABLE' })
  deaf.link.resume()
  expect(await deaf.event('closed')).toMatchObject({ by: 'peer' })
  const again = await serveKds({
    address: '127.0.0.1',
    port: server.port,
    identity: { version: '0.1.0', instanceId: 'global-0002' },
    onLink: () => {},
  })
  opened.push(again)
  expect(again.port).toBe(server.port)
})

test('signals close what they were given to and keep no listener afterwards', async () => {
  const controller = new AbortController()
  const { address, next, server } = await global({ signal: controller.signal })
  const zones = []
  for (let i = 0; i < 5; i++) {
    const dialled = zone(address, { signal: controller.signal })
    await dialled.event('headers')
    await next()
    zones.push(dialled)
  }
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(6)
  await zones[0]?.link.close({ code: 'OK', reason: 'enough' })
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(5)
  controller.abort()
  for (const { event } of zones) expect((await event('closed')).type).toBe('closed')
  await server.close()
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('nobody listens: the closed event says where', async () => {
  const { server } = await global()
  await server.close()
  const dialled = zone(`grpc://127.0.0.1:${server.port}`)
  const closed = await dialled.event('closed')
  expect(closed).toMatchObject({ by: 'peer', code: 'UNAVAILABLE' })
  expect(closed.reason).toContain(`127.0.0.1:${server.port}`)
})

test('a port that is in use is a problem that names it', async () => {
  const { server } = await global()
  const second: Promise<KdsServer> = serveKds({
    address: '127.0.0.1',
    port: server.port,
    identity: { version: '0.1.0', instanceId: 'global-0002' },
    onLink: () => {},
  })
  await expect(second).rejects.toThrow(Problem)
  await expect(second).rejects.toThrow(new RegExp(`cannot listen for zones on 127.0.0.1:${server.port}: .*EADDRINUSE`))
})

test('admission refuses a stream with the end that it gives', async () => {
  const asked: string[] = []
  const { address } = await global({
    admit: async ({ peer, call }) => {
      asked.push(`${peer.zone} ${call}`)
      return { code: 'RESOURCE_EXHAUSTED', reason: 'come back in 3 s' }
    },
  })
  const dialled = zone(address)
  expect(await dialled.event('closed')).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'come back in 3 s' })
  expect(asked).toContain('east globalToZone')
})

/** A call with metadata of our choice; its status. */
async function endOf(
  address: string,
  path: string,
  metadata: Metadata,
  bytes?: Buffer,
): Promise<{ code: number; details: string }> {
  const client = new Client(address.replace('grpc://', ''), credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  })
  try {
    return await new Promise((resolve) => {
      const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
      call.on('error', () => {})
      call.resume()
      call.on('status', ({ code, details }) => resolve({ code, details }))
      if (bytes !== undefined) call.write(bytes)
    })
  } finally {
    client.close()
  }
}

const metadataOf = (entries: Readonly<Record<string, string>>): Metadata => {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value)
  return metadata
}

test('a stream without a partner ends, as does one without a name or with half of a session', async () => {
  const { address, links } = await global({ limits: { pairTimeoutMs: 50 } })
  const session = { 'client-id': 'east', features: 'holdfast-1', 'holdfast-session': hello.storeId }
  expect(await endOf(address, syncPaths.globalToZone, metadataOf(session))).toEqual({
    code: status.DEADLINE_EXCEEDED,
    details: 'the other stream of this session did not come within 50 ms',
  })
  expect(await endOf(address, syncPaths.zoneToGlobal, metadataOf({}))).toEqual({
    code: status.UNKNOWN,
    details: '"client-id" is not present in metadata',
  })
  expect(await endOf(address, syncPaths.zoneToGlobal, metadataOf({ ...session, 'holdfast-session': '1' }))).toEqual({
    code: status.INVALID_ARGUMENT,
    details: '"holdfast-session" must be a lowercase UUID in the metadata of a peer with holdfast-1, not "1"',
  })
  expect(links).toEqual([])
})

test('malformed bytes are a violation, the link closes, and the other zones do not notice', async () => {
  const { address, next } = await global()
  const good = zone(address)
  const goodServed = await next()
  await good.event('headers')
  const bad = endOf(address, syncPaths.globalToZone, metadataOf({ 'client-id': 'west' }), Buffer.from([0x0a, 0xff]))
  const served = await next()
  expect(await served.event('violation')).toEqual({
    type: 'violation',
    stream: 'globalToZone',
    reason: 'request on GlobalToZoneSync: not protobuf: premature EOF',
  })
  expect(await served.event('closed')).toMatchObject({ by: 'us', code: 'INVALID_ARGUMENT' })
  expect(await bad).toEqual({
    code: status.INVALID_ARGUMENT,
    details: 'request on GlobalToZoneSync: not protobuf: premature EOF',
  })
  good.link.send(beat(1))
  await goodServed.until(() => sequences(goodServed).length === 1)
  expect(good.events.map(({ type }) => type)).toEqual(['headers'])
})

test('a word of the replica comes with the headers, is the same for every session of it, and a forged one changes nothing', async () => {
  const { address, next } = await global()
  const first = zone(address)
  await first.event('headers')
  await next()
  const { affinity } = first.link.peer
  expect(affinity).toMatch(/^[A-Za-z0-9_-]{16}$/)
  for (const said of [affinity, 'forged']) {
    const again = zone(address, said === undefined ? {} : { affinity: said })
    expect(await again.event('headers')).toMatchObject({ type: 'headers', extension: true })
    await next()
    expect(again.link.peer.affinity).toBe(affinity)
  }
  const other = await global({ identity: { version: 'test', instanceId: 'another' } })
  const elsewhere = zone(other.address, { affinity: affinity ?? '' })
  await elsewhere.event('headers')
  expect(elsewhere.link.peer.affinity).not.toBe(affinity)
})
