import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RedisServer, reached, startRedis, startTcpProxy } from '@holdfast/testkit'
import pino from 'pino'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { RedisHints } from './redis-hints.js'
import { noticedWithinMs } from './redis-link.js'
import { parseRedisUrl, type RedisTarget } from './redis-url.js'

// Hints through real Redis servers, which are stopped, frozen, resharded and replaced while subscriptions are open.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })
const log = pino({ level: 'silent' })
const servers: RedisServer[] = []
const open: RedisHints[] = []
const redis = async (options: Parameters<typeof startRedis>[0] = {}): Promise<RedisServer> => {
  const started = await startRedis(options)
  servers.push(started)
  return started
}
afterEach(async () => {
  for (const hints of open.splice(0)) await hints.close()
  for (const server of servers.splice(0)) await server.close()
})
const unexpected: unknown[] = []
const noteUnexpected = (error: unknown): void => void unexpected.push(error)
process.on('unhandledRejection', noteUnexpected)
afterAll(() => {
  process.off('unhandledRejection', noteUnexpected)
  expect(unexpected).toEqual([])
})

function targetOf(url: string): RedisTarget {
  const parsed = parseRedisUrl(url)
  if (!('shape' in parsed)) throw new Error(parsed.join('; '))
  return parsed
}

function hintsAt(url: string, channel = 'holdfast:test'): { readonly hints: RedisHints; heard: number } {
  const hints = new RedisHints({ target: targetOf(url), channel, log })
  open.push(hints)
  const pair = { hints, heard: 0 }
  hints.onHint(() => {
    pair.heard++
  })
  return pair
}

async function until(what: string, level: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  if (!(await reached(level, withinMs))) throw new Error(`waited ${withinMs} ms for ${what}`)
}

type Pair = ReturnType<typeof hintsAt>
const working = (pairs: readonly Pair[]): boolean => pairs.every(({ hints }) => hints.view().working)
const allWork = (pairs: readonly Pair[]): Promise<void> => until('Redis to work for all', () => working(pairs))

/** What the first says is heard by the others, whoever they are connected to. */
async function flows([first, ...others]: readonly [Pair, ...Pair[]]): Promise<void> {
  const before = others.map(({ heard }) => heard)
  first.hints.announce()
  await until('a hint to arrive', () => others.every(({ heard }, i) => heard > (before[i] ?? 0)), 5_000)
}

const connections = async (server: RedisServer): Promise<number> =>
  (await server.ask('CLIENT', 'LIST')).split('\n').filter((line) => line.includes('name=holdfast')).length

test('what one says the others hear, and not itself; of two installations neither hears the other', async () => {
  const url = process.env.HOLDFAST_TEST_REDIS_URL ?? (await redis()).url
  const [a, b, c] = [hintsAt(url), hintsAt(url), hintsAt(url)] as const
  const other = hintsAt(url, 'holdfast:other')
  await allWork([a, b, c, other])
  const before = [a.heard, other.heard]
  await flows([a, b, c])
  for (let i = 0; i < 1_000; i++) a.hints.announce()
  await flows([a, b, c])
  expect([a.heard, other.heard]).toEqual(before)
  // However much is committed, one hint is under way and one is due.
  expect(a.hints.view().published).toBeLessThan(100)
})

test('a user with a password, and one that is wrong: said, tried again, and well once it is right', async () => {
  const server = await redis({
    args: ['--user', 'holdfast', 'on', '>p@ss', '&holdfast:*', '+@all', '--user', 'default', 'off'],
  })
  const wrong = hintsAt(`redis://holdfast:wrong@127.0.0.1:${server.port}`)
  const right = hintsAt(`redis://holdfast:p%40ss@127.0.0.1:${server.port}`)
  const second = hintsAt(`redis://holdfast:p%40ss@127.0.0.1:${server.port}`)
  await allWork([right, second])
  await flows([right, second])
  await until('the wrong one to be refused twice', () => wrong.hints.view().failures > 1)
  expect(wrong.hints.view().working).toBe(false)
})

