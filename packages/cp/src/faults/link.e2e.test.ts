import { sessionBackoff } from '@holdfast/peer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allServices, bothInStep, converged, type Mesh, quiet, startMesh, vipsOf } from '../testing/faults.js'
import { eager, putService, remove, rowsOf, startZone, until } from '../testing/mesh.js'

// What a cable can do. Whatever it is: no VIP moves, and where nothing changed nothing is written.
let mesh: Mesh

beforeAll(async () => {
  mesh = await startMesh({ backoff: sessionBackoff })
})
afterAll(() => mesh?.close())

const services = allServices
const session = () => mesh.east.runtime.view()?.sessionId
const planes = () => [mesh.global, mesh.east, mesh.west]
const settled = () => quiet([mesh.global, mesh.east], [mesh.global, mesh.west])

test.each(['reset', 'fin'] as const)(
  'RO: the link ends by %s and is back at once: nothing written, no VIP moved',
  async (how) => {
    await settled()
    const before = { vips: await converged(planes(), services), rows: await rowsOf(planes()), session: session() }
    const westSession = mesh.west.runtime.view()?.sessionId
    mesh.east.proxy.cut(how)
    await until('a new session', () => session() !== undefined && session() !== before.session)
    await settled()
    expect(await Promise.all(planes().map(vipsOf))).toEqual(planes().map(() => before.vips))
    expect(await rowsOf(planes())).toBe(before.rows)
    expect(mesh.east.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
    expect(mesh.west.runtime.view()?.sessionId).toBe(westSession)
  },
)

test('a link that freezes and thaws before anybody calls it dead is the same session', async () => {
  await settled()
  const before = { vips: await converged(planes(), services), session: session() }
  mesh.east.proxy.freeze()
  await putService(mesh.west, 'meanwhile')
  expect(await vipsOf(mesh.east)).toEqual(before.vips)
  await mesh.east.proxy.restore()
  const after = await converged(planes(), [...services, 'west/meanwhile'])
  expect(after).toEqual({ ...before.vips, 'west/meanwhile': after['west/meanwhile'] })
  expect(session()).toBe(before.session)
  await remove(mesh.west, '/meshes/default/meshservices/meanwhile')
  expect(await converged(planes(), services)).toEqual(before.vips)
})

test('a half-open link is noticed within three heartbeats by both ends, and comes back as it was', {
  timeout: 90_000,
}, async () => {
  await settled()
  const before = { vips: await converged(planes(), services), rows: await rowsOf(planes()), session: session() }
  const frozenAtMs = performance.now()
  mesh.east.proxy.freeze()
  await until('east to notice', () => session() !== before.session, 20_000)
  await until('global to notice', () => mesh.global.runtime.views().every(({ peer }) => peer !== 'east'), 5_000)
  expect(performance.now() - frozenAtMs).toBeLessThan(20_000)
  expect(await vipsOf(mesh.east)).toEqual(before.vips)
  await mesh.east.proxy.restore()
  await settled()
  expect(await Promise.all(planes().map(vipsOf))).toEqual(planes().map(() => before.vips))
  expect(await rowsOf(planes())).toBe(before.rows)
  expect(mesh.east.runtime.view()?.extension).toBe(true)
})

test('on a link so slow that headers come late, a zone never takes its Holdfast global for a Kuma', {
  timeout: 60_000,
}, async () => {
  await settled()
  const before = { vips: await converged(planes(), services), rows: await rowsOf(planes()), session: session() }
  const { proxy, runtime } = mesh.east
  proxy.shape({ latencyMs: 1_500 })
  proxy.cut('reset')
  await until('a new session', () => session() !== undefined && session() !== before.session)
  await settled()
  proxy.shape({ latencyMs: 0 })
  expect(runtime.view()?.extension).toBe(true)
  expect(mesh.global.runtime.views().map(({ extension }) => extension)).toEqual([true, true])
  expect(await Promise.all(planes().map(vipsOf))).toEqual(planes().map(() => before.vips))
  expect(await rowsOf(planes())).toBe(before.rows)
})

test('a zone that joins over a link so slow that headers come late takes its global for a Kuma until they come, and no longer', {
  timeout: 90_000,
}, async () => {
  const north = await startZone('north', mesh.global.port, { backoff: eager, reachable: false })
  try {
    north.proxy.shape({ latencyMs: 1_500 })
    await north.proxy.restore()
    await until('north to be in step', () => bothInStep(mesh.global, north), 60_000)
    expect(north.runtime.view()?.extension).toBe(true)
  } finally {
    await north.close()
  }
})
