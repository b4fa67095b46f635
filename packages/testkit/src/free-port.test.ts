import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePort, portBeside, portsInUse } from './free-port.js'

const ofLinux = '/proc/sys/net/ipv4/ip_local_port_range'
/** More than a process has to itself. */
const many = 400
const next = (beside: readonly number[] = []) => Array.from({ length: many }, () => portBeside(new Set(beside)))

test('a port is of this process alone, and below those that the system gives to whoever asks for any', () => {
  const ports = next()
  const [first = ''] = (existsSync(ofLinux) ? readFileSync(ofLinux, 'utf8') : '49152').split(/\s+/)
  // With what a Redis in a cluster adds to it.
  expect(Math.max(...ports) + 10_000).toBeLessThan(Number(first))
  // Another process has another number, and with it another remainder.
  expect(new Set(ports.map((port) => (port - 10_000) % 61))).toEqual(new Set([process.pid % 61]))
  expect(new Set(ports.slice(0, 150)).size).toBe(150)
})

test.skipIf(!existsSync('/proc/net/tcp'))('one that somebody listens on is in use, and is not given', async () => {
  const taken = freePort()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  expect([...portsInUse()]).toContain(taken)
  expect(next([taken])).not.toContain(taken)
})

test('where there is none it is said', () => {
  expect(() => portBeside(new Set(next()))).toThrow(/every port of this process from 10000 to 22000 is in use/)
})
