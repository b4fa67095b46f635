import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import {
  hasBlocks,
  putDataplane,
  putMesh,
  putTagged,
  removeDataplane,
  serviceProblems,
  shownService,
} from '../testing/dataplanes.js'
import {
  type GlobalPlane,
  inStep,
  meshService,
  put,
  putService,
  remove,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'
import { Resolving } from '../testing/names.js'
import { brokenIn, nothingBroken, settled, settledAs } from '../testing/recipes.js'

// Ways to change a VIP in Kuma, each run against Holdfast through its HTTP API; docs/recipes.md is the table of them.
// After each one the maps of all VIPs are compared whole, in the API and in the ledger of every control plane, and the
// histories must not show a change or a reuse in any revision between.
vi.setConfig({ testTimeout: 120_000 })

let global: GlobalPlane
let east: ZonePlane
let west: ZonePlane
/** Who resolves names in west all the while. */
const names = new Resolving('west')

const westGraceMs = 300
const startEast = (options: Parameters<typeof startZone>[2] = {}) =>
  startZone('east', global.port, { serviceLabels: ['team'], ...options })

beforeAll(async () => {
  global = await startGlobal()
  await putMesh(global, 'Exclusive')
  ;[east, west] = await Promise.all([startEast(), startZone('west', global.port, { serviceGraceMs: westGraceMs })])
  await until('both zones to be in step', () => inStep(east) && inStep(west), 30_000)
  await until('both zones to have blocks', async () => (await hasBlocks(east)) && (await hasBlocks(west)), 30_000)
  for (const i of [1, 2, 3]) {
    await putService(east, `made-${i}`)
    await putService(west, `made-${i}`)
    await putTagged(east, `neighbour-${i}`, `neighbour-${i}`)
  }
  await names.attach(west)
  // What west owns no recipe takes away; what east owns is away while a recipe hides or deletes it.
  await names.watch(
    [1, 2, 3].map((i) => `made-${i}.svc.mesh.local`),
    [1, 2, 3].flatMap((i) => [`made-${i}.svc.east.mesh.local`, `neighbour-${i}.svc.east.mesh.local`]),
  )
})

afterAll(async () => {
  await names.close()
  await Promise.allSettled([east?.close(), west?.close()])
  await global?.close()
})

const planes = () => [global, east, west]

afterEach(async () => {
  for (const plane of planes()) expect([plane.name, await brokenIn(plane)]).toEqual([plane.name, nothingBroken])
  await names.check()
})

const grace = 'kuma.io/deletion-grace-period-started-at'
const serviceIn = (plane: GlobalPlane | ZonePlane, name: string, zone = 'east', mesh = 'default') =>
  shownService(plane, name, zone, mesh)
const untilShown = (what: string, plane: GlobalPlane | ZonePlane, level: () => Promise<boolean>) =>
  until(`${plane.name || 'global'} to show ${what}`, level, 30_000)

test('V1 VIP-2: the only Dataplane of a service goes and comes back within the grace', async () => {
  await putTagged(east, 'v1', 'v1')
  await untilShown('v1', east, async () => (await serviceIn(east, 'v1')) !== undefined)
  const before = await settled(planes())
  await removeDataplane(east, 'v1')
  await untilShown('the grace of v1', east, async () => (await serviceIn(east, 'v1'))?.labels[grace] !== undefined)
  await settledAs(planes(), before)
  expect(await serviceIn(east, 'v1')).toMatchObject({ spec: { state: 'Unavailable' } })
  await putTagged(east, 'v1', 'v1')
  await untilShown('v1 again', east, async () => {
    const service = await serviceIn(east, 'v1')
    return service?.spec.state === 'Available' && service.labels[grace] === undefined
  })
  await settledAs(planes(), before)
})

test('V2 VIP-2: an inbound is added to the only Dataplane; of two that differ the agreeing one goes', async () => {
  await putTagged(east, 'v2-a', 'v2', 8080)
  await untilShown('v2', east, async () => (await serviceIn(east, 'v2')) !== undefined)
  const before = await settled(planes())
  const hasPorts = (count: number) => async () => (await serviceIn(west, 'v2'))?.spec.ports?.length === count
  await putTagged(east, 'v2-a', 'v2', 8080, 9090)
  await untilShown('v2 with two ports', west, hasPorts(2))
  await settledAs(planes(), before)
  await putTagged(east, 'v2-b', 'v2', 7070)
  await removeDataplane(east, 'v2-a')
  await untilShown('v2 with the port of the other one', west, hasPorts(1))
  await settledAs(planes(), before)
})

test('V3 VIP-2: labels of a generated service change with those of its Dataplane, and drift is mended', async () => {
  const setting = (team: string) => ({
    labels: { 'kuma.io/workload': 'v3', team },
    inbound: [{ port: 8080 }],
  })
  await putDataplane(east, 'v3', setting('a'))
  const hasTeam = (team: string) => async () => (await serviceIn(west, 'v3'))?.labels.team === team
  await untilShown('v3 of team a', west, hasTeam('a'))
  const before = await settled(planes())
  await putDataplane(east, 'v3', setting('b'))
  await untilShown('v3 of team b', west, hasTeam('b'))
  await settledAs(planes(), before)
  // By hand, as an object of an older Kuma stands there: another environment, and a team that nobody has.
  const service = await serviceIn(east, 'v3')
  await put(east, '/meshes/default/meshservices/v3', {
    type: 'MeshService',
    mesh: 'default',
    name: 'v3',
    labels: { ...service?.labels, 'kuma.io/env': 'kubernetes', team: 'c' },
    spec: service?.spec,
  })
  await untilShown('v3 mended', west, async () => {
    const labels = (await serviceIn(west, 'v3'))?.labels
    return labels?.team === 'b' && labels['kuma.io/env'] === 'universal'
  })
  await settledAs(planes(), before)
})

test('V3 VIP-2: the workload label moves to another service and back: both keep their own addresses', async () => {
  const of = (workload: string) => ({ labels: { 'kuma.io/workload': workload }, inbound: [{ port: 8080 }] })
  await putDataplane(east, 'v3-moves', of('v3-one'))
  await untilShown('v3-one', east, async () => (await serviceIn(east, 'v3-one')) !== undefined)
  await putDataplane(east, 'v3-moves', of('v3-two'))
  await untilShown('v3-two', east, async () => (await serviceIn(east, 'v3-two')) !== undefined)
  await untilShown(
    'the grace of v3-one',
    east,
    async () => (await serviceIn(east, 'v3-one'))?.labels[grace] !== undefined,
  )
  const before = await settled(planes())
  await putDataplane(east, 'v3-moves', of('v3-one'))
  await untilShown('v3-one again', east, async () => (await serviceIn(east, 'v3-one'))?.spec.state === 'Available')
  await settledAs(planes(), before)
})

test('V4 OWN: services of other zones are no orphans of a zone whose grace is short', async () => {
  const before = await settled(planes())
  await putTagged(west, 'v4', 'v4')
  await untilShown('v4', west, async () => (await serviceIn(west, 'v4', 'west')) !== undefined)
  await settled(planes())
  await removeDataplane(west, 'v4')
  // West has looked at everything that it owns and has ended a grace; nothing of east was among it.
  await untilShown('no v4', west, async () => (await serviceIn(west, 'v4', 'west')) === undefined)
  await settledAs(planes(), before)
  expect((await serviceIn(west, 'neighbour-1'))?.labels[grace]).toBeUndefined()
  expect(await serviceProblems(west)).toEqual([])
})

test('V5 VIP-2: deleted and made again, by hand and by the generator after its grace', async () => {
  await putTagged(west, 'v5', 'v5')
  await untilShown('v5', west, async () => (await serviceIn(west, 'v5', 'west')) !== undefined)
  const before = await settled(planes())
  await remove(east, '/meshes/default/meshservices/made-1')
  await removeDataplane(west, 'v5')
  await untilShown('no v5', west, async () => (await serviceIn(west, 'v5', 'west')) === undefined)
  expect((await settled(planes()))['east/made-1']).toBeUndefined()
  await putService(east, 'made-1')
  await putTagged(west, 'v5', 'v5')
  await settledAs(planes(), before)
})

test('V6 VIP-2: the same, with the deletion seen in the other zone before the return', async () => {
  const before = await settled(planes())
  await remove(east, '/meshes/default/meshservices/made-2')
  await untilShown('no made-2', west, async () => (await serviceIn(west, 'made-2')) === undefined)
  await putService(east, 'made-2')
  await settledAs(planes(), before)
})

test('V11 VIP-2: a zone is disabled and enabled', async () => {
  const before = await settled(planes())
  await put(global, '/zones/east', { type: 'Zone', name: 'east', enabled: false })
  await untilShown('nothing of east', west, async () => (await serviceIn(west, 'made-1')) === undefined)
  await put(global, '/zones/east', { type: 'Zone', name: 'east', enabled: true })
  await settledAs(planes(), before)
})

/** Deletes a mesh at global, makes it again, and compares all VIPs. */
async function withoutMesh(mesh: string, service: string, deleteMesh: () => Promise<unknown>): Promise<void> {
  const before = await settled(planes())
  await deleteMesh()
  await untilShown(`no mesh ${mesh}`, east, async () => (await east.api.inject(`/meshes/${mesh}`)).statusCode === 404)
  await untilShown(`no ${service}`, west, async () => {
    const { body } = await west.api.inject('/meshservices?size=1000')
    return !body.includes(service)
  })
  await putMesh(global, 'Exclusive', mesh)
  await settledAs(planes(), before)
}

test('V12 VIP-2: a mesh is deleted at global and made again: the services of the zone are still there', async () => {
  await putMesh(global, 'Exclusive', 'shop')
  await untilShown('mesh shop', east, async () => (await east.api.inject('/meshes/shop')).statusCode === 200)
  await put(east, '/meshes/shop/meshservices/v12-made', { ...meshService('v12-made'), mesh: 'shop' })
  await withoutMesh('shop', 'v12-made', () => remove(global, '/meshes/shop'))
})

test('V12 VIP-2: the same with Dataplanes in the mesh, which generated services are made of', async () => {
  await putMesh(global, 'Exclusive', 'store')
  await untilShown('mesh store', east, async () => (await east.api.inject('/meshes/store')).statusCode === 200)
  await putDataplane(east, 'v12', {
    mesh: 'store',
    labels: { 'kuma.io/workload': 'v12-generated' },
    inbound: [{ port: 8080 }],
  })
  await untilShown('v12', east, async () => (await serviceIn(east, 'v12-generated', 'east', 'store')) !== undefined)
  // Over HTTP a mesh with Dataplanes is not deleted, as in Kuma unless it was told otherwise.
  const key = { type: 'Mesh', mesh: '', name: 'store' }
  const request = { changes: [{ change: 'delete', key }], atomic: true, actor: 'test' } as const
  await withoutMesh('store', 'v12-generated', () =>
    global.store.local.apply(request, { signal: AbortSignal.timeout(10_000) }),
  )
})

test('V15 VIP-2: what the name of a service elsewhere follows from cannot be changed under it', async () => {
  const before = await settled(planes())
  const answer = await east.api.inject({
    method: 'PUT',
    url: '/meshes/default/meshservices/made-3',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({
      ...meshService('made-3'),
      labels: { 'kuma.io/origin': 'zone', 'k8s.kuma.io/namespace': 'shop' },
    }),
  })
  expect([answer.statusCode, answer.body]).toEqual([400, expect.stringContaining('k8s.kuma.io/namespace')])
  await settledAs(planes(), before)
})

test('V16 VIP-2: a service is kept at home for a while', async () => {
  const before = await settled(planes())
  const labels = { 'kuma.io/origin': 'zone', 'kuma.io/kds-sync': 'disabled' }
  await put(east, '/meshes/default/meshservices/made-1', { ...meshService('made-1'), labels })
  await untilShown('no made-1', west, async () => (await serviceIn(west, 'made-1')) === undefined)
  await putService(east, 'made-1')
  await settledAs(planes(), before)
})

test('V17 VIP-2: generating is switched off and on in the mesh: for less than the grace, and for longer', async () => {
  const before = await settled(planes())
  const inGrace = async () => (await serviceIn(east, 'neighbour-1'))?.labels[grace] !== undefined
  await putMesh(global, 'Disabled')
  await untilShown('the grace of generated services', east, inGrace)
  await untilShown('none of west, whose grace is short', east, async () => {
    return (await serviceIn(east, 'v5', 'west')) === undefined
  })
  expect(await serviceIn(west, 'neighbour-1')).toMatchObject({ spec: { state: 'Available' } })
  await putMesh(global, 'Exclusive')
  await settledAs(planes(), before)
  await untilShown('no grace', east, async () => !(await inGrace()))
})

test('V18 VIP-3: after a restart the address of a deleted service is not given to a new one', async () => {
  await putService(east, 'v18-a')
  await putService(east, 'v18-b')
  const before = await settled(planes())
  await remove(east, '/meshes/default/meshservices/v18-a')
  await east.close()
  east = await startEast({ database: east.database })
  await until('east to be in step', () => inStep(east), 30_000)
  await putService(east, 'v18-c')
  const after = await settled(planes())
  const { 'east/v18-a': deleted, ...others } = before
  const { 'east/v18-c': made, ...kept } = after
  expect(kept).toEqual(others)
  expect(made?.filter((address) => deleted?.includes(address))).toEqual([])
  // And its owner gets it back.
  await putService(east, 'v18-a')
  await settledAs(planes(), { ...after, 'east/v18-a': deleted ?? [] })
})
