import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createLevel } from './level.js'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A socket with what it received and how it ended. */
function watched(socket: Socket) {
  const level = createLevel()
  const seen = { bytes: 0, ended: false, error: '', closed: false }
  socket.on('data', (bytes) => {
    seen.bytes += bytes.length
    level.changed()
  })
  socket.on('end', () => {
    seen.ended = true
    level.changed()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    seen.error = error.code ?? error.message
  })
  socket.on('close', () => {
    seen.closed = true
    level.changed()
  })
  return { socket, seen, until: level.until }
}

async function pair(): Promise<{
  readonly proxy: TcpProxy
  readonly near: ReturnType<typeof watched>
  readonly far: ReturnType<typeof watched>
}> {
  const arrived: ReturnType<typeof watched>[] = []
  const level = createLevel()
  const server: Server = createServer((socket) => {
    arrived.push(watched(socket))
    level.changed()
  })
  const targetPort = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    }),
  )
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  const proxy = await startTcpProxy({ targetPort })
  closers.push(() => proxy.close())
  const near = watched(connect(proxy.port, '127.0.0.1'))
  await level.until(() => arrived.length === 1)
  const [far] = arrived
  if (far === undefined) throw new Error('nothing arrived')
  return { proxy, near, far }
}

test('passes bytes both ways and counts them, and passes an orderly end', async () => {
  const { proxy, near, far } = await pair()
  near.socket.write(Buffer.alloc(3_000_000))
  far.socket.write('abc')
  await Promise.all([far.until(() => far.seen.bytes === 3_000_000), near.until(() => near.seen.bytes === 3)])
  expect(proxy.counts()).toEqual({ bytesToTarget: 3_000_000, bytesFromTarget: 3, accepted: 1 })
  near.socket.end()
  await Promise.all([far.until(() => far.seen.closed), near.until(() => near.seen.closed)])
  expect([near.seen, far.seen]).toEqual([
    { bytes: 3, ended: true, error: '', closed: true },
    { bytes: 3_000_000, ended: true, error: '', closed: true },
  ])
  await proxy.connected(0)
})

test('a cut resets or ends both sides, and the next connection passes', async () => {
  const { proxy, near, far } = await pair()
  proxy.cut('reset')
  await Promise.all([far.until(() => far.seen.closed), near.until(() => near.seen.closed)])
  expect([near.seen.error, far.seen.error]).toEqual(['ECONNRESET', 'ECONNRESET'])
  await proxy.connected(0)
  const again = watched(connect(proxy.port, '127.0.0.1'))
  await proxy.connected(1)
  proxy.cut('fin')
  await again.until(() => again.seen.closed)
  expect(again.seen).toEqual({ bytes: 0, ended: true, error: '', closed: true })
})

test('refused by the operating system until restored, on the same port', async () => {
  const { proxy } = await pair()
  await proxy.refuse()
  const refused = watched(connect(proxy.port, '127.0.0.1'))
  await refused.until(() => refused.seen.closed)
  expect(refused.seen.error).toBe('ECONNREFUSED')
  expect(proxy.connections()).toBe(1)
  await proxy.restore()
  watched(connect(proxy.port, '127.0.0.1'))
  await proxy.connected(2)
})

test('frozen: nothing passes and nobody notices; restored: everything arrives', async () => {
  const { proxy, near, far } = await pair()
  near.socket.write('before')
  await far.until(() => far.seen.bytes === 6)
  proxy.freeze()
  near.socket.write('while')
  far.socket.end('bye')
  // Another connection goes all the way into the frozen proxy and back out of the kernel, so that there was time.
  const late = watched(connect(proxy.port, '127.0.0.1'))
  await proxy.connected(2)
  expect([near.seen, far.seen.bytes, late.seen.closed]).toEqual([
    { bytes: 0, ended: false, error: '', closed: false },
    6,
    false,
  ])
  await proxy.restore()
  await Promise.all([far.until(() => far.seen.bytes === 11), near.until(() => near.seen.ended)])
  expect(near.seen.bytes).toBe(3)
})

test('latency and bandwidth are at least what was asked for', async () => {
  const { proxy, near, far } = await pair()
  proxy.shape({ latencyMs: 50, bytesPerSecond: 1_000_000 })
  const startMs = performance.now()
  near.socket.write(Buffer.alloc(100_000))
  await far.until(() => far.seen.bytes === 100_000)
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(145)
})
