import type { LocalChange } from '@holdfast/store'
import { freshDatabase } from '@holdfast/store/testing'
import { expect, test, vi } from 'vitest'
import { closing } from '../testing/closing.js'
import { hasBlocks, putMesh, putTagged, shownService, vipMap } from '../testing/dataplanes.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  meshService,
  type Plane,
  put,
  putService,
  remove,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'
import { Resolving } from '../testing/names.js'
import { brokenIn, nothingBroken, settled, settledAs } from '../testing/recipes.js'

// Kuma's recipes that need a lost store, a deleted zone or another name; the others are in recipes.e2e.test.ts, with
// what is compared. Each has a mesh of its own, for it does not survive them as it was.
vi.setConfig({ testTimeout: 180_000 })

const { own, closes } = closing()

interface Stand {
  readonly global: GlobalPlane
  readonly east: ZonePlane
  readonly west: ZonePlane
  readonly planes: readonly Plane[]
}

/** Ten services of east, as in Kuma's measurement, three of them generated; two of west. */
async function stand(): Promise<Stand> {
  const global = own(await startGlobal())
  await putMesh(global, 'Exclusive')
  const [east, west] = await Promise.all(
    ['east', 'west'].map(async (name) => own(await startZone(name, global.port, { backoff: eager }))),
  )
  if (east === undefined || west === undefined) throw new Error('two zones')
  await until('both zones to be in step', () => inStep(east) && inStep(west), 30_000)
  await until('both zones to have blocks', async () => (await hasBlocks(east)) && (await hasBlocks(west)), 30_000)
  for (let i = 0; i < 7; i++) await putService(east, `made-${i}`)
  for (let i = 0; i < 3; i++) await putTagged(east, `dp-${i}`, `generated-${i}`)
  for (let i = 0; i < 2; i++) await putService(west, `made-${i}`)
  await until('the last service', async () => (await shownService(west, 'generated-2', 'east')) !== undefined, 30_000)
  return { global, east, west, planes: [global, east, west] }
}

/** Clients that resolve in both zones from here on. */
async function resolved(east: ZonePlane, west: ZonePlane) {
  const [inEast, inWest] = [new Resolving('east'), new Resolving('west')]
  for (const names of [inEast, inWest]) closes(() => names.close())
  await inEast.attach(east)
  await inWest.attach(west)
  await inEast.watch(['made-1.svc.mesh.local', 'generated-1.svc.mesh.local', 'made-1.svc.west.mesh.local'])
  await inWest.watch(['made-1.svc.mesh.local', 'made-1.svc.east.mesh.local', 'generated-1.svc.east.mesh.local'])
  return { inEast, inWest }
}

async function unbroken(...planes: readonly Plane[]): Promise<void> {
  for (const plane of planes) expect([plane.name, await brokenIn(plane)]).toEqual([plane.name, nothingBroken])
}

test('global and a zone are restarted: nothing changes', async () => {
  const { global, east, west, planes } = await stand()
  const before = await settled(planes)
  await global.close()
  const again = own(await startGlobal({ database: global.database, port: global.port }))
  await west.close()
  const back = own(await startZone('west', global.port, { database: west.database, backoff: eager }))
  await until('both zones to be in step', () => inStep(east) && inStep(back), 30_000)
  await settledAs([again, east, back], before)
  await unbroken(again, east, back)
})