/** Answers as no Redis does, on the port of one. */
async function nonsense(port: number, answer: (socket: Socket) => void): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('data', () => answer(socket))
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve))
  return async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

const killed = (server: RedisServer): Promise<void> => server.signal('SIGKILL')
const faults: Record<string, (server: RedisServer) => Promise<() => Promise<void>>> = {
  'killed and started again': async (server) => {
    await killed(server)
    return () => server.start()
  },
  'frozen: connections stay open and nobody answers': async (server) => {
    await server.signal('SIGSTOP')
    return () => server.signal('SIGCONT')
  },
  'all subscribers thrown out': async (server) => {
    await server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    return async () => {}
  },
  'bytes that are no answers': async (server) => {
    await killed(server)
    const stop = await nonsense(server.port, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n$-5\r\n*x\r\n'))
    return async () => {
      await stop()
      await server.start()
    }
  },
  'answers that are lies: everything is OK, and nothing arrives': async (server) => {
    await killed(server)
    const stop = await nonsense(server.port, (socket) => socket.write('+OK\r\n'))
    return async () => {
      await stop()
      await server.start()
    }
  },
}

test.each(Object.keys(faults))(
  '%s: noticed, nobody waits or throws, and hints come again by themselves',
  async (name) => {
    const server = await redis()
    const pair = [hintsAt(server.url), hintsAt(server.url)] as const
    await allWork(pair)
    await flows(pair)
    const [first] = pair
    const failuresBefore = pair.map(({ hints }) => hints.view().failures)
    const mend = await faults[name]?.(server)
    await until(
      'it to be noticed',
      () => {
        first.hints.announce()
        return pair.every(({ hints }, i) => hints.view().failures > (failuresBefore[i] ?? 0))
      },
      noticedWithinMs + 10_000,
    )
    await mend?.()
    await allWork(pair)
    await flows(pair)
    await until('nothing to be left over', async () => (await connections(server)) === 4)
  },
)

/** Of somebody whom nobody believes; used here alone. */
const stranger = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNYwQWcMUgDiL7mqK
8HXa0sRjJH1D2KBdXX/zmFphWCyhRANCAAQK4RnGwjnedbIgWl6/Ku9/eqXK4KY6
LnNefCaJlTn4XGeX4EOVWiRD2dkGnpmtKiqpjIdmY1uq7PxXSp4Fgmuy
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBfjCCASOgAwIBAgIUWARSYKrUL58EL/BLUyPXeSonp7AwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3RyYW5nZXIwIBcNMjYxMTMwMDIxMDIyWhgPMjEyNjExMDYw
MjEwMjJaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAECuEZxsI53nWyIFpevyrvf3qlyuCmOi5zXnwmiZU5+Fxnl+BDlVokQ9nZ
Bp6ZrSoqqYyHZmNbquz8V0qeBYJrsqNTMFEwHQYDVR0OBBYEFMwsZ7LJClzeYzWb
+Dtu+ajzxsHjMB8GA1UdIwQYMBaAFMwsZ7LJClzeYzWb+Dtu+ajzxsHjMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAJmjcqce30p0/KiVarL3cBq6
knFapsN9py/+Az0R88AZAiEAjjbDxrMw9G0oo5LFE0Wp3Ktd8MlYU4RGdXJ0Md7W
ds0=
-----END CERTIFICATE-----`,
}

test('TLS: a connection that is let go of in the middle of its handshake ends alone, also where who answers is not believed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-tls-'))
  for (const [name, text] of Object.entries(stranger)) writeFileSync(join(folder, name), text)
  const tlsPort = freePort()
  const server = await redis({
    args: [
      ...['--tls-port', `${tlsPort}`, '--tls-auth-clients', 'no', '--tls-ca-cert-file', join(folder, 'cert')],
      ...['--tls-cert-file', join(folder, 'cert'), '--tls-key-file', join(folder, 'key')],
    ],
  })
  const proxy = await startTcpProxy({ targetPort: tlsPort })
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  process.on('uncaughtException', note)
  try {
    for (const scheme of ['rediss', 'rediss+cluster']) {
      // The server hears of a handshake and of its end at once, and what it says of both comes late.
      proxy.freeze('toTarget')
      const { accepted } = proxy.counts()
      const { hints } = hintsAt(`${scheme}://127.0.0.1:${proxy.port}`)
      await until('both to have come', () => proxy.counts().accepted === accepted + 2)
      await hints.close()
      await proxy.restore()
      await until('both to be gone', () => proxy.connections() === 0)
    }
    // What was heard on a socket is told of before the next answer is.
    await allWork([hintsAt(server.url)])
    // One that is not believed is given up and tried again, whatever became of the one before.
    const refused = hintsAt(`rediss://127.0.0.1:${tlsPort}`)
    await until('it to be refused again and again', () => refused.hints.view().failures > 3)
  } finally {
    process.off('uncaughtException', note)
    await proxy.close()
    rmSync(folder, { recursive: true })
  }
  expect(uncaught).toEqual([])
})

