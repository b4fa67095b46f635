import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { harness } from '../testing/harness.js'
import { ApiGate, defaultGateLimits, type GateLimits } from './gate.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function served(limits: Partial<GateLimits>) {
  const { app, logged } = harness('global', {
    limits: { gate: { ...defaultGateLimits, countsLoopback: true, ...limits } },
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  closers.push(() => app.close())
  const bound = app.server.address()
  return { port: typeof bound === 'object' && bound !== null ? bound.port : 0, logged }
}

interface Visit {
  readonly socket: Socket
  said: string
  readonly ended: Promise<void>
}
function visit(port: number, text = ''): Visit {
  const socket = connect(port, '127.0.0.1')
  const ended = new Promise<void>((resolve) => {
    socket.on('error', () => {})
    socket.once('close', () => resolve())
  })
  const one: Visit = { socket, said: '', ended }
  socket.setEncoding('utf8').on('data', (data) => {
    one.said += data
  })
  if (text !== '') socket.write(text)
  closers.push(() => socket.destroy())
  return one
}
const answered = async ({ socket }: Visit): Promise<void> => {
  await new Promise((resolve) => socket.once('data', resolve))
}
const question = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'

test('one address may have so many connections, and the next has its place when one of them goes', async () => {
  const { port } = await served({ connectionsPerAddressMax: 2 })
  const [first, second] = [visit(port, question), visit(port, question)]
  await Promise.all([answered(first), answered(second)])
  const third = visit(port, question)
  await third.ended
  expect(third.said).toBe('')
  first.socket.destroy()
  await first.ended
  // The server hears of it a moment later.
  for (let said = ''; said === ''; ) {
    const next = visit(port, question)
    await Promise.race([next.ended, answered(next)])
    said = next.said
    next.socket.destroy()
    await next.ended
  }
  expect(second.socket.destroyed).toBe(false)
})

test('who says nothing, or headers without an end, is cut; so is who says too many of them', async () => {
  const { port } = await served({ headersTimeoutMs: 1_000, headerBytesMax: 8_192 })
  const silent = visit(port)
  const slow = visit(port, 'GET / HTTP/1.1\r\nhost: localhost\r\nx-a: ')
  const drip = setInterval(() => slow.socket.write('a'), 50)
  closers.push(() => clearInterval(drip))
  const large = visit(port, `GET / HTTP/1.1\r\nhost: localhost\r\nx-a: ${'a'.repeat(9_000)}\r\n\r\n`)
  await Promise.all([silent.ended, slow.ended, large.ended])
  expect([silent.said, slow.said].map((said) => said.split('\r\n')[0])).toEqual([
    expect.stringMatching(/^(|HTTP\/1.1 408 Request Timeout)$/),
    expect.stringMatching(/^(|HTTP\/1.1 408 Request Timeout)$/),
  ])
  expect(large.said).toContain('431')
  const good = visit(port, question)
  await answered(good)
  expect(good.said).toMatch(/^HTTP\/1\.1 200 /)
})

test('who asks too often is told when to come again, before anything is looked at', async () => {
  const { port } = await served({ requestsBurst: 3, requestsPerSecond: 1 })
  const status = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/meshes`, { headers: { authorization: 'Bearer x' } })
    return [response.status, response.headers.get('retry-after'), ((await response.json()) as { title: string }).title]
  }
  // All at once: one after the other they may take the second in which there is a place again.
  const got = await Promise.all([1, 2, 3, 4].map(status))
  const refused = got.filter(([code]) => code !== 200)
  expect(refused).toEqual([[429, '1', 'Too many requests']])
})

test('addresses are forgotten when they have not come for a minute, unless they are connected; loopback is not counted', () => {
  let nowMs = 1_000_000
  const kept: string[] = []
  const gate = new ApiGate(
    { ...defaultGateLimits, requestsBurst: 1, requestsPerSecond: 2 },
    ({ why }) => kept.push(why),
    () => nowMs,
  )
  for (let at = 0; at < 100; at++) expect(gate.requested(`192.0.2.${at}`)).toBe(0)
  expect([gate.requested('192.0.2.1'), gate.requested('192.0.2.1')]).toEqual([500, 500])
  expect([gate.size, kept]).toEqual([100, ['requests']])
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
    expect([gate.requested(address), gate.requested(address)]).toEqual([0, 0])
  nowMs += 61_000
  expect([gate.requested('192.0.2.1'), gate.size]).toEqual([0, 1])
})
