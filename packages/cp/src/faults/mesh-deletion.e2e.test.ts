import { byHand } from '@holdfast/store/testing'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { bothInStep, get, holdsOf, putMesh, vipsOf } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  meshService,
  type Plane,
  put,
  remove,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'
import { type Resolving, resolving } from '../testing/names.js'

// Meshes that are deleted at global and brought back (decision: what zones own in them is suspended, not deleted), with
// zones that are away, restarted, or changing things meanwhile. Kuma gives other addresses each time (its V12 and V13).
vi.setConfig({ testTimeout: 60_000 })
let global: GlobalPlane
let east: ZonePlane
let west: ZonePlane
let inEast: Resolving
let inWest: Resolving
beforeAll(async () => {
  global = await startGlobal()
  ;[east, west] = await Promise.all([
    startZone('east', global.port, { backoff: eager }),
    startZone('west', global.port, { backoff: eager }),
  ])
  await putMesh(global, 'shop')
  await until('both zones to have the mesh', async () => (await hasShop(east)) && (await hasShop(west)), 20_000)
  for (const [zone, name] of [
    [east, 'cart'],
    [east, 'web'],
    [west, 'pay'],
    [west, 'web'],
  ] as const)
    await putIn(zone, name)
  await putIn(east, 'other', 80, 'default')
  // Names of the mesh go with it, and never have another address.
  inEast = await resolving(
    east,
    ['other.svc.mesh.local'],
    ['cart.svc.mesh.local', 'web.svc.mesh.local', 'pay.svc.west.mesh.local'],
  )
  inWest = await resolving(
    west,
    ['other.svc.east.mesh.local'],
    ['web.svc.mesh.local', 'cart.svc.east.mesh.local', 'web.svc.east.mesh.local'],
  )
}, 60_000)
afterEach(async () => {
  await Promise.all([inEast.check(), inWest.check()])
})
afterAll(async () => {
  await Promise.allSettled([inEast?.close(), inWest?.close()])
  await Promise.allSettled([east?.close(), west?.close()])
  await global?.close()
})

const hasShop = async (plane: Plane): Promise<boolean> =>
  (await get<{ items: readonly { name: string }[] }>(plane, '/meshes')).items.some(({ name }) => name === 'shop')
const putIn = (zone: Plane, name: string, port = 80, mesh = 'shop'): Promise<number> =>
  put(zone, `/meshes/${mesh}/meshservices/${name}`, { ...meshService(name, port), mesh })

const planes = (): readonly Plane[] => [global, east, west]
const inShop = ['east/cart', 'east/web', 'west/pay', 'west/web']

type Vips = Readonly<Record<string, readonly string[]>>