test('no leak: a hundred lives of a connection leave two connections and no listener behind', async () => {
  const server = await redis()
  const pair = [hintsAt(server.url), hintsAt(server.url)] as const
  await allWork(pair)
  // Sockets and timers; what a life has left running ends within its bounds.
  const handles = (): number => process.getActiveResourcesInfo().length
  const before = handles()
  for (let i = 0; i < 50; i++) {
    const seen = pair.map(({ hints }) => hints.view().failures)
    await server.ask('CLIENT', 'KILL', 'TYPE', i % 2 === 0 ? 'pubsub' : 'normal')
    await until('both to have noticed', () => pair.every(({ hints }, at) => hints.view().failures > (seen[at] ?? 0)))
    await allWork(pair)
  }
  await flows(pair)
  await until('nothing to be left over', async () => (await connections(server)) === 4)
  await until('sockets and timers to be gone', () => handles() <= before + 5, 15_000).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${process.getActiveResourcesInfo().join(' ')}`)
  })
})

test('Sentinel: the master is lost, its replica takes its place, and hints come again', async () => {
  const master = await redis()
  const replica = await redis({ args: ['--replicaof', '127.0.0.1', `${master.port}`] })
  await until('the replica to follow', async () => (await replica.ask('ROLE')).includes('connected'))
  const sentinel = await redis({ sentinelOf: { name: 'main', port: master.port } })
  await until('the sentinel to know the replica', async () =>
    (await sentinel.ask('SENTINEL', 'replicas', 'main')).includes(`${replica.port}`),
  )
  const pair = [0, 1].map(() => hintsAt(`redis+sentinel://127.0.0.1:${sentinel.port}/main`)) as [Pair, Pair]
  await allWork(pair)
  await flows(pair)
  await killed(master)
  // A sentinel that makes a master ends every connection to it in the same moment: ours that asks as well.
  const isTrue = (level: () => Promise<boolean>) => (): Promise<boolean> => level().catch(() => false)
  const isMaster = isTrue(async () => (await replica.ask('ROLE')).includes('master'))
  await until('the replica to be the master', isMaster, 60_000)
  const gone = isTrue(async () => working(pair) && (await connections(replica)) === 4)
  await until('both to have gone over', gone, 60_000)
  await flows(pair)
})

