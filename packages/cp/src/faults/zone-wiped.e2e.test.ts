import { join } from 'node:path'
import { byHand } from '@holdfast/store/testing'
import { countWrites, freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { NameClient } from '../testing/names.js'
import {
  ask,
  inStep,
  Processes,
  putService,
  type Running,
  readiness,
  service,
  syncOf,
  until,
  vipsOf,
} from '../testing/process.js'

// A zone whose database is gone, in processes: a new database under the same name, and `zone adopt`. Whole maps of VIPs
// are compared, of every control plane.
vi.setConfig({ testTimeout: 120_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let east: Running
let west: Running
let eastUrl: string
let westUrl: string
const inEast = new NameClient(true)
const inWest = new NameClient(true)

async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  await countWrites(made.url)
  return made.url
}

const flags = (name: string, url: string): string[] => [
  ...['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
]
/** With the data folder and the DNS port of the one before. */
const flagsOfEast = (url: string): string[] => [
  ...flags('east', url),
  ...['--data-dir', join(processes.folder, 'east'), '--dns-port', String(east?.ports.dns ?? 0)],
]
const ctl = async (...args: string[]) => processes.holdfastctl(['--url', global.apiUrl, ...args])

const everywhere = async (): Promise<readonly unknown[]> => Promise.all([global, east, west].map(vipsOf))

/** What a store keeps of services and what has moved in its log. */
const servicesIn = (url: string) =>
  byHand<object>(
    url,
    "select type, mesh, name, revision, deleted from resources where type <> 'VipBlock' and origin <> 'west' order by 1, 2, 3",
  )
const ledgerIn = (url: string) =>
  byHand<object>(
    url,
    `select kind, mesh, origin, namespace, display_name, family, host(address) as address, state,
       case state when 'tombstoned' then tombstoned_at end as tombstoned_at
     from vip_ledger where origin = 'east' order by 1, 2, 3, 4, 5, 6`,
  )

beforeAll(async () => {
  global = await processes.start('global', ['--database-url', await database(), '--init'])
  ;[eastUrl, westUrl] = [await database(), await database()]
  ;[east, west] = await Promise.all([
    processes.start('zone', flagsOfEast(eastUrl)),
    processes.start('zone', flags('west', westUrl)),
  ])
  await until('both zones to be in step', async () => (await inStep(east)) && (await inStep(west)))
  for (const name of ['web', 'api', 'gone']) expect((await putService(east, name)).status).toBe(201)
  await ask('PUT', `${east.apiUrl}/meshes/default/meshservices/labelled`, {
    ...service('labelled'),
    labels: { 'kuma.io/origin': 'zone', team: 'red', tier: 'one' },
  })
  expect((await putService(west, 'ratings')).status).toBe(201)
  await until('west to have everything', async () => Object.values(await vipsOf(west)).flat().length === 10)
  await ask('DELETE', `${east.apiUrl}/meshes/default/meshservices/gone`)
  await until('west to hear of the deletion', async () => Object.values(await vipsOf(west)).flat().length === 8)
  await until('everybody to be in step', async () => (await inStep(east)) && (await inStep(west)))
  await inEast.ask(east.ports.dns)
  await inEast.watch(['web.svc.mesh.local', 'api.svc.mesh.local', 'ratings.svc.west.mesh.local'])
  await inWest.ask(west.ports.dns)
  await inWest.watch(['web.svc.east.mesh.local', 'api.svc.east.mesh.local', 'ratings.svc.mesh.local'])
}, 120_000)

afterAll(async () => {
  await Promise.all([inEast.close(), inWest.close()])
  await processes.close()
  for (const made of databases) await made.drop()
})

test('VIP-2, ONE: a wiped zone is refused, adopted, and gets everything back; the other zone sees nothing of it', async () => {
  const before = await everywhere()
  const [services, ledger] = [await servicesIn(westUrl), await ledgerIn(eastUrl)]
  const labels = (await ask('GET', `${east.apiUrl}/meshes/default/meshservices/labelled`)).body
  await east.signal('SIGKILL')

  const wipedUrl = await database()
  const refused = await processes.begin('zone', flagsOfEast(wipedUrl)).process.ended
  expect(refused.status).toBe(1)
  expect(refused.err).toMatch(/zone "east" belongs to the store .*"holdfastctl zone adopt east" at global/)
  const list = await ctl('zone', 'list', '-o', 'json')
  expect(JSON.parse(list.out)).toMatchObject({
    items: [{ name: 'east', connected: false, claimant: { storeId: expect.any(String) } }, { name: 'west' }],
  })

  const plan = await ctl('zone', 'adopt', 'east')
  expect(plan).toMatchObject({ status: 0, err: '' })
  expect(plan.out).toMatch(/would belong to the store[\s\S]* {2}MeshService 241\S+, lease generation 2/)
  expect(plan.out).toContain('3 MeshService')
  expect(plan.out).toContain('nothing was changed')
  expect((await processes.begin('zone', flagsOfEast(wipedUrl)).process.ended).status).toBe(1)
  const done = await ctl('zone', 'adopt', 'east', '--yes')
  expect(done).toMatchObject({ status: 0, out: expect.stringContaining('now belongs to the store') })
  const again = await ctl('zone', 'adopt', 'east', '--yes')
  expect(again).toMatchObject({ status: 0, out: expect.stringContaining('nothing changed') })

  east = await processes.start('zone', flagsOfEast(wipedUrl))
  await until('east to be in step', () => inStep(east), { otherwise: () => east.out })
  expect(east.logged('global has returned what it keeps of this zone')).toBe(true)
  expect(await everywhere()).toEqual(before)
  expect(await ledgerIn(wipedUrl)).toEqual(ledger)
  expect(await servicesIn(westUrl)).toEqual(services)
  expect((await readiness(east)).status).toBe(200)
  const after = (await ask('GET', `${east.apiUrl}/meshes/default/meshservices/labelled`)).body
  expect(withoutTimes(after)).toEqual(withoutTimes(labels))

  // The deleted one finds its address; a new one gets one that nobody has or had.
  expect((await putService(east, 'gone')).status).toBe(201)
  expect((await putService(east, 'young')).status).toBe(201)
  await until('west to have both', async () => Object.values(await vipsOf(west)).flat().length === 12)
  const now = await vipsOf(west)
  const [resting] = ledger.filter((row) => 'display_name' in row && row.display_name === 'gone')
  expect(now['east/gone']?.[0]).toBe(resting !== undefined && 'address' in resting ? resting.address : '')
  expect(new Set(Object.values(now).flat()).size).toBe(12)
  await Promise.all([inEast.check(), inWest.check()])
  expect(await ctl('vip', 'verify')).toMatchObject({ status: 0 })
})

test('ONE: the store of before is refused and parks, serving what it has; a living zone keeps its name', async () => {
  const vips = await vipsOf(global)
  const old = await processes.start('zone', flags('east', eastUrl))
  await until('it to be refused', () => old.logged('global does not let this zone in'), { otherwise: () => old.out })
  expect(old.hasEnded).toBe(false)
  expect(Object.keys(await vipsOf(old))).toContain('east/web')
  expect((await syncOf(old)).peers).toMatchObject([
    { connected: false, lastError: expect.stringContaining('zone "east" belongs to the store') },
  ])
  const living = await ctl('zone', 'adopt', 'east', '--yes')
  expect(living.status).toBe(1)
  expect(living.err).toMatch(/zone "east" is connected \(session [-0-9a-f]{36} of process .*\).*it dials from /)
  expect((await ask('POST', `${global.apiUrl}/_holdfast/zones/east/adopt`, {})).status).toBe(409)
  expect((await ask('POST', `${global.apiUrl}/_holdfast/zones/nowhere/adopt`, {})).status).toBe(404)
  expect((await ask('POST', `${global.apiUrl}/_holdfast/zones/east/adopt`, { storeId: 'mine' })).status).toBe(400)
  expect((await ctl('zone', 'adopt', 'nowhere')).err).toContain('there is no zone "nowhere"')
  expect(await vipsOf(global)).toEqual(vips)
  expect(await inStep(east)).toBe(true)
  await Promise.all([inEast.check(), inWest.check()])
  expect(await old.signal('SIGTERM')).toMatchObject({ status: 0 })
})

const withoutTimes = (body: unknown): unknown => {
  const { creationTime: _, modificationTime: __, ...rest } = body as Record<string, unknown>
  return rest
}
