import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { expect, test, vi } from 'vitest'
import { closing } from './testing/closing.js'
import { programs, TestProcess, until } from './testing/process.js'

// What systemd does with a socket unit: it listens, and hands the sockets over to the program that it starts.
vi.setConfig({ testTimeout: 120_000 })
const { closes } = closing()

async function listening(host: string): Promise<{ readonly port: number; readonly descriptor: number }> {
  const server: Server & { readonly _handle?: { readonly fd: number } } = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  closes(() => new Promise((resolve) => server.close(resolve)))
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    descriptor: server._handle?.fd ?? -1,
  }
}

async function started(names: string, descriptors: readonly number[], flags: readonly string[]): Promise<TestProcess> {
  const database: TestDatabase = await freshDatabase()
  closes(() => database.drop())
  // The shell becomes the program, so the number that it tells is the program's.
  const line = `LISTEN_PID=$$ exec "$@"`
  const child = spawn(
    '/bin/sh',
    [
      ...['-c', line, 'sh', process.execPath, programs.holdfast, 'global', '--init', '--database-url', database.url],
      // Ports that nobody could listen on: what listens has its socket from elsewhere.
      ...['--api-port', '1', '--diagnostics-port', '1', '--kds-port', '1', ...flags],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
      env: { ...process.env, LISTEN_FDS: String(descriptors.length), LISTEN_FDNAMES: names },
    },
  )
  const made = new TestProcess(child)
  closes(() => made.signal('SIGKILL'))
  return made
}

test('global serves on the sockets that it is handed, whatever its settings say of ports', async () => {
  const [api, diagnostics, kds] = [
    await listening('127.0.0.1'),
    await listening('127.0.0.1'),
    await listening('127.0.0.1'),
  ]
  const global = await started('api:diagnostics:kds', [api.descriptor, diagnostics.descriptor, kds.descriptor], [])
  await until('it to be ready', () => global.logged('ready') || global.hasEnded, {
    withinMs: 60_000,
    otherwise: () => `${global.out}${global.err}`,
  })
  const ports = global.log().find(({ msg }) => msg === 'ready')?.ports
  expect(ports).toEqual({ api: api.port, diagnostics: diagnostics.port, kds: kds.port })
  expect((await global.signal('SIGTERM')).status).toBe(0)
})

test('a socket on which strangers would have the API in plaintext is not taken', async () => {
  const api = await listening('0.0.0.0')
  const global = await started('api', [api.descriptor], ['--diagnostics-port', '0', '--kds-port', '0'])
  const { status, err } = await global.ended
  expect([status, err]).toEqual([1, expect.stringContaining('its unit must say ListenStream=127.0.0.1:PORT')])
})
