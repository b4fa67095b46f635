import { join } from 'node:path'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { copyOf } from '../testing/backup.js'
import { NameClient } from '../testing/names.js'
import { ask, inStep, Processes, putService, type Running, service, syncOf, until, vipsOf } from '../testing/process.js'

// One zone twice: a copy of its database under the same name, and its database under another name.
vi.setConfig({ testTimeout: 150_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let east: Running
let west: Running
let eastDatabase: TestDatabase
const inEast = new NameClient(true)
const inWest = new NameClient(true)

const database = async (): Promise<TestDatabase> => {
  const made = await freshDatabase()
  databases.push(made)
  return made
}
const flags = (name: string, url: string): string[] => [
  ...['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
]
/** The zone itself, and not its clone: with one data folder and one DNS port. */
const startEast = (): Promise<Running> =>
  processes.start('zone', [
    ...flags('east', eastDatabase.url),
    ...['--data-dir', join(processes.folder, 'east'), '--dns-port', String(east?.ports.dns ?? 0)],
  ])
const ctl = async (...args: string[]) => processes.holdfastctl(['--url', global.apiUrl, ...args])
const joins = (process: Running): number => process.log().filter(({ msg }) => msg === 'joined').length

/** Each owner once, each address once, with both families. */
function expectOneOwnerEach(vips: Readonly<Record<string, readonly string[]>>): void {
  const all = Object.values(vips).flat()
  expect(all.length).toBe(Object.keys(vips).length * 2)
  expect(new Set(all).size).toBe(all.length)
}

beforeAll(async () => {
  global = await processes.start('global', ['--database-url', (await database()).url, '--init'])
  eastDatabase = await database()
  east = await startEast()
  west = await processes.start('zone', flags('west', (await database()).url))
  await until('both zones to be in step', async () => (await inStep(east)) && (await inStep(west)))
  for (const name of ['web', 'api']) expect((await putService(east, name)).status).toBe(201)
  await until('west to have both', async () => Object.values(await vipsOf(west)).flat().length === 4)
  await inEast.ask(east.ports.dns)
  await inEast.watch(['web.svc.mesh.local', 'api.svc.mesh.local'])
  await inWest.ask(west.ports.dns)
  await inWest.watch(['web.svc.east.mesh.local', 'api.svc.east.mesh.local'])
}, 120_000)
afterEach(async () => {
  await Promise.all([inEast.check(), inWest.check()])
})

afterAll(async () => {
  await Promise.all([inEast.close(), inWest.close()])
  await processes.close()
  for (const made of databases) await made.drop()
})

test('ONE, VIP-1: a copy of a zone’s database takes the session once; the other parks, is told what to do, and nothing is given twice', async () => {
  await east.signal('SIGTERM')
  const copy = await copyOf(eastDatabase)
  databases.push(copy)
  east = await startEast()
  await until('east to be in step', () => inStep(east))
  // The log of the one goes on beyond the copy.
  expect((await putService(east, 'after-the-copy')).status).toBe(201)
  await until('west to have it', async () => Object.values(await vipsOf(west)).flat().length === 6)

  const clone = await processes.start('zone', flags('east', copy.url))
  await until('the newest to be in step', () => inStep(clone), { withinMs: 40_000, otherwise: () => clone.out })
  const inClone = new NameClient(true)
  await inClone.ask(clone.ports.dns)
  await inClone.watch(['web.svc.mesh.local', 'after-the-copy.svc.mesh.local'])
  expect(clone.logged('the store is not what it was: it recovers')).toBe(true)
  const parked = 'global does not let this zone in'
  await until('the first to park', () => east.logged(parked), { withinMs: 40_000, otherwise: () => east.out })
  expect((await syncOf(east)).peers).toMatchObject([
    { connected: false, lastError: expect.stringMatching(/newer session of zone "east".*stop one of the two/) },
  ])
  const joined = [joins(east), joins(clone)]
  // Both write: what the parked one writes is told to nobody, whatever address it gives.
  expect((await putService(clone, 'by-the-clone')).status).toBe(201)
  await until('west to have it', async () => (await vipsOf(west))['east/by-the-clone']?.length === 2)
  const [address = ''] = (await vipsOf(west))['east/by-the-clone'] ?? []
  const greedy = { ...service('by-the-first'), labels: { 'kuma.io/origin': 'zone', 'holdfast.io/vip': address } }
  const put = (body: unknown) => ask('PUT', `${east.apiUrl}/meshes/default/meshservices/by-the-first`, body)
  expect((await put(greedy)).status).toBe(201)
  expect((await vipsOf(east))['east/by-the-first']?.[0]).toBe(address)
  const vips = await vipsOf(global)
  expect(vips['east/after-the-copy']).toHaveLength(2)
  expect(vips['east/by-the-first']).toBeUndefined()
  expectOneOwnerEach(vips)
  await until('the clone to be in step again', () => inStep(clone), { otherwise: () => clone.out })
  expect([joins(east), joins(clone)]).toEqual(joined)

  await inClone.check()
  await inClone.close()
  // The clone is stopped, as the operator was told: the first takes over with all that was said meanwhile.
  expect(await clone.signal('SIGTERM')).toMatchObject({ status: 0 })
  await until('the first to take over', () => inStep(east), { withinMs: 60_000, otherwise: () => east.out })
  expect(await vipsOf(east)).toMatchObject(vips)
  expect(east.logged('addresses went back to whoever had them')).toBe(true)
  const { labels: _, ...plain } = greedy
  expect((await ask('DELETE', `${east.apiUrl}/meshes/default/meshservices/by-the-first`)).status).toBe(200)
  expect((await put({ ...plain, labels: { 'kuma.io/origin': 'zone' } })).status).toBe(201)
  await until('west to have it', async () => (await vipsOf(west))['east/by-the-first']?.length === 2)
  const after = await vipsOf(west)
  expect(after).toEqual({ ...vips, 'east/by-the-first': after['east/by-the-first'] })
  expectOneOwnerEach(after)
  expect(await ctl('vip', 'verify')).toMatchObject({ status: 0 })
})

test('VIP-2: a zone is not renamed: another name on its database is refused with what that would mean, and nothing changes', async () => {
  const vips = await vipsOf(global)
  const renamed = await processes.begin('zone', flags('north', eastDatabase.url)).process.ended
  expect(renamed.status).toBe(1)
  expect(renamed.err).toMatch(
    /the database belongs to zone east, this is zone north\..*every service would get another address.*--zone east.*zone decommission east/,
  )
  expect(await vipsOf(global)).toEqual(vips)
  expect(await inStep(east)).toBe(true)
})
