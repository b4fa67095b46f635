import { afterAll, beforeAll, expect, test } from 'vitest'
import { putMesh, putTagged, shownService } from '../testing/dataplanes.js'
import { quiet } from '../testing/faults.js'
import {
  type GlobalPlane,
  inStep,
  type Plane,
  put,
  putService,
  remove,
  rowsOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// A MeshMultiZoneService: its VIP is global's, what it matches is what each control plane sees by itself.
let global: GlobalPlane
let east: ZonePlane
let west: ZonePlane
const planes = () => [global, east, west]

beforeAll(async () => {
  global = await startGlobal()
  await putMesh(global, 'Exclusive')
  ;[east, west] = await Promise.all([startZone('east', global.port), startZone('west', global.port)])
  await until('both zones to be in step', () => inStep(east) && inStep(west), 30_000)
})

afterAll(async () => {
  await Promise.allSettled([east?.close(), west?.close()])
  await global?.close()
})

interface Shown {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly status: {
    readonly vips?: readonly { readonly ip: string }[]
    readonly addresses?: readonly { readonly hostname: string }[]
    readonly meshServices?: readonly { readonly name: string; readonly zone: string; readonly mesh: string }[]
    readonly conditions?: readonly { readonly type: string; readonly reason: string }[]
  }
}

async function shownIn(plane: Plane, name: string): Promise<Shown | undefined> {
  const response = await plane.api.inject('/meshes/default/meshmultizoneservices')
  const { items } = response.json<{ readonly items: readonly Shown[] }>()
  return items.find((item) => (item.labels['kuma.io/display-name'] ?? item.name) === name)
}

const zonesIn = async (plane: Plane, name: string): Promise<readonly string[]> =>
  ((await shownIn(plane, name))?.status.meshServices ?? []).map(({ zone }) => zone)

const untilMatched = (name: string, zones: readonly string[]) =>
  until(
    `everybody to match ${name} in ${zones.join(' and ')}`,
    async () =>
      (await Promise.all(planes().map((plane) => zonesIn(plane, name)))).every(
        (found) => JSON.stringify(found) === JSON.stringify(zones),
      ),
    30_000,
  )

const multiZone = (name: string, ports: readonly object[] = [{ port: 80, appProtocol: 'http' }]) => ({
  type: 'MeshMultiZoneService',
  mesh: 'default',
  name,
  spec: { selector: { meshService: { matchLabels: { 'kuma.io/display-name': name } } }, ports },
})
const url = (name: string): string => `/meshes/default/meshmultizoneservices/${name}`

test('VIP-4: every control plane has its VIP and matches the services of all zones, its own included', async () => {
  await put(global, url('shop'), multiZone('shop'))
  await until(
    'everybody to have it with its VIP',
    async () =>
      (await Promise.all(planes().map((plane) => shownIn(plane, 'shop')))).every((s) => s?.status.vips !== undefined),
    30_000,
  )
  const before = await Promise.all(planes().map((plane) => shownIn(plane, 'shop')))
  expect(before.map((s) => s?.status.conditions)).toEqual(
    planes().map(() => [expect.objectContaining({ type: 'MeshServicesMatched', reason: 'NoMatchesFound' })]),
  )
  await putTagged(east, 'shop-1', 'shop')
  await putService(west, 'shop')
  await untilMatched('shop', ['east', 'west'])
  const after = await Promise.all(planes().map((plane) => shownIn(plane, 'shop')))
  const vips = before[0]?.status.vips
  expect(vips?.[0]?.ip).toMatch(/^243\./)
  expect([...before, ...after].map((s) => s?.status.vips)).toEqual([vips, vips, vips, vips, vips, vips])
  expect(after.map((s) => s?.status.addresses?.map(({ hostname }) => hostname))).toEqual(
    planes().map(() => ['shop.mzsvc.mesh.local']),
  )
  expect(after[1]?.status.meshServices).toEqual([
    { name: 'shop', namespace: '', zone: 'east', mesh: 'default' },
    { name: 'shop', namespace: '', zone: 'west', mesh: 'default' },
  ])
})

test('RO: looking at what it matches writes nothing, and a service that goes is not matched any more', async () => {
  await quiet([global, east], [global, west])
  const before = await rowsOf(planes())
  for (let i = 0; i < 3; i++) for (const plane of planes()) await shownIn(plane, 'shop')
  expect(await rowsOf(planes())).toBe(before)
  const vips = (await shownIn(west, 'shop'))?.status.vips
  await remove(west, '/meshes/default/meshservices/shop')
  await untilMatched('shop', ['east'])
  expect((await shownIn(west, 'shop'))?.status.vips).toEqual(vips)
  expect(await shownService(west, 'shop', 'east')).toBeDefined()
  await putService(west, 'shop')
  await untilMatched('shop', ['east', 'west'])
})

test('VIP-2: deleted and made again it has its VIP again, everywhere', async () => {
  const vips = (await shownIn(global, 'shop'))?.status.vips
  await remove(global, url('shop'))
  await until('the zones to lose it', async () => (await shownIn(east, 'shop')) === undefined, 30_000)
  await put(global, url('shop'), multiZone('shop'))
  await untilMatched('shop', ['east', 'west'])
  const again = await Promise.all(planes().map((plane) => shownIn(plane, 'shop')))
  expect(again.map((s) => s?.status.vips)).toEqual([vips, vips, vips])
})

test('ports that cannot be are refused, all of them named, and nothing is changed', async () => {
  const ports = [{ port: 0 }, { port: 80, appProtocol: 'smtp' }, { port: 81, name: '' }, { port: 82 }, { port: 82 }]
  const answer = await global.api.inject({
    method: 'PUT',
    url: url('shop'),
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(multiZone('shop', ports)),
  })
  expect(answer.statusCode).toBe(400)
  const { causes } = answer.json<{ readonly causes: readonly { readonly field: string }[] }>()
  expect(causes.map(({ field }) => field).sort()).toEqual([
    'spec.ports[0].port',
    'spec.ports[1].appProtocol',
    'spec.ports[2].name',
    'spec.ports[4]',
  ])
  expect(await zonesIn(global, 'shop')).toEqual(['east', 'west'])
})
