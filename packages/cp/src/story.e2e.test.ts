import { afterAll, beforeAll, expect, test } from 'vitest'
import { quiet } from './testing/faults.js'
import {
  type GlobalPlane,
  inStep,
  putService,
  rowsOf,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from './testing/mesh.js'

// docs/story.md, step by step: one service from its apply to every zone, then a cut and a return that do nothing.
let global: GlobalPlane
let east: ZonePlane
let west: ZonePlane

beforeAll(async () => {
  global = await startGlobal()
  ;[east, west] = await Promise.all([startZone('east', global.port), startZone('west', global.port)])
  await until('both zones to be in step', () => inStep(east) && inStep(west), 20_000)
})

afterAll(async () => {
  await Promise.allSettled([east?.close(), west?.close()])
  await global?.close()
})

test('steps 1 to 8: applied in east, named and served everywhere under the same VIP', async () => {
  expect(await putService(east, 'web')).toBe(201)
  await until('west to serve web', async () => ((await servicesOf(west)).get('east/web')?.vips.length ?? 0) > 0)
  const seen = await Promise.all([global, east, west].map(async (plane) => (await servicesOf(plane)).get('east/web')))
  const vips = seen[1]?.vips ?? []
  expect(vips).toHaveLength(2)
  expect(seen.map((s) => s?.vips)).toEqual([vips, vips, vips])
  expect(seen[1]?.hostnames).toEqual(['web.svc.mesh.local'])
  expect(seen[2]?.hostnames).toEqual(['web.svc.east.mesh.local'])
})

test('RO: cut, return, nothing written, nothing said to others, under 2 KiB', async () => {
  await quiet([global, east], [global, west])
  const before = await Promise.all([global, east, west].map(servicesOf))
  const session = east.runtime.view()?.sessionId
  const westBytes = west.runtime.view()?.channels.map((c) => [c.sent, c.received])
  const rows = await rowsOf([global, east, west])
  await east.proxy.refuse()
  east.proxy.cut('reset')
  await until('east to notice', () => east.runtime.view()?.sessionId !== session)
  await east.proxy.restore()
  await until('east to be back in step', () => inStep(east) && east.runtime.view()?.sessionId !== session)
  await until('west to be in step', () => inStep(west))
  expect(await rowsOf([global, east, west])).toBe(rows)
  expect(east.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
  expect(east.runtime.view()?.channels.map((c) => [c.sent, c.received])).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
  ])
  expect(west.runtime.view()?.channels.map((c) => [c.sent, c.received])).toEqual(westBytes)
  expect(await Promise.all([global, east, west].map(servicesOf))).toEqual(before)
})