test('V7 V8 VIP-2: the store of a zone is lost: after zone adopt it has its services back, and so has everybody else', async () => {
  const { global, east, west, planes } = await stand()
  const before = await settled(planes)
  const { inEast, inWest } = await resolved(east, west)
  await inEast.detach()
  await east.close()
  const database = await freshDatabase()
  const refused = own(await startZone('east', global.port, { database, backoff: eager }))
  // The store has nothing, and the zone answers what it answered before.
  await inEast.attach(refused)
  await until('it to be refused', () => refused.fatal.reason !== undefined, 30_000)
  await inEast.check()
  // An emptied zone says nothing: the others keep what they have.
  await settledAs([global, west], before)
  const adopted = await global.api.inject({
    method: 'POST',
    url: '/_holdfast/zones/east/adopt',
    headers: { 'content-type': 'application/json' },
    payload: '{}',
  })
  expect(adopted.statusCode).toBe(200)
  await inEast.detach()
  await refused.close()
  const again = own(await startZone('east', global.port, { database, backoff: eager }))
  await inEast.attach(again)
  await until('east to be in step', () => inStep(again), 30_000)
  await settledAs([global, again, west], before)
  // The services are applied again, and the proxies register, as after any loss.
  for (let i = 0; i < 7; i++) await putService(again, `made-${i}`)
  for (let i = 0; i < 3; i++) await putTagged(again, `dp-${i}`, `generated-${i}`)
  await settledAs([global, again, west], before)
  await until(
    'the generated services to be available',
    async () => (await shownService(west, 'generated-2', 'east'))?.spec.state === 'Available',
    30_000,
  )
  await Promise.all([inEast.check(), inWest.check()])
  await unbroken(global, again, west)
})

test('V9 VIP-2: the store of global is lost: its zones bring everything back', async () => {
  const { global, east, west, planes } = await stand()
  const before = await settled(planes)
  const { inEast, inWest } = await resolved(east, west)
  await global.close()
  const empty = own(await startGlobal({ port: global.port }))
  const post = (url: string, body: object) =>
    empty.api.inject({
      method: 'POST',
      url: `/_holdfast/recovery/${url}`,
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    })
  // It waits for somebody who says where its own resources come from, for its zones remember another mesh.
  await until(
    'what was lost to come from a zone',
    async () => (await post('from-zone', { zone: 'east', apply: true })).statusCode === 200,
    30_000,
  )
  await until(
    'the recovery to end',
    async () =>
      (await empty.store.status()).state === 'ready' || (await post('finish', { confirmed: true })).statusCode === 200,
    30_000,
  )
  await until('both zones to be in step', () => inStep(east) && inStep(west), 30_000)
  // Generated services are there all the same, whatever its new mesh asked for meanwhile.
  await settledAs([empty, east, west], before)
  await putMesh(empty, 'Exclusive')
  await until(
    'no grace',
    async () =>
      (await shownService(east, 'generated-1', 'east'))?.labels['kuma.io/deletion-grace-period-started-at'] ===
      undefined,
    30_000,
  )
  await settledAs([empty, east, west], before)
  await Promise.all([inEast.check(), inWest.check()])
  await unbroken(empty, east, west)
})

test('V10 VIP-2: the Zone is deleted at global while the zone is away; it comes back when it is made again', async () => {
  const { global, east, west, planes } = await stand()
  const before = await settled(planes)
  await east.close()
  await until(
    'global to notice',
    async () => (await global.api.inject({ method: 'DELETE', url: '/zones/east?force=true' })).statusCode === 200,
    30_000,
  )
  await until('west to lose it', async () => (await shownService(west, 'made-1', 'east')) === undefined, 30_000)
  await put(global, '/zones/east', { type: 'Zone', name: 'east', enabled: true })
  const again = own(await startZone('east', global.port, { database: east.database, backoff: eager }))
  await until('east to be in step', () => inStep(again), 30_000)
  await settledAs([global, again, west], before)
  await unbroken(global, again, west)
})

