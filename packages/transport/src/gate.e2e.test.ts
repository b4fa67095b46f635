import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import type { TurnedAway } from './gate.js'
import type { LinkLimits } from './limits.js'
import { healthCheckPath, syncPaths } from './methods.js'
import type { KdsServer } from './serve.js'
import {
  clientPreface,
  frame,
  frameFlags,
  frameTypes,
  grpcMessage,
  headerBlock,
  splitFrames,
} from './testing/frames.js'
import { dialZone, type Observed, startGlobal } from './testing/links.js'

// What a stranger can do to the KDS port before anybody has asked for its name.
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Guarded {
  readonly server: KdsServer
  readonly address: string
  readonly turnedAway: readonly TurnedAway[]
  next(): Promise<Observed>
}

async function guarded(limits: Partial<LinkLimits>): Promise<Guarded> {
  const turnedAway: TurnedAway[] = []
  const { server, address, next } = await startGlobal({ limits, onTurnedAway: (one) => turnedAway.push(one) })
  closers.push(() => server.close())
  return { server, address, next, turnedAway }
}

interface Raw {
  readonly socket: Socket
  readonly received: () => ReturnType<typeof splitFrames>
  readonly gone: Promise<void>
}

function raw({ server }: Guarded): Raw {
  const socket = connect(server.port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('error', () => {}).on('data', (bytes) => chunks.push(bytes))
  closers.push(() => socket.destroy())
  return {
    socket,
    received: () => splitFrames(Buffer.concat(chunks)),
    gone: new Promise((resolve) => socket.once('close', () => resolve())),
  }
}

const isTrueSoon = async (holds: () => boolean): Promise<void> => {
  const endMs = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > endMs) throw new Error('not true within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const requestFields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', syncPaths.globalToZone],
  [':authority', 'global'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['client-id', 'east'],
] as const
const request = (more: readonly (readonly [string, string])[] = []): Uint8Array =>
  headerBlock([...requestFields, ...more])
const greeting = Buffer.concat([clientPreface, frame(frameTypes.settings, 0, 0)])
const callOn = (streamId: number, block = request()): Uint8Array =>
  frame(frameTypes.headers, frameFlags.endHeaders, streamId, block)

/** A zone of ours is let in, whatever the others do. */
async function others(global: Guarded): Promise<void> {
  const zone = dialZone(global.address)
  expect((await zone.event('headers')).extension).toBe(true)
  await zone.link.close({ code: 'OK', reason: 'the test is over' })
}

test.each([
  ['nothing', () => {}],
  ['half a greeting', ({ socket }: Raw) => socket.write(greeting.subarray(0, 10))],
  ['a greeting and no call', ({ socket }: Raw) => socket.write(greeting)],
  [
    'its greeting a byte at a time',
    ({ socket }: Raw) => {
      let at = 0
      const timer = setInterval(() => {
        socket.write(greeting.subarray(at, at + 1))
        at += 1
      }, 50)
      socket.once('close', () => clearInterval(timer))
    },
  ],
  [
    'headers that never end',
    ({ socket }: Raw) => socket.write(Buffer.concat([greeting, frame(frameTypes.headers, 0, 1, request())])),
  ],
])('a connection that says %s is cut', async (_, say) => {
  // As long as a zone of ours needs on a machine that has much else to do.
  const global = await guarded({ handshakeTimeoutMs: 1_000 })
  const stranger = raw(global)
  say(stranger)
  await stranger.gone
  await isTrueSoon(() => global.turnedAway.length === 1)
  expect(global.turnedAway).toEqual([
    { remoteAddress: '127.0.0.1', why: 'handshake', reason: 'it made no call within 1000 ms of connecting' },
  ])
  await others(global)
})

test('who has called stays as long as it likes', async () => {
  const global = await guarded({ handshakeTimeoutMs: 300, idleTimeoutMs: 300 })
  const { socket, gone } = raw(global)
  socket.write(Buffer.concat([greeting, callOn(1)]))
  await global.next()
  let isGone = false
  void gone.then(() => {
    isGone = true
  })
  // Three that say nothing, one after the other, each for as long as both limits: by the last cut they have passed thrice.
  for (const _ of [1, 2, 3]) await raw(global).gone
  await isTrueSoon(() => global.turnedAway.length === 3)
  expect([isGone, global.turnedAway.map(({ why }) => why)]).toEqual([false, ['handshake', 'handshake', 'handshake']])
})

test('a call that comes while our own loop stands still is in time', async () => {
  const global = await guarded({ handshakeTimeoutMs: 100 })
  const { socket, gone } = raw(global)
  await isTrueSoon(() => global.server.connections() === 1)
  // After sockets were looked at, and before timers are.
  await new Promise<void>((resolve) =>
    setImmediate(() => {
      socket.write(Buffer.concat([greeting, callOn(1)]))
      const endMs = performance.now() + 200
      while (performance.now() < endMs);
      resolve()
    }),
  )
  expect(await Promise.race([global.next().then(() => 'taken'), gone.then(() => 'cut')])).toBe('taken')
  expect(global.turnedAway).toEqual([])
})

test('a connection on which nothing is called any more is closed', async () => {
  const global = await guarded({ idleTimeoutMs: 300 })
  const session = connectHttp2(`http://127.0.0.1:${global.server.port}`)
  const closed = new Promise((resolve) => session.once('close', resolve))
  const stream = session.request({
    ...{ ':method': 'POST', ':path': healthCheckPath, te: 'trailers', 'content-type': 'application/grpc' },
    'client-id': 'east',
  })
  stream.on('error', () => {}).resume()
  stream.end(grpcMessage(new Uint8Array()))
  await closed
  await others(global)
})

test('connections of one address are bounded, and a place that is free again is taken', async () => {
  const global = await guarded({ connectionsPerAddressMax: 2, connectionsMax: 10 })
  const first = raw(global)
  raw(global)
  await isTrueSoon(() => global.server.connections() === 2)
  await raw(global).gone
  expect(global.turnedAway).toMatchObject([
    { why: 'connections-of-address', reason: '2 connections of this address stand already, and no more are taken' },
  ])
  first.socket.destroy()
  await isTrueSoon(() => global.server.connections() === 1)
  const fourth = raw(global)
  fourth.socket.write(Buffer.concat([greeting, callOn(1)]))
  await global.next()
})

test('calls of one connection are bounded: those too many are refused, and who goes on loses the connection', async () => {
  const global = await guarded({ callsBurst: 8, callsPerSecond: 1 })
  const { socket, received, gone } = raw(global)
  const refused = () => received().filter(({ type, payload }) => type === frameTypes.headers && payload.length > 60)
  socket.write(Buffer.concat([greeting, ...Array.from({ length: 10 }, (_, i) => callOn(2 * i + 1))]))
  await isTrueSoon(() => refused().length >= 1)
  expect(global.turnedAway).toMatchObject([{ why: 'calls' }])
  socket.write(Buffer.concat(Array.from({ length: 40 }, (_, i) => callOn(2 * i + 101))))
  await gone
  await others(global)
})

test.each([
  ['a method that nobody has', ':path', '/nobody.has/This'],
  ['something that is no gRPC', 'content-type', 'text/plain'],
])('calls of %s are counted too, and who goes on loses the connection', async (_, name, value) => {
  const global = await guarded({ callsBurst: 8, callsPerSecond: 1 })
  const { socket, received, gone } = raw(global)
  const answers = () => received().filter(({ type }) => type === frameTypes.headers).length
  const odd = headerBlock(requestFields.map(([key, usual]) => [key, key === name ? value : usual] as const))
  // One that is known, so that the connection is no longer one that has called nothing.
  socket.write(Buffer.concat([greeting, callOn(1)]))
  await global.next()
  let id = 3
  const more = (count: number): Buffer => {
    const calls = Array.from({ length: count }, (__, i) => callOn(id + 2 * i, odd))
    id += 2 * count
    return Buffer.concat(calls)
  }
  socket.write(more(7))
  await isTrueSoon(() => answers() >= 7)
  expect(global.turnedAway).toEqual([])
  socket.write(more(40))
  await gone
  expect(global.turnedAway).toMatchObject([{ why: 'calls' }])
  await others(global)
})

test('streams of one connection are bounded', async () => {
  const global = await guarded({ streamsPerConnectionMax: 2 })
  const { socket, received, gone } = raw(global)
  socket.write(Buffer.concat([greeting, frame(frameTypes.settings, frameFlags.ack, 0), callOn(1), callOn(3)]))
  await Promise.all([global.next(), global.next()])
  socket.write(callOn(5))
  const isRefused = () => received().some(({ type }) => type === frameTypes.rstStream || type === frameTypes.goaway)
  await Promise.race([gone, isTrueSoon(isRefused)])
  await others(global)
})

test('headers of 200 KiB are not taken', async () => {
  const global = await guarded({})
  const { socket, received, gone } = raw(global)
  const block = request(Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'y'.repeat(10_000)] as const))
  const parts = Array.from({ length: Math.ceil(block.length / 16_000) }, (_, i) =>
    block.slice(i * 16_000, (i + 1) * 16_000),
  )
  const frames = parts.map((part, i) =>
    frame(
      i === 0 ? frameTypes.headers : frameTypes.continuation,
      i === parts.length - 1 ? frameFlags.endHeaders : 0,
      1,
      part,
    ),
  )
  socket.write(Buffer.concat([greeting, ...frames]))
  const isReset = () => received().some(({ type }) => type === frameTypes.rstStream || type === frameTypes.goaway)
  await Promise.race([gone, isTrueSoon(isReset)])
  await others(global)
})