test('Sentinel: it stands still while the master dies; once it goes on the replica takes over, and hints come again', async () => {
  const master = await redis()
  const replica = await redis({ args: ['--replicaof', '127.0.0.1', `${master.port}`] })
  await until('the replica to follow', async () => (await replica.ask('ROLE')).includes('connected'))
  const sentinel = await redis({ sentinelOf: { name: 'main', port: master.port, downAfterMs: 4_000 } })
  // A sentinel that finds that it stood still for two seconds trusts nothing that it sees for half a minute.
  await sentinel.ask('SENTINEL', 'DEBUG', 'tilt-period', '3000')
  await until('the sentinel to know the replica', async () =>
    (await sentinel.ask('SENTINEL', 'replicas', 'main')).includes(`${replica.port}`),
  )
  const pair = [0, 1].map(() => hintsAt(`redis+sentinel://127.0.0.1:${sentinel.port}/main`)) as [Pair, Pair]
  await allWork(pair)
  await flows(pair)
  const stoodAtMs = performance.now()
  await sentinel.signal('SIGSTOP')
  await killed(master)
  const seen = pair.map(({ hints }) => hints.view().failures)
  // Who asks it is not kept: an attempt ends, and the next one begins.
  await until('both to have tried again while it stands', () =>
    pair.every(({ hints }, i) => hints.view().failures > (seen[i] ?? 0) + 1),
  )
  await until('it to have stood for long enough', () => performance.now() - stoodAtMs > 3_000)
  await sentinel.signal('SIGCONT')
  await until('it to know that it stood still', async () =>
    (await sentinel.ask('INFO', 'sentinel')).includes('sentinel_tilt:1'),
  )
  const isTrue = (level: () => Promise<boolean>) => (): Promise<boolean> => level().catch(() => false)
  await until(
    'the replica to be the master',
    isTrue(async () => (await replica.ask('ROLE')).includes('master')),
    60_000,
  )
  await until(
    'both to have gone over',
    isTrue(async () => working(pair) && (await connections(replica)) === 4),
    60_000,
  )
  await flows(pair)
})

test('Cluster: slots move, a node is forgotten, a node dies with subscriptions on it: hints come again', async () => {
  const nodes = await Promise.all([0, 1, 2].map(() => redis({ args: ['--cluster-enabled', 'yes'] })))
  const [a, b, c] = nodes as [RedisServer, RedisServer, RedisServer]
  const slots: readonly [RedisServer, number, number][] = [
    [a, 0, 5_460],
    [b, 5_461, 10_922],
    [c, 10_923, 16_383],
  ]
  for (const [node, from, to] of slots) await node.ask('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`)
  for (const node of [b, c]) await a.ask('CLUSTER', 'MEET', '127.0.0.1', `${node.port}`)
  const isWhole = async (of: readonly RedisServer[]): Promise<boolean> =>
    (await Promise.all(of.map((node) => node.ask('CLUSTER', 'INFO')))).every((text) =>
      text.includes('cluster_state:ok'),
    )
  await until('the cluster to stand', () => isWhole(nodes), 60_000)
  const seeds = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const trio = [0, 1, 2].map(() => hintsAt(`redis+cluster://${seeds}`)) as [Pair, Pair, Pair]
  await allWork(trio)
  await flows(trio)

  // Everything of the third node goes to the first, and the third is taken out while it may have subscribers.
  const idOf = async (node: RedisServer): Promise<string> => (await node.ask('CLUSTER', 'MYID')).split('\r\n')[1] ?? ''
  const [firstId, thirdId] = [await idOf(a), await idOf(c)]
  for (const node of [a, b, c])
    for (let slot = 10_923; slot <= 16_383; slot += 1_365)
      for (let s = slot; s < Math.min(slot + 1_365, 16_384); s += 273)
        await node.ask('CLUSTER', 'SETSLOT', `${s}`, 'NODE', firstId)
  for (const node of [a, b]) await node.ask('CLUSTER', 'FORGET', thirdId)
  await killed(c)
  await until(
    'hints to flow on what is left',
    async () => {
      if (!working(trio)) return false
      return flows(trio).then(
        () => true,
        () => false,
      )
    },
    60_000,
  )
  expect(unexpected).toEqual([])
})
