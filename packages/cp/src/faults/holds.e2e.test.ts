import { byHand } from '@holdfast/store/testing'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import {
  applyServices,
  bothInStep,
  deletedOf,
  get,
  holdsOf,
  type Mesh,
  putMesh,
  quiet,
  startMesh,
} from '../testing/faults.js'
import {
  type GlobalPlane,
  inStep,
  meshService,
  type Plane,
  put,
  putService,
  remove,
  rowsOf,
  servicesOf,
  startGlobal,
  until,
} from '../testing/mesh.js'

// What vanished without having been deleted: kept, shown, in nobody's way, and decided by a person or by its sender.
const { closes } = closing()

async function mesh(): Promise<Mesh> {
  const started = await startMesh()
  closes(() => Promise.all([started.east.close(), started.west.close()]))
  return started
}

const ownGlobal = (global: GlobalPlane): GlobalPlane => {
  closes(() => global.close())
  return global
}

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(4, '0')}`)

const namesOf = async (plane: Plane, zone: string): Promise<readonly string[]> =>
  [...(await servicesOf(plane)).keys()].filter((key) => key.startsWith(`${zone}/`)).sort()

const settled = (global: GlobalPlane, { east, west }: Pick<Mesh, 'east' | 'west'>) =>
  until('everybody to be in step', () => bothInStep(global, east) && bothInStep(global, west), 30_000)

async function decide(plane: Plane, id: string, verb: 'approve' | 'reject') {
  const url = `/_holdfast/holds/${id}/${verb}`
  const response = await plane.api.inject({ method: 'POST', url, headers: json, payload: '{}' })
  return { status: response.statusCode, body: response.json<Readonly<Record<string, unknown>>>() }
}
const json = { 'content-type': 'application/json', host: 'localhost' }

/** Somebody loses rows of east behind the program's back; the next session finds that they are missing. */
async function lose(zone: Mesh['east'], where: string): Promise<void> {
  await byHand(zone.database.url, `delete from resources where type = 'MeshService' and origin = 'east' and ${where}`)
  const before = zone.runtime.view()?.sessionId
  zone.proxy.cut('reset')
  await until('a new session', () => zone.runtime.view() !== undefined && zone.runtime.view()?.sessionId !== before)
}

const alarmsOf = async (plane: Plane, name: string): Promise<number> =>
  (await plane.registry.getMetricsAsJSON())
    .filter((metric) => metric.name === name)
    .flatMap(({ values }) => values.map(({ value }) => Number(value)))
    .reduce((sum, value) => sum + value, 0)

test('HOLD, RO: an open hold lets all else flow, survives a restart, and a reconnect beside it writes nothing and repairs nothing', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = await mesh()
  await applyServices(east, numbered('many', 40))
  await until('west to have them', async () => (await namesOf(west, 'east')).length === 43, 20_000)
  await settled(global, { east, west })
  await lose(east, "display_name like 'many-%'")
  await until('global to hold them', async () => (await holdsOf(global)).length === 1, 20_000)
  await settled(global, { east, west })
  const [hold] = await get<{ items: readonly { id: string; resources: number }[] }>(global, '/_holdfast/holds').then(
    ({ items }) => items,
  )
  if (hold === undefined) throw new Error('nothing is held')
  expect(hold.resources).toBe(40)
  await until('the metric to say so', async () => (await alarmsOf(global, 'holdfast_holds')) === 1)
  expect(await alarmsOf(global, 'holdfast_held_resources')).toBe(40)
  // Everything else flows, in both directions.
  await putService(east, 'new')
  await putService(west, 'new')
  await until('the new ones to be everywhere', async () =>
    (await Promise.all([namesOf(global, 'east'), namesOf(west, 'east')])).every((names) => names.includes('east/new')),
  )
  expect((await namesOf(west, 'east')).length).toBe(44)
  const peers = (await get<{ peers: readonly { peer: string; held: number }[] }>(global, '/_holdfast/sync')).peers
  expect(peers.map(({ peer, held }) => [peer, held])).toEqual([
    ['east', 40],
    ['west', 0],
  ])
  // East learns of it as well: it is what it has lost.
  const eastKnows = (resources: number) =>
    until(
      `east to know of ${resources} that are held`,
      async () => {
        const { peers } = await get<{ peers: readonly { heldByPeer: number }[] }>(east, '/_holdfast/sync')
        return peers[0]?.heldByPeer === resources
      },
      30_000,
    )
  await eastKnows(40)

  const reconnects = async (plane: GlobalPlane): Promise<void> => {
    await quiet([plane, east], [plane, west])
    const rows = await rowsOf([plane, east, west])
    const before = { session: east.runtime.view()?.sessionId, repairs: await alarmsOf(plane, divergences) }
    east.proxy.cut('reset')
    await until('a new session', () => inStep(east) && east.runtime.view()?.sessionId !== before.session)
    await settled(plane, { east, west })
    expect(east.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
    expect(await rowsOf([plane, east, west])).toBe(rows)
    expect(await alarmsOf(plane, divergences)).toBe(before.repairs)
  }
  const divergences = 'holdfast_kds_divergences_total'
  await reconnects(global)
  await global.close()
  const again = ownGlobal(await startGlobal({ database: global.database, port: global.port }))
  await settled(again, { east, west })
  expect(await holdsOf(again)).toMatchObject([{ resources: 40, state: 'held' }])
  await reconnects(again)

  expect(await decide(again, hold.id, 'reject')).toMatchObject({
    status: 200,
    body: { state: 'rejected', decided: 40 },
  })
  // That is told as well, some seconds later, and no part of a reconnect.
  await eastKnows(0)
  await reconnects(again)
  expect([await holdsOf(again), (await namesOf(west, 'east')).length]).toEqual([[], 44])

  expect(await decide(again, hold.id, 'approve')).toMatchObject({ status: 200, body: { deleted: 40 } })
  await until('west to lose them', async () => (await namesOf(west, 'east')).length === 4, 20_000)
  expect(await deletedOf(again)).toBe(40)
  await settled(again, { east, west })
  await reconnects(again)
  expect(await decide(again, hold.id, 'approve')).toMatchObject({ status: 409 })
})

test('HOLD: an approval and the return of what is held at the same moment: what is offered is there in the end, with its VIP', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = await mesh()
  ownGlobal(global)
  const names = numbered('race', 30)
  await applyServices(east, names, 80)
  await until('west to have them', async () => (await namesOf(west, 'east')).length === 33, 30_000)
  const before = await servicesOf(west)
  await settled(global, { east, west })
  await lose(east, "display_name like 'race-%'")
  await until('global to hold them', async () => (await holdsOf(global)).length === 1, 20_000)
  const [hold] = await global.store.read.holds()
  // Half of it comes back while somebody approves.
  const back = names.slice(0, 15)
  const [, decided] = await Promise.all([applyServices(east, back, 80), decide(global, hold?.id ?? '', 'approve')])
  expect([200, 409]).toContain(decided.status)
  const wanted = [...back.map((name) => `east/${name}`), 'east/cart', 'east/checkout', 'east/web'].sort()
  for (const plane of [global, west])
    await until(
      `${plane.name} to have what east has`,
      async () => JSON.stringify(await namesOf(plane, 'east')) === JSON.stringify(wanted),
      30_000,
    )
  const after = await servicesOf(west)
  for (const key of wanted) expect(after.get(key)?.vips).toEqual(before.get(key)?.vips)
  await settled(global, { east, west })
})

test('EMPTY: what an operator deletes passes whatever its size: a mesh with 1,000 services of a zone, to all the others', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = await mesh()
  ownGlobal(global)
  await putMesh(global, 'shop')
  await until('east to have the mesh', async () => (await east.api.inject('/meshes/shop')).statusCode === 200)
  const shop = numbered('item', 1_000).map((name) => ({ ...meshService(name), mesh: 'shop' }))
  const applied = await east.api.inject({
    method: 'POST',
    url: '/_apply',
    headers: json,
    payload: JSON.stringify(shop),
  })
  expect(applied.statusCode).toBe(200)
  const countIn = async (plane: Plane): Promise<number> =>
    (await plane.store.read.list({ type: 'MeshService', mesh: 'shop', offset: 0, limit: 1 })).total
  await until('west to have them', async () => (await countIn(west)) === 1_000, 60_000)
  await settled(global, { east, west })
  await remove(global, '/meshes/shop')
  await until(
    'nobody to have them but their owner',
    async () => (await countIn(west)) + (await countIn(global)) === 0,
    60_000,
  )
  expect([await holdsOf(global), await holdsOf(west), await holdsOf(east)]).toEqual([[], [], []])
  expect(await countIn(east)).toBe(1_000)
})

test('HOLD: what a zone holds of what global sends is shown at global too, and is nothing there when it is over', {
  timeout: 60_000,
}, async () => {
  const { global, east, west } = await mesh()
  ownGlobal(global)
  await settled(global, { east, west })
  // Global loses what it has of east: west is told nothing of it, and holds.
  await east.proxy.refuse()
  east.proxy.cut('reset')
  await until('east to be gone', () => global.runtime.views().every(({ peer }) => peer !== 'east'))
  await byHand(global.database.url, "delete from resources where origin = 'east' and type = 'MeshService'")
  await until('west to hold them', async () => (await holdsOf(west)).length > 0, 20_000)
  await until(
    'global to know what west holds',
    async () => {
      const { peers } = await get<{ peers: readonly { peer: string; heldByPeer: number }[] }>(global, '/_holdfast/sync')
      return peers.find(({ peer }) => peer === 'west')?.heldByPeer === 3
    },
    30_000,
  )
  await east.proxy.restore()
  await until('nothing to be held', async () => (await holdsOf(west)).length === 0, 30_000)
  await until(
    'global to know that as well',
    async () => {
      const { peers } = await get<{ peers: readonly { peer: string; heldByPeer: number }[] }>(global, '/_holdfast/sync')
      return peers.find(({ peer }) => peer === 'west')?.heldByPeer === 0
    },
    30_000,
  )
  await put(east, '/meshes/default/meshservices/last', meshService('last'))
})