test('a small message that unpacks to more than a message may have ends its stream', async () => {
  const global = await guarded({})
  const { socket, received } = raw(global)
  const packed = gzipSync(new Uint8Array(20 << 20))
  const bytes = grpcMessage(packed)
  bytes[0] = 1
  socket.write(Buffer.concat([greeting, callOn(1, request([['grpc-encoding', 'gzip']]))]))
  await global.next()
  for (let at = 0; at < bytes.length; at += 16_000)
    socket.write(frame(frameTypes.data, 0, 1, bytes.subarray(at, at + 16_000)))
  const isEnded = () => received().some(({ type, flags }) => type === frameTypes.headers && (flags & 1) === 1)
  await isTrueSoon(isEnded)
  const end = received().find(({ type, flags }) => type === frameTypes.headers && (flags & 1) === 1)
  expect([packed.length < 64 << 10, end?.streamId]).toEqual([true, 1])
  await others(global)
})

test('more messages than can be meant are read later, and none is lost', async () => {
  const global = await guarded({ messagesBurst: 20, messagesPerSecond: 100 })
  const { socket } = raw(global)
  socket.write(Buffer.concat([greeting, callOn(1)]))
  const { event, events } = await global.next()
  await event('headers')
  // {1: {1: "east"}, 2: "Mesh"}: asked for again and again.
  const ask = grpcMessage(Buffer.from(`0a060a04656173741204${Buffer.from('Mesh').toString('hex')}`, 'hex'))
  const startedMs = performance.now()
  for (let i = 0; i < 100; i++) socket.write(frame(frameTypes.data, 0, 1, ask))
  await isTrueSoon(() => events.filter(({ type }) => type === 'plain').length === 100)
  // 80 after the burst at 100 a second; what is read ahead of a pause is a few.
  expect(performance.now() - startedMs).toBeGreaterThan(300)
})

