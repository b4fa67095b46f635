import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { converged, quiet, vipsOf } from '../testing/faults.js'
import { eager, inStep, put, putService, remove, rowsOf, startGlobal, startZone, until } from '../testing/mesh.js'

// A brake that an operator pulls: a zone that global neither hears nor tells anything. Two globals on one database.
/** Levels, not speed: a machine that does much else reaches them late. */
const withinMs = 40_000

const { own } = closing()

test('OWN, EMPTY: a paused zone is neither heard nor told; nothing of it goes, no VIP moves, and resumed it is in step', {
  timeout: 240_000,
}, async () => {
  const first = own(await startGlobal())
  const second = own(await startGlobal({ database: first.database }))
  const east = own(await startZone('east', first.port, { backoff: eager }))
  const west = own(await startZone('west', second.port, { backoff: eager }))
  await until('both zones to be in step', () => inStep(east) && inStep(west), withinMs)
  for (const name of ['cart', 'web']) await Promise.all([putService(east, name), putService(west, name)])
  const keys = ['east/cart', 'east/web', 'west/cart', 'west/web']
  const before = await converged([first, second, east, west], keys, withinMs)

  // Said to the global that east is not connected to.
  const post = async (verb: string, body: object = {}) =>
    (
      await second.api.inject({
        method: 'POST',
        url: `/_holdfast/zones/east/${verb}`,
        headers: { 'content-type': 'application/json' },
        payload: JSON.stringify(body),
      })
    ).json()
  expect(await post('pause', { reason: 'its database moves' })).toMatchObject({
    changed: true,
    paused: { by: 'mesh-system:admin' },
  })
  await until('the session of east to end', () => first.runtime.views().every((view) => view.peer !== 'east'), withinMs)
  const told = /paused at global by mesh-system:admin.*its database moves.*holdfastctl zone resume east/
  await until(
    'east to be told who, why and what ends it',
    () => told.test(east.runtime.lastEnd?.reason ?? ''),
    withinMs,
  )

  // Both go on by themselves, and neither hears of the other.
  await putService(east, 'late')
  await remove(east, '/meshes/default/meshservices/cart')
  await putService(west, 'later')
  await converged([first, second, west], [...keys, 'west/later'], withinMs)
  const asked = east.runtime.lastEnd
  await until('east to have asked again, and to have been refused', () => east.runtime.lastEnd !== asked, withinMs)
  expect(Object.keys(await vipsOf(west)).sort()).toEqual([...keys, 'west/later'].sort())
  expect(Object.keys(await vipsOf(east)).sort()).toEqual(['east/late', 'east/web', 'west/cart', 'west/web'])
  for (const plane of [first, west]) {
    expect(await plane.store.read.holds()).toEqual([])
    expect(await plane.store.guards.absent()).toEqual([])
  }
  const overview = (await second.api.inject({ method: 'GET', url: '/_holdfast/overview' })).json()
  expect(overview.peers.find((peer: { peer: string }) => peer.peer === 'east').paused.reason).toBe('its database moves')
  expect(overview.attention).toMatchObject([
    { what: expect.stringMatching(/zone east is paused/), next: 'holdfastctl zone resume east' },
  ])

  // It stands in the database: a process that starts anew is let in by a global that starts anew as little.
  const third = own(await startGlobal({ database: first.database }))
  await east.close()
  const again = own(await startZone('east', third.port, { database: east.database, backoff: eager }))
  await until('the new process to be told as well', () => /paused/.test(again.runtime.lastEnd?.reason ?? ''), withinMs)
  expect(again.fatal.reason).toBeUndefined()

  expect(await post('resume')).toMatchObject({ changed: true, paused: null })
  await until('east to be in step again', () => inStep(again), withinMs)
  const now = [...keys.filter((key) => key !== 'east/cart'), 'east/late', 'west/later']
  const after = await converged([first, second, again, west], now, withinMs)
  for (const key of keys) if (key !== 'east/cart') expect(after[key]).toEqual(before[key])
  expect(await first.store.vip.verifyLocal()).toEqual([])

  // Where nothing has changed, a pause and its end change nothing in any zone.
  await quiet([third, again], [second, west])
  const rows = await rowsOf([again, west])
  await post('pause')
  await until(
    'east to be away',
    () => !inStep(again) && third.runtime.views().every(({ peer }) => peer !== 'east'),
    withinMs,
  )
  await post('resume')
  await until('east to be in step a last time', () => inStep(again), withinMs)
  expect((await rowsOf([again, west])) - rows).toBe(0)
})

test('a global that is read-only refuses what operators want, and its zones go on', { timeout: 120_000 }, async () => {
  const global = own(await startGlobal())
  const east = own(await startZone('east', global.port, { backoff: eager }))
  await until('east to be in step', () => inStep(east), withinMs)
  const call = (method: 'PUT' | 'DELETE' | 'POST', url: string, body: unknown) =>
    global.api.inject({
      method,
      url,
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    })
  await call('PUT', '/_holdfast/read-only', { reason: 'the database moves' })
  const refused = [
    await call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop' }),
    await call('DELETE', '/meshes/default', undefined),
    await call('POST', '/_apply', { items: [{ type: 'Mesh', name: 'shop' }] }),
    await call('POST', '/_holdfast/zones/east/decommission', {}),
    await call('POST', '/_holdfast/vips/rebuild', { apply: true }),
  ]
  for (const answer of refused)
    expect([answer.statusCode, answer.json().title, answer.json().detail]).toEqual([
      423,
      'Read-only',
      expect.stringMatching(/mesh-system:admin has set that.*the database moves.*holdfastctl read-only off/),
    ])
  expect((await call('PUT', '/meshes/shop?dryRun=true', { type: 'Mesh', name: 'shop' })).statusCode).toBe(200)
  await putService(east, 'web')
  await converged([global, east], ['east/web'], withinMs)
  expect((await call('DELETE', '/_holdfast/read-only', undefined)).json()).toEqual({ changed: true, readOnly: null })
  expect(await put(global, '/meshes/shop', { type: 'Mesh', name: 'shop' })).toBe(201)
})
