import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { databaseUrl, withoutPassword } from './databases.js'
import { readLockFile } from './lock-file.js'
import { type Embedded, startEmbedded } from './start.js'

const { signal } = new AbortController()
const settings = { fsync: 'off' }
let dataDir: string
const started: Embedded[] = []
const children: ChildProcess[] = []

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const server of started.splice(0)) await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function start(options: Partial<Parameters<typeof startEmbedded>[0]> = {}): Promise<Embedded> {
  const server = await startEmbedded({ dataDir, settings, signal, ...options })
  started.push(server)
  return server
}

async function query(url: string, text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('data survives an orderly stop, and the folder is used on', async () => {
  const first = await start()
  await query(first.url, 'create table kept (n int)')
  await query(first.url, 'insert into kept values (7)')
  await first.stop()
  await first.stop()
  const second = await start()
  expect(await query(second.url, 'select n from kept')).toEqual([{ n: 7 }])
})

test('only with its password, and the password is only ours to read', async () => {
  const { url } = await start()
  const wrong = new URL(url)
  wrong.password = 'guess'
  await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/)
  expect(statSync(join(dataDir, 'postgres.password')).mode & 0o777).toBe(0o600)
  expect(withoutPassword(url)).not.toContain(readFileSync(join(dataDir, 'postgres.password'), 'utf8').trim())
})

test('listens on 127.0.0.1 alone, with checksums and without root', async () => {
  const { url } = await start()
  expect(
    await query(
      url,
      "select current_setting('listen_addresses') a, current_setting('data_checksums') c, current_setting('unix_socket_directories') u",
    ),
  ).toEqual([{ a: '127.0.0.1', c: 'on', u: '' }])
  expect(await query(databaseUrl(url, 'postgres'), 'select current_user as name')).toEqual([{ name: 'holdfast' }])
})

test('a parent that is killed takes it along, and the next start goes on where the last commit was', async () => {
  const script = `
    import { startEmbedded } from ${JSON.stringify(fileURLToPath(new URL('../../dist/embedded/start.js', import.meta.url)))}
    const { url } = await startEmbedded({ dataDir: process.argv[1], settings: { fsync: 'off' }, signal: new AbortController().signal })
    console.log(url)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const url = await new Promise<string>((resolve) => {
    child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()))
  })
  await query(url, 'create table committed ()')
  const database = readLockFile(join(dataDir, 'postgres'))?.pid ?? 0
  expect(isAlive(database)).toBe(true)
  child.kill('SIGKILL')
  // Waits for the predecessor itself: no pause is needed here.
  const next = await start()
  expect(isAlive(database)).toBe(false)
  expect(await query(next.url, 'select * from committed')).toEqual([])
})

test('a first process that is killed alone leaves others behind: the next start waits until they have ended', async () => {
  const { url } = await start()
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const left = rows[0]?.pid ?? 0
  // It has no part in the machine just now, and notices nothing.
  process.kill(left, 'SIGSTOP')
  process.kill(readLockFile(join(dataDir, 'postgres'))?.pid ?? 0, 'SIGKILL')
  const logFile = join(dataDir, 'postgres.log')
  const next = start()
  await Promise.race([
    next,
    vi.waitFor(() => expect(readFileSync(logFile, 'utf8')).toContain('pre-existing shared memory block'), 30_000),
  ]).finally(() => process.kill(left, 'SIGKILL'))
  expect(await query((await next).url, 'select 1 as one')).toEqual([{ one: 1 }])
  await client.end().catch(() => {})
})

test('a data folder that is in use is left alone, and its user named', async () => {
  const { url } = await start()
  const pid = readLockFile(join(dataDir, 'postgres'))?.pid
  await expect(startEmbedded({ dataDir, settings, signal: AbortSignal.timeout(300) })).rejects.toThrow()
  expect(readLockFile(join(dataDir, 'postgres'))?.pid).toBe(pid)
  expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('two first starts in one folder make one database', async () => {
  const stop = new AbortController()
  const both = [1, 2].map(() => start({ signal: stop.signal }))
  // The other one waits for this one to end.
  await Promise.any(both)
  stop.abort()
  expect((await Promise.allSettled(both)).map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected'])
  const [winner] = started
  expect(await query(winner?.url ?? '', 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a port that is taken is said, with what the database itself says', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(startEmbedded({ dataDir, settings, port, signal })).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/could not bind/),
  })
  await new Promise((resolve) => other.close(resolve))
})

test('what ends unasked is told with its last words', async () => {
  const server = await start()
  const { pid = 0 } = readLockFile(join(dataDir, 'postgres')) ?? {}
  process.kill(pid, 'SIGQUIT')
  expect(await server.died).toContain('the embedded PostgreSQL ended')
})

test('a start that is called off leaves nothing running', async () => {
  const controller = new AbortController()
  const starting = startEmbedded({ dataDir, settings, signal: controller.signal })
  controller.abort(new Error('called off'))
  await expect(starting).rejects.toThrow('called off')
  expect(readLockFile(join(dataDir, 'postgres'))).toBeUndefined()
})