test('FLOW: of a session that is not whole no more is kept than HTTP/2 lets through; of one that is, one message at most', async () => {
  const global = await guarded({ pairTimeoutMs: 60_000 })
  // In MiB; by default a client ends a connection on which more than 10 wait to be sent.
  const client = connectHttp2(`http://127.0.0.1:${global.server.port}`, { maxSessionMemory: 64 })
  closers.push(() => client.destroy())
  client.on('error', () => {})
  await new Promise((resolve) => client.once('connect', resolve))
  const messageBytes = 9 << 20
  /** The beginning of one large message, of which the last byte never comes. */
  const begun = (headers: Readonly<Record<string, string>>) => {
    const stream = client.request({
      ':method': 'POST',
      ':path': syncPaths.globalToZone,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('error', () => {})
    const length = Buffer.alloc(5)
    length.writeUInt32BE(messageBytes, 1)
    stream.write(Buffer.concat([length, Buffer.alloc(messageBytes - 1)]))
    return stream
  }
  /** Answered after what was let through before it. */
  const ping = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.ping((error) => (error === null ? resolve() : reject(error)))
    })
  // A plain zone's stream is a session at once: all of it is taken. That tells how many turns it takes.
  const whole = begun({ 'client-id': 'north' })
  let turns = 0
  for (; whole.writableLength > 0 && turns < 2_000; turns++) await ping()
  expect(whole.writableLength).toBe(0)
  // The other stream of this one never comes: it waits, and nobody reads it.
  const session = '11111111-2222-4333-8444-555555555555'
  const alone = begun({ 'client-id': 'east', features: 'holdfast-1', 'holdfast-session': session })
  for (let turn = 0; turn < 2 * turns + 10; turn++) await ping()
  expect(alone.writableLength).toBeGreaterThan(6 << 20)
  await others(global)
})
