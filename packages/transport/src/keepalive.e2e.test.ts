import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { healthCheckPath, syncPaths } from './methods.js'
import { dialZone, type Observed, startGlobal } from './testing/links.js'

// What a Kuma does with pings, both ways: it pings after 15 s and waits 15 s for the answer, and a global of it ends a
// connection on which pings come more often than every 15 s. Time is ours here, the sockets are real.

/** grpc-go's rule: the third ping that comes too early is one too many. */
const minTimeMs = 15_000
const strikesMax = 2
const stepMs = 1_000

let nowMs = 0
const closers: (() => unknown)[] = []
beforeEach(() => {
  nowMs = 0
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(async () => {
  vi.useRealTimers()
  for (const close of closers.splice(0).reverse()) await close()
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
/** Real time, for sockets. */
async function soon(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`${what}: not within 10 s`)
    await turn()
  }
}
const answered = (session: ClientHttp2Session | ServerHttp2Session): Promise<void> =>
  new Promise((resolve, reject) => {
    session.ping((error) => (error === null ? resolve() : reject(error)))
  })
/** A second goes by; what is sent in it has arrived when it is over, for the answer to this ping comes behind it. */
async function second(session: ClientHttp2Session | ServerHttp2Session): Promise<void> {
  nowMs += stepMs
  vi.advanceTimersByTime(stepMs)
  await answered(session)
}
/** The other end is silent: seconds go by until the link has ended, or so many have. */
async function silence(link: Observed, forMs: number): Promise<number> {
  const from = nowMs
  const ended = (): boolean => link.events.some(({ type }) => type === 'closed')
  while (!ended() && nowMs - from < forMs) {
    nowMs += stepMs
    vi.advanceTimersByTime(stepMs)
    // An end is told in a turn of its own, some turns after the timer.
    for (let i = 0; i < 20; i++) await turn()
  }
  return nowMs - from
}
const between = (timesMs: readonly number[]): readonly number[] =>
  timesMs.slice(1).map((timeMs, i) => timeMs - (timesMs[i] ?? 0))
const endOf = (link: Observed) => link.events.find((event) => event.type === 'closed')

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
/** A line to a port, which can be pulled: nothing passes any more, and nothing ends. */
async function lineTo(targetPort: number) {
  const sockets: Socket[] = []
  const server = createTcpServer((near) => {
    const far = connectTcp(targetPort, '127.0.0.1')
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far).pipe(near)
    sockets.push(near, far)
  })
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: await listening(server),
    pull: () => {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}

/** A global of Kuma's as far as pings go: streams stand, nothing is said, and who pings too often is sent away. */
async function strictGlobal() {
  const server = createServer()
  const pingsMs: number[] = []
  const strikes: number[] = []
  let session: ServerHttp2Session | undefined
  server.on('session', (opened) => {
    session = opened
    let lastMs: number | undefined
    opened.on('error', () => {})
    opened.on('ping', () => {
      if (lastMs !== undefined && nowMs - lastMs < minTimeMs) strikes.push(nowMs)
      if (strikes.length > strikesMax)
        opened.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
      lastMs = nowMs
      pingsMs.push(nowMs)
    })
  })
  const streams = new Map<string, ServerHttp2Stream>()
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path'])
    stream.on('error', () => {})
    const grpc = { ':status': 200, 'content-type': 'application/grpc' }
    if (path === healthCheckPath) stream.respond({ ...grpc, 'grpc-status': '12' }, { endStream: true })
    else stream.respond(grpc)
    streams.set(path, stream)
  })
  const line = await lineTo(await listening(server))
  closers.push(() => {
    session?.destroy()
    server.close()
  })
  return {
    pull: line.pull,
    pingsMs,
    strikes,
    address: `grpc://127.0.0.1:${line.port}`,
    streams,
    session: () => {
      if (session === undefined) throw new Error('nobody is connected')
      return session
    },
  }
}

async function dialled() {
  const global = await strictGlobal()
  const link = dialZone(global.address)
  closers.push(() => link.link.close({ code: 'OK', reason: 'the test is over' }))
  await soon('both streams', () => Object.values(syncPaths).every((path) => global.streams.has(path)))
  await soon('the headers', () => link.events.some(({ type }) => type === 'headers'))
  return { global, link }
}

test('our zone at a Kuma global: it pings, never more often than every 15 s, however long nothing is said', async () => {
  const { global, link } = await dialled()
  for (let i = 0; i < 600; i++) await second(global.session())
  expect(between(global.pingsMs).length).toBeGreaterThan(25)
  expect(Math.min(...between(global.pingsMs))).toBeGreaterThanOrEqual(minTimeMs)
  expect([global.strikes, endOf(link)]).toEqual([[], undefined])
})

test('our zone notices a Kuma global that is gone without a word within 35 s', async () => {
  const { global, link } = await dialled()
  for (let i = 0; i < 25; i++) await second(global.session())
  expect(endOf(link)).toBeUndefined()
  global.pull()
  expect(await silence(link, 60_000)).toBeLessThanOrEqual(35_000)
  expect(endOf(link)).toMatchObject({ by: 'peer', code: 'UNAVAILABLE' })
})

/** A Kuma zone's connection as far as pings go. */
async function served() {
  const global = await startGlobal()
  closers.push(() => global.server.close())
  const { port, pull } = await lineTo(global.server.port)
  const client = connect(`http://127.0.0.1:${port}`)
  closers.push(() => client.destroy())
  client.on('error', () => {})
  const pingsMs: number[] = []
  const goaways: number[] = []
  client.on('ping', () => pingsMs.push(nowMs))
  client.on('goaway', (code) => goaways.push(code))
  await once(client, 'connect')
  const stream = client.request({
    ':method': 'POST',
    ':path': syncPaths.globalToZone,
    'content-type': 'application/grpc',
    te: 'trailers',
    'client-id': 'north',
  })
  stream.on('error', () => {})
  return { pull, client, pingsMs, goaways, link: await global.next() }
}

test('a Kuma zone at our global may ping as it likes, also many times at once as grpc-go does to measure a line; ours come every 15 s', async () => {
  const { client, pingsMs, goaways, link } = await served()
  for (let i = 0; i < 300; i++) {
    await Promise.all(Array.from({ length: i % 15 === 0 ? 8 : 1 }, () => answered(client)))
    await second(client)
  }
  expect(new Set(between(pingsMs))).toEqual(new Set([15_000]))
  expect(pingsMs.length).toBeGreaterThan(15)
  expect([goaways, endOf(link), client.destroyed]).toEqual([[], undefined, false])
})

test('our global notices a Kuma zone that is gone without a word within 30 s', async () => {
  const { pull, client, link } = await served()
  for (let i = 0; i < 20; i++) await second(client)
  expect(endOf(link)).toBeUndefined()
  pull()
  expect(await silence(link, 60_000)).toBeLessThanOrEqual(30_000)
  expect(endOf(link)).toMatchObject({ by: 'peer' })
})
