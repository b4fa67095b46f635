import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, putService, type Running, until, vipsOf } from '../testing/process.js'

// A zone that is taken out of service, in processes: who goes with it, who is not let in any more, who may come.
vi.setConfig({ testTimeout: 120_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})
const database = async (): Promise<string> => {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}

test('VIP-3: decommissioned a zone leaves nothing but addresses that rest; its store is refused, its name is free', async () => {
  const global = await processes.start('global', ['--database-url', await database(), '--init'])
  const flags = (name: string, url: string): string[] => [
    ...['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
  ]
  const ctl = async (...args: string[]) => processes.holdfastctl(['--url', global.apiUrl, ...args])
  const eastUrl = await database()
  const [east, west] = await Promise.all([
    processes.start('zone', flags('east', eastUrl)),
    processes.start('zone', flags('west', await database())),
  ])
  await until('both zones to be in step', async () => (await inStep(east)) && (await inStep(west)))
  for (const name of ['web', 'api']) expect((await putService(east, name)).status).toBe(201)
  expect((await putService(west, 'ratings')).status).toBe(201)
  const all = async (plane: Running): Promise<number> => Object.values(await vipsOf(plane)).flat().length
  await until('everybody to have them', async () => (await all(west)) === 6 && (await all(east)) === 6)
  const before = await vipsOf(west)

  const living = await ctl('zone', 'decommission', 'east', '--yes')
  expect([living.status, living.err]).toEqual([1, expect.stringContaining('zone "east" is connected (session ')])
  await east.signal('SIGTERM')
  const plan = await ctl('zone', 'decommission', 'east')
  expect(plan.out).toMatch(
    /would be out of service[\s\S]*would be removed everywhere: .*2 MeshService\n.*quarantine: 4\n/,
  )
  expect(plan.out).toContain('nothing was changed')
  expect(await vipsOf(west)).toEqual(before)
  const done = await ctl('zone', 'decommission', 'east', '--yes')
  expect([done.status, done.err]).toEqual([0, ''])
  expect((await ctl('zone', 'decommission', 'east', '--yes')).out).toContain('nothing changed')
  await until('west to have its own alone', async () => Object.keys(await vipsOf(west)).join() === 'west/ratings')
  expect(await vipsOf(global)).toEqual({ 'west/ratings': before['west/ratings'] })
  const resting = await ctl('vip', 'list', '--deleted', '--zone', 'east', '-o', 'json')
  expect(JSON.parse(resting.out)).toMatchObject({ total: 4 })
  expect((await ctl('zone', 'list')).out).toMatch(/^east +Decommissioned/m)
  expect((await ask('GET', `${west.apiUrl}/_holdfast/holds`)).body).toMatchObject({ items: [] })

  const back = await processes.start('zone', flags('east', eastUrl))
  await until('its store to be refused', () => back.logged('global does not let this zone in'), {
    otherwise: () => back.out,
  })
  expect(back.out).toContain('was taken out of service')
  expect(await back.signal('SIGTERM')).toMatchObject({ status: 0 })

  const fresh = await processes.start('zone', flags('east', await database()))
  await until('the new one to be in step', () => inStep(fresh), { withinMs: 40_000, otherwise: () => fresh.out })
  expect((await putService(fresh, 'other')).status).toBe(201)
  expect((await putService(fresh, 'web')).status).toBe(201)
  await until('west to have both', async () => (await all(west)) === 6)
  const after = await vipsOf(west)
  expect(after['east/web']).toEqual(before['east/web'])
  expect(after['east/other']).not.toEqual(before['east/api'])
  expect(new Set(Object.values(after).flat()).size).toBe(6)
  expect(await ctl('vip', 'verify')).toMatchObject({ status: 0 })
})
