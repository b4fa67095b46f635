import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, startTcpProxy, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { inStep, Processes, putService, type Running, readiness, speakingOf, until, vipsOf } from './testing/process.js'

// Stopping: in order and bounded when asked, at once when asked twice, without leftovers when killed.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
const databases: TestDatabase[] = []

async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}

afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The server of an embedded database. */
const databasePid = (dataDir: string): number =>
  Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])

const mesh = async (): Promise<{ readonly global: Running; readonly east: Running }> => {
  const global = await processes.start('global', ['--database-url', await database(), '--init'])
  const flags = ['--zone', 'east', '--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`]
  const east = await processes.start('zone', [...flags, '--database-url', await database()])
  await until('east to be in step', () => inStep(east))
  return { global, east }
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains: status 0, said on both ends, under the bound', async (name) => {
  const { global, east } = await mesh()
  const startedMs = performance.now()
  const stopped = await global.signal(name)
  expect(performance.now() - startedMs).toBeLessThan(10_000)
  expect(stopped).toMatchObject({ status: 0, signal: undefined, err: '' })
  expect(global.logged('told to stop: draining')).toBe(true)
  expect(global.log().at(-1)?.msg).toBe('stopped')
  await until('east to notice', () => east.logged('session with global'))
  expect((await readiness(east)).status).toBe(200)
  expect(await east.signal(name)).toMatchObject({ status: 0, err: '' })
})

/** A zone whose database can be made to answer no more: closing its connections waits for it. */
async function zoneBehindProxy(...flags: string[]) {
  const url = new URL(await database())
  const proxy = await startTcpProxy({ targetPort: Number(url.port) })
  url.port = String(proxy.port)
  return { proxy, zone: await processes.start('zone', ['--zone', 'east', '--database-url', url.href, ...flags]) }
}

test('a second signal is immediate; one that comes with the first is the same', async () => {
  const { proxy, zone } = await zoneBehindProxy('--shutdown-timeout-ms', '60000')
  proxy.freeze()
  const pending = putService(zone, 'web').catch(() => undefined)
  // From the terminal, and from npm.
  zone.send('SIGINT')
  zone.send('SIGTERM')
  await until('the drain to begin', () => zone.logged('told to stop: draining'))
  expect(zone.hasEnded).toBe(false)
  const startedMs = performance.now()
  await until('a later one to end it', () => {
    if (!zone.hasEnded) zone.send('SIGTERM')
    return zone.hasEnded
  })
  expect(await zone.ended).toMatchObject({ status: 1, signal: undefined })
  expect(performance.now() - startedMs).toBeLessThan(5_000)
  expect(zone.log().at(-1)).toMatchObject({ level: 60, msg: 'told to stop a second time: stopping now' })
  await pending
  await proxy.close()
})

test('a stop that hangs ends at its bound, with status 1 and what did not close', async () => {
  const { proxy, zone } = await zoneBehindProxy('--shutdown-timeout-ms', '300')
  proxy.freeze()
  const pending = putService(zone, 'web').catch(() => undefined)
  expect(await zone.signal('SIGTERM')).toMatchObject({ status: 1, signal: undefined })
  expect(zone.log().at(-1)).toMatchObject({ level: 50, msg: 'did not stop cleanly' })
  await pending
  await proxy.close()
})

test('the embedded database: stopped with its control plane, and gone after kill -9 too; what was acknowledged is there', async () => {
  const dataDir = join(processes.folder, 'embedded-zone')
  const flags = ['--zone', 'east', '--vip-block', '241.200.0.0/20', '--data-dir', dataDir]
  const first = await processes.start('zone', flags)
  expect((await putService(first, 'web')).status).toBe(201)
  const vips = await vipsOf(first)
  expect(vips['east/web']).toHaveLength(1)
  const pid = databasePid(dataDir)
  expect(isAlive(pid)).toBe(true)
  expect(await first.signal('SIGKILL')).toMatchObject({ signal: 'SIGKILL' })
  await until('the database to go with its parent', () => speakingOf(dataDir).length === 0, {
    otherwise: () => speakingOf(dataDir).join('\n'),
  })
  const second = await processes.start('zone', flags)
  expect(await vipsOf(second)).toEqual(vips)
  expect(await second.signal('SIGTERM')).toMatchObject({ status: 0, err: '' })
  expect(speakingOf(dataDir)).toEqual([])
})

test('a control plane whose embedded database ends unasked says so and ends', async () => {
  const dataDir = join(processes.folder, 'lost-zone')
  const east = await processes.start('zone', ['--zone', 'east', '--data-dir', dataDir])
  process.kill(databasePid(dataDir), 'SIGQUIT')
  const ended = await east.ended
  expect(ended.status).toBe(1)
  expect(ended.err).toMatch(/^holdfast zone: the embedded PostgreSQL ended with status /)
  expect(speakingOf(dataDir)).toEqual([])
})

test('stopped while it starts: status 0, nothing runs on', async () => {
  const dataDir = join(processes.folder, 'interrupted-global')
  const { process: begun, portsFile } = processes.begin('global', ['--init', '--data-dir', dataDir])
  await until('the start to be under way', () => begun.logged('starting the embedded PostgreSQL'))
  expect(await begun.signal('SIGTERM')).toMatchObject({ status: 0, err: '' })
  expect([existsSync(portsFile), speakingOf(dataDir)]).toEqual([false, []])
})

test('migrate: what was done is said, and a second run does nothing', async () => {
  const empty = await freshDatabase({ empty: true })
  databases.push(empty)
  const migrate = () => processes.holdfast(['migrate', '--database-url', empty.url]).ended
  const both = await Promise.all([migrate(), migrate()])
  expect(both.map(({ status, err }) => [status, err])).toEqual([
    [0, ''],
    [0, ''],
  ])
  expect(both.map(({ out }) => out.replace(/: .*/, '')).sort()).toEqual(['migrated\n', 'nothing to migrate\n'])
  expect(await migrate()).toMatchObject({ status: 0, out: 'nothing to migrate\n' })
})