test('V13 VIP-2: a zone that stood alone joins a global that does not know its mesh: its services wait for the mesh', async () => {
  const global = own(await startGlobal())
  await remove(global, '/meshes/default')
  const block = '241.200.0.0/20'
  const north = own(await startZone('north', global.port, { backoff: eager, reachable: false, wantedCidrs: [block] }))
  expect(await north.store.vip.adoptBlocks([block])).toEqual([])
  await putService(north, 'alone')
  const [address] = (await vipMap(north))['north/alone'] ?? []
  expect(address).toMatch(/^241\.200\./)
  await north.proxy.restore()
  await until('north to be in step', () => inStep(north), 30_000)
  await until(
    'its service to wait',
    async () =>
      (await north.store.read.get({ type: 'MeshService', mesh: 'default', name: 'alone' }))?.audience === 'suspended',
    30_000,
  )
  // What goes up and what comes down are two streams: it may have been offered before north heard of global's meshes.
  // Then global keeps it, told to nobody and without a name, until north takes it back.
  await until(
    'global to have nothing of it',
    async () => {
      const offered = await servicesOf(global)
      for (const { key, hostnames } of offered.values()) expect([key, hostnames]).toEqual(['north/alone', []])
      const rows = await global.store.read.list({ type: 'MeshService', mesh: 'default', offset: 0, limit: 10 })
      expect(rows.items.filter(({ audience }) => audience !== 'suspended')).toEqual([])
      return offered.size === 0
    },
    30_000,
  )
  expect((await vipMap(north))['north/alone']?.[0]).toBe(address)
  await putMesh(global, 'Exclusive')
  await until('global to have it', async () => (await vipMap(global))['north/alone'] !== undefined, 30_000)
  expect((await settled([global, north]))['north/alone']?.[0]).toBe(address)
  await unbroken(global, north)
})

test('V14 VIP-2: a zone is not renamed by accident: its store keeps its name, and says so', async () => {
  const { global, east, west, planes } = await stand()
  const before = await settled(planes)
  await east.close()
  await expect(startZone('eastern', global.port, { database: east.database })).rejects.toThrow(
    /belongs to zone "?east"?, this is zone "?eastern"?/,
  )
  const again = own(await startZone('east', global.port, { database: east.database, backoff: eager }))
  await until('east to be in step', () => inStep(again), 30_000)
  await settledAs([global, again, west], before)
})

test('V19 VIP-1: two processes of a zone make services at once: no address is given twice, and each service is made once', async () => {
  const { global, east, west, planes } = await stand()
  await settled(planes)
  const twin = own(await startZone('east', global.port, { database: east.database, backoff: eager }))
  const names = Array.from({ length: 20 }, (_, i) => `shared-${i}`)
  await Promise.all(
    names.flatMap((name, i) => [
      putTagged(i % 2 === 0 ? east : twin, `dp-${name}`, name),
      putService(twin, `own-${i}`),
    ]),
  )
  await until(
    'the last service',
    async () =>
      (await Promise.all(names.map((name) => shownService(west, name, 'east')))).every((s) => s !== undefined),
    60_000,
  )
  const after = await settled(
    [global, east, twin, west].filter(({ name }, i, all) => all.findIndex((p) => p.name === name) === i),
    60_000,
  )
  const addresses = Object.values(after).flat()
  expect(new Set(addresses).size).toBe(addresses.length)
  const audit = (await east.store.read.audit(1_000)).filter(({ actor }) => actor === 'meshservice-generator')
  const made = audit.filter(({ action, subject }) => action === 'created' && subject.includes('shared-'))
  expect(made).toHaveLength(names.length)
  await unbroken(global, east, west)
})

test('V20 OWN: what was computed for a service that was deleted and made again touches the new one in nothing', async () => {
  const { east, planes } = await stand()
  const key = { type: 'MeshService', mesh: 'default', name: 'made-1' }
  const old = await east.store.read.get(key)
  await remove(east, '/meshes/default/meshservices/made-1')
  await put(east, '/meshes/default/meshservices/made-1', meshService('made-1', 81))
  const before = await settled(planes)
  const row = await east.store.read.get(key)
  const late: LocalChange = {
    change: 'compute',
    key,
    computed: { state: 'Available' },
    status: Buffer.from('{}'),
    ifRevision: old?.revision ?? 0,
  }
  const [outcome] = await east.store.local.apply(
    { changes: [late], atomic: false, actor: 'test' },
    { signal: AbortSignal.timeout(10_000) },
  )
  expect(outcome).toEqual({ outcome: 'stale' })
  expect(await east.store.read.get(key)).toEqual(row)
  await settledAs(planes, before)
})