/** All say the same: these services of the mesh, with both addresses, and the one outside of it. */
async function everywhere(keys: readonly string[] = inShop): Promise<Vips> {
  const wanted = [...keys, 'east/other'].sort()
  let said: readonly Vips[] = []
  await until(
    `all to have ${wanted.join(', ')}`,
    async () => {
      said = await Promise.all(planes().map(vipsOf))
      return (
        bothInStep(global, east) &&
        bothInStep(global, west) &&
        said.every(
          (one) =>
            JSON.stringify(Object.keys(one)) === JSON.stringify(wanted) &&
            JSON.stringify(one) === JSON.stringify(said[0]) &&
            Object.values(one).every((vips) => vips.length === 2),
        )
      )
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${JSON.stringify(said)}`)
  })
  return said[0] ?? {}
}

/** Global and the other zones have nothing of the mesh; its own services are suspended in a zone, with their addresses. */
async function suspended(zones: readonly ZonePlane[], before: Vips, keys: readonly string[] = inShop): Promise<void> {
  await until('global to have nothing of it', async () => Object.keys(await vipsOf(global)).join() === 'east/other')
  for (const zone of zones) {
    const own = [...keys, 'east/other'].filter((key) => key.startsWith(`${zone.name}/`)).sort()
    const others = zone === east ? [] : ['east/other']
    await until(
      `${zone.name} to have its own alone`,
      async () =>
        Object.keys(await vipsOf(zone))
          .sort()
          .join() === [...own, ...others].sort().join(),
    ).catch(async (error: unknown) => {
      throw new Error(
        `${(error as Error).message}: ${JSON.stringify([own, await vipsOf(zone), await get(zone, '/_holdfast/audit')])}`,
      )
    })
    const mine = async () =>
      (await get<Shown>(zone, '/meshservices')).items.flatMap(({ mesh, status }) => (mesh === 'shop' ? [status] : []))
    await until(`${zone.name} to have lost the mesh`, async () =>
      (await mine()).every((status) => status?.conditions?.some(({ reason }) => reason === 'MeshMissing') === true),
    )
    expect((await mine()).map((status) => status?.addresses ?? [])).toEqual((await mine()).map(() => []))
    const kept = Object.fromEntries(Object.entries(await ledgerOf(zone)).filter(([key]) => own.includes(key)))
    expect(kept).toEqual(Object.fromEntries(own.map((key) => [key, before[key]?.[0]])))
  }
  expect(await Promise.all([global, ...zones].map(holdsOf))).toEqual([global, ...zones].map(() => []))
}

interface Shown {
  readonly items: readonly {
    readonly mesh: string
    readonly status?: { readonly addresses?: unknown[]; readonly conditions?: { readonly reason?: string }[] }
  }[]
}

/** Addresses in force, IPv4, by zone and name. */
async function ledgerOf(plane: Plane): Promise<Readonly<Record<string, string>>> {
  const rows = await byHand<{ origin: string; display_name: string; address: string }>(
    plane.database.url,
    "select origin, display_name, host(address) as address from vip_ledger where state = 'active' and family = 4",
  )
  return Object.fromEntries(rows.map((row) => [`${row.origin}/${row.display_name}`, row.address]))
}

/** Tombstones of the mesh's services in a store: it was told, and has not concluded it from silence. */
const removedIn = async (plane: Plane): Promise<number> =>
  (
    await byHand(
      plane.database.url,
      "select 1 from resources where deleted and absent_since is null and mesh = 'shop' and type = 'MeshService'",
    )
  ).length

async function away(zone: ZonePlane): Promise<void> {
  await zone.proxy.refuse()
  zone.proxy.cut('reset')
  await until(`${zone.name} to be away`, () => !global.runtime.views().some((view) => view.peer === zone.name))
}

test('VIP-2, V12: deleted at global a mesh is suspended in its zones, by explicit removals elsewhere, and comes back whole', async () => {
  const before = await everywhere()
  await remove(global, '/meshes/shop')
  await suspended([east, west], before)
  expect(await Promise.all([global, east, west].map(removedIn))).toEqual([4, 2, 2])
  // Neither made nor given anything by it, a service cannot be added to a mesh that is not there.
  await expect(putIn(east, 'late')).rejects.toThrow('404')
  await putMesh(global, 'shop')
  expect(await everywhere()).toEqual(before)
})

test('VIP-2, V12: a zone that is away while the mesh goes and comes back hears nothing of it but the mesh', async () => {
  const before = await everywhere()
  await away(east)
  await remove(global, '/meshes/shop')
  await until('west to be told', async () => (await removedIn(west)) === 2)
  await putMesh(global, 'shop')
  await until('west to have its own again', async () => (await vipsOf(west))['west/web']?.length === 2)
  await east.proxy.restore()
  expect(await everywhere()).toEqual(before)
})

test('VIP-2, V12: a zone that is away learns of the deletion when it returns, and of the return as well', async () => {
  const before = await everywhere()
  await away(east)
  await remove(global, '/meshes/shop')
  await until('west to be told', async () => (await removedIn(west)) === 2)
  await east.proxy.restore()
  await suspended([east, west], before)
  await putMesh(global, 'shop')
  expect(await everywhere()).toEqual(before)
})

test('VIP-2, DUR: a zone that is restarted in between keeps what was suspended', async () => {
  const before = await everywhere()
  await remove(global, '/meshes/shop')
  await suspended([east, west], before)
  await inEast.detach()
  await east.close()
  east = await startZone('east', global.port, { backoff: eager, database: east.database })
  await inEast.attach(east)
  await until('east to be in step', () => bothInStep(global, east), 20_000)
  await suspended([east, west], before)
  await putMesh(global, 'shop')
  expect(await everywhere()).toEqual(before)
})

test('OWN: what is suspended is still its zone’s: deleted there it stays deleted, and comes back to its address', async () => {
  const before = await everywhere()
  await remove(global, '/meshes/shop')
  await suspended([east, west], before)
  await remove(east, '/meshes/shop/meshservices/cart')
  await putMesh(global, 'shop')
  const { 'east/cart': cart, ...others } = before
  expect(await everywhere(inShop.filter((key) => key !== 'east/cart'))).toEqual(others)
  await putIn(east, 'cart')
  expect((await everywhere())['east/cart']).toEqual(cart)
})

test('VIP-2: a zone with a new store gets its suspended services back suspended, and whole with the mesh', async () => {
  const before = await everywhere()
  await remove(global, '/meshes/shop')
  await suspended([east, west], before)
  // Deleted by its zone meanwhile: that one does not come back.
  await remove(east, '/meshes/shop/meshservices/web')
  const heard =
    "select 1 from resources where deleted and audience = 'all' and origin = 'east' and display_name = 'web'"
  await until('global to hear of it', async () => (await byHand(global.database.url, heard)).length === 1)
  await inEast.detach()
  await east.close()
  const wiped = await startZone('east', global.port, { backoff: eager })
  await inEast.attach(wiped)
  await until('it to be refused', () => wiped.fatal.reason !== undefined)
  const { database } = wiped
  await inEast.detach()
  await wiped.close()
  const adopted = await global.api.inject({
    method: 'POST',
    url: '/_holdfast/zones/east/adopt',
    headers: { 'content-type': 'application/json' },
    payload: '{}',
  })
  expect(adopted.statusCode).toBe(200)
  east = await startZone('east', global.port, { backoff: eager, database })
  await inEast.attach(east)
  await until('east to be in step', () => bothInStep(global, east) && inStep(east), 20_000)
  const { 'east/web': web, ...others } = before
  const kept = inShop.filter((key) => key !== 'east/web')
  await suspended([east, west], others, kept)
  await putMesh(global, 'shop')
  expect(await everywhere(kept)).toEqual(others)
  await putIn(east, 'web')
  expect((await everywhere())['east/web']).toEqual(web)
})
