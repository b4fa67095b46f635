import { byHand } from '@holdfast/store/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  allServices,
  applyServices,
  converged,
  deletedOf,
  eastServices,
  get,
  holdsOf,
  type Mesh,
  putMesh,
  quiet,
  startMesh,
  vipsOf,
  westServices,
} from '../testing/faults.js'
import {
  eager,
  inStep,
  meshService,
  type Plane,
  put,
  putService,
  remove,
  rowsOf,
  servicesOf,
  startGlobal,
  startZone,
  until,
} from '../testing/mesh.js'

// What happens to services by intent: they go, come back, are hidden and shown. Their addresses wait for them.
let mesh: Mesh
beforeAll(async () => {
  mesh = await startMesh()
})
afterAll(() => mesh?.close())

const planes = () => [mesh.global, mesh.east, mesh.west]
const ofWest = westServices.map((name) => `west/${name}`)
const pick = (vips: Readonly<Record<string, readonly string[]>>, keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, vips[key]]))

test('two services of one name in two zones are two services', async () => {
  const vips = await converged(planes(), allServices)
  const all = Object.values(vips).flat()
  expect(new Set(all).size).toBe(all.length)
  expect(vips['east/web']).not.toEqual(vips['west/web'])
  const names = (await get<{ items: readonly { name: string }[] }>(mesh.global, '/meshservices')).items.map(
    (i) => i.name,
  )
  expect(new Set(names).size).toBe(allServices.length)
})

test('VIP-2: deleted and made again 200 times, a service keeps its address, and so does everybody else', {
  timeout: 60_000,
}, async () => {
  const before = await converged(planes(), allServices)
  const seen = new Set<string>()
  for (let round = 0; round < 200; round++) {
    await remove(mesh.east, '/meshes/default/meshservices/cart')
    await putService(mesh.east, 'cart', 8_000 + round)
    if (round % 20 === 0) seen.add(((await servicesOf(mesh.east)).get('east/cart')?.vips ?? []).join(' '))
  }
  expect([...seen]).toEqual([(before['east/cart'] ?? []).join(' ')])
  expect(await converged(planes(), allServices)).toEqual(before)
})

test('a service that is not to be synced any more is gone elsewhere, stays at home, and is back with its address', async () => {
  const before = await converged(planes(), allServices)
  const path = '/meshes/default/meshservices/checkout'
  await put(mesh.east, path, {
    ...meshService('checkout'),
    labels: { 'kuma.io/origin': 'zone', 'kuma.io/kds-sync': 'disabled' },
  })
  const others = allServices.filter((key) => key !== 'east/checkout')
  expect(await converged([mesh.global, mesh.west], others)).toEqual(pick(before, others))
  expect(await vipsOf(mesh.east)).toEqual(before)
  await put(mesh.east, path, meshService('checkout'))
  expect(await converged(planes(), allServices)).toEqual(before)
})

test('a zone that is disabled is hidden from the others, keeps what it has, and is back with the same addresses', async () => {
  const before = await converged(planes(), allServices)
  await put(mesh.global, '/zones/east', { type: 'Zone', name: 'east', enabled: false })
  expect(await converged([mesh.west], ofWest)).toEqual(pick(before, ofWest))
  expect([await vipsOf(mesh.east), await vipsOf(mesh.global)]).toEqual([before, before])
  expect(await holdsOf(mesh.west)).toEqual([])
  // Away meanwhile, and not told a second time.
  const session = mesh.west.runtime.view()?.sessionId
  mesh.west.proxy.cut('reset')
  await until('west to be back', () => inStep(mesh.west) && mesh.west.runtime.view()?.sessionId !== session)
  expect(await vipsOf(mesh.west)).toEqual(pick(before, ofWest))
  await put(mesh.global, '/zones/east', { type: 'Zone', name: 'east', enabled: true })
  expect(await converged(planes(), allServices)).toEqual(before)
})

test('a mesh that is deleted at global suspends what its zones own; brought back, everything is back with its address', async () => {
  const { global, east, west } = mesh
  const before = await converged(planes(), allServices)
  await remove(global, '/meshes/default')
  await until('global to have none', async () => Object.keys(await vipsOf(global)).length === 0)
  const elsewhere = async (zone: typeof east) =>
    Object.keys(await vipsOf(zone)).filter((key) => !key.startsWith(`${zone.name}/`))
  await until(
    'the zones to have none of each other',
    async () => [...(await elsewhere(east)), ...(await elsewhere(west))].length === 0,
  )
  expect([await holdsOf(global), await holdsOf(east), await holdsOf(west)]).toEqual([[], [], []])
  const suspended = await get<{ items: readonly { name: string }[] }>(east, '/meshservices')
  expect(suspended.items.map(({ name }) => name).sort()).toEqual([...eastServices])
  await putMesh(global, 'default')
  expect(await converged(planes(), allServices)).toEqual(before)
  await quiet([global, east], [global, west])
  const rows = await rowsOf(planes())
  const session = east.runtime.view()?.sessionId
  east.proxy.cut('reset')
  await until('east to be back', () => inStep(east) && east.runtime.view()?.sessionId !== session)
  expect(await rowsOf(planes())).toBe(rows)
})

interface Served {
  readonly items: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly spec: { readonly ports: readonly { readonly port: number }[] }
  }[]
}

test('a pool without an address left: newcomers wait with the reason, all others are served, and a gone one makes no room', {
  timeout: 60_000,
}, async () => {
  // The smallest pool there is, which the first zone gets whole: 4,094 addresses.
  const global = await startGlobal({ vipPools: ['MeshService=241.200.0.0/20'] })
  const east = await startZone('east', global.port, { backoff: eager })
  try {
    await until('east to be in step', () => inStep(east), 20_000)
    await until('its block', async () => (await east.store.vip.blocks()).some(({ owner }) => owner === 'east'))
    const west = await startZone('west', global.port, { backoff: eager })
    try {
      await until('west to be in step', () => inStep(west), 20_000)
      await applyServices(
        east,
        Array.from({ length: 4_094 }, (_, i) => `s${String(i).padStart(4, '0')}`),
      )
      await applyServices(east, ['too-many', 'too-much'])
      await putService(west, 'alone')
      const waiting = async (plane: Plane) =>
        (
          await byHand<{ key: string; reason: string }>(
            plane.database.url,
            `select origin || '/' || display_name as key, pending_reason as reason from resources
             where type = 'MeshService' and pending_reason is not null order by 1`,
          )
        ).map(({ key, reason }) => [key, reason])
      const full =
        "every address of 241.200.0.0/20 is taken or rests: a further block is needed; global leases one by itself: is it connected ('holdfastctl status'), and have its pools room ('holdfastctl vip pool list' there)?"
      expect([await waiting(east), await waiting(west)]).toEqual([
        [
          ['east/too-many', full],
          ['east/too-much', full],
        ],
        [['west/alone', expect.stringMatching(/^no IPv4 block of MeshService is leased to this control plane yet; /)]],
      ])
      const vips = async (plane: Plane) =>
        byHand<{ n: string; d: string }>(
          plane.database.url,
          `select count(*) as n, count(distinct vips) as d from resources
           where type = 'MeshService' and not deleted and length(vips) > 0`,
        )
      await until('west to have them', async () => (await vips(west))[0]?.n === '4094', 20_000)
      expect([await vips(east), await vips(global), await vips(west)]).toEqual(
        Array(3).fill([{ n: '4094', d: '4094' }]),
      )

      // The address of one that is gone waits for its owner, not for the next in the line.
      await remove(east, '/meshes/default/meshservices/s0000')
      await putService(east, 'too-late')
      expect((await waiting(east)).map(([key]) => key)).toEqual(['east/too-late', 'east/too-many', 'east/too-much'])
      // On another port, so that west can be seen to have what came after the removal, not what was before it.
      await putService(east, 's0000', 8_080)
      const portInWest = async () =>
        (await get<Served>(west, '/meshes/default/meshservices?name=s0000&size=100')).items.find(
          (item) => item.labels['kuma.io/display-name'] === 's0000',
        )?.spec.ports[0]?.port
      await until('it to be back', async () => (await portInWest()) === 8_080)
      expect((await vips(west))[0]?.n).toBe('4094')
      expect((await waiting(east)).map(([key]) => key)).toEqual(['east/too-late', 'east/too-many', 'east/too-much'])
      expect(await deletedOf(west)).toBe(0)
    } finally {
      await west.close()
    }
  } finally {
    await east.close()
    await global.close()
  }
})
