import { startRedis } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { converged, quiet, vipsOf } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  putService,
  remove,
  rowsOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// Two global control planes on one database, each with a zone of its own.
const { own } = closing()

type Hinted = Pick<NonNullable<Parameters<typeof startGlobal>[0]>, 'listen' | 'redisUrl'>

async function pair(hints: Hinted = {}): Promise<readonly [GlobalPlane, GlobalPlane, ZonePlane, ZonePlane]> {
  const first = own(await startGlobal(hints))
  const second = own(await startGlobal({ ...hints, database: first.database }))
  const east = own(await startZone('east', first.port, { backoff: eager }))
  const west = own(await startZone('west', second.port, { backoff: eager }))
  await until('both zones to be in step', () => inStep(east) && inStep(west), 20_000)
  return [first, second, east, west]
}

test.each([
  { hints: 'with', listen: true },
  { hints: 'without', listen: false },
])(
  'two globals on one database, $hints hints: what one zone does reaches the other through the other global',
  { timeout: 60_000 },
  async ({ listen }) => {
    const planes = await pair({ listen })
    const [, , east, west] = planes
    const names = Array.from({ length: 20 }, (_, i) => `s${i}`)
    await Promise.all(names.flatMap((name) => [putService(east, name), putService(west, name)]))
    const keys = names.flatMap((name) => [`east/${name}`, `west/${name}`])
    const before = await converged(planes, keys)
    await remove(east, '/meshes/default/meshservices/s0')
    await putService(west, 's1', 81)
    const left = keys.filter((key) => key !== 'east/s0')
    const after = await converged(planes, left)
    expect(after).toEqual(Object.fromEntries(left.map((key) => [key, before[key]])))
    await putService(east, 's0')
    expect(await converged(planes, keys)).toEqual(before)
  },
)

test('two globals on one database, hints through Redis, which is killed and comes back: a change is a second late at most', {
  timeout: 90_000,
}, async () => {
  const redis = own(await startRedis())
  const planes = await pair({ redisUrl: redis.url })
  const [first, second, east, west] = planes
  // From one zone through its global to the other one and its zone.
  const lateMs = async (name: string): Promise<number> => {
    await putService(east, name)
    await until(`${name} at the first`, async () => (await vipsOf(first))[`east/${name}`]?.length === 2)
    const fromMs = performance.now()
    await until(`${name} in west`, async () => (await vipsOf(west))[`east/${name}`]?.length === 2)
    return performance.now() - fromMs
  }
  const names = ['a', 'b', 'c']
  for (const name of names) await lateMs(name)
  await redis.signal('SIGKILL')
  // Second's poll is a second long; what comes after it takes its time on a busy machine.
  for (const name of ['d', 'e']) expect(await lateMs(name)).toBeLessThan(1_000 + 3_000)
  await redis.start()
  await putService(west, 'f')
  await converged([first, second, east, west], [...[...names, 'd', 'e'].map((name) => `east/${name}`), 'west/f'])
})

test('RO: a zone that goes over to the other global writes nothing and is told nothing', {
  timeout: 60_000,
}, async () => {
  const [first, second, east, west] = await pair()
  await Promise.all(['a', 'b'].flatMap((name) => [putService(east, name), putService(west, name)]))
  const keys = ['east/a', 'east/b', 'west/a', 'west/b']
  const before = await converged([first, second, east, west], keys)
  await quiet([first, east], [second, west])
  const { database } = east
  await east.close()
  const rows = await rowsOf([first, east, west])
  const moved = own(await startZone('east', second.port, { database, backoff: eager }))
  await until('east to be in step again', () => inStep(moved))
  await until('west to be in step', () => inStep(west))
  expect(moved.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
  expect(moved.runtime.view()?.channels.map((c) => [c.sent, c.received])).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
  ])
  expect(await rowsOf([first, moved, west])).toBe(rows)
  expect(await vipsOf(moved)).toEqual(before)
})

test('F27, RO: a global that is about to stop sends its zones to the other one: nothing is written, nothing comes again', {
  timeout: 60_000,
}, async () => {
  const first = own(await startGlobal({ replicas: true }))
  const second = own(await startGlobal({ replicas: true, database: first.database }))
  // Only the wait that a product takes after a session is lost would tell; being sent away is none.
  const backoff = { baseMs: 20_000, maxMs: 20_000, steadyMs: 0 }
  const east = own(await startZone('east', first.port, { backoff, otherPorts: [second.port] }))
  await until('east to be in step', () => inStep(east), 20_000)
  await putService(east, 'a')
  const before = await converged([first, second, east], ['east/a'])
  const settledAtMs = performance.now() + 2_000
  const [at, other] = first.runtime.views().length > 0 ? [first, second] : [second, first]
  // Long enough in step to be sent away in earnest, and everything of before is written.
  await until('it to have lasted', () => performance.now() > settledAtMs)
  await quiet([at, east])
  const rows = await rowsOf([first, east])
  await at.runtime.drain()
  await until('east to be in step with the other one', () => inStep(east) && other.runtime.views().length === 1, 15_000)
  expect(east.runtime.lastEnd?.reason).toMatch(/moving: this global is about to stop/)
  expect(at.runtime.views()).toEqual([])
  expect(east.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
  expect(await rowsOf([first, east])).toBe(rows)
  expect(await vipsOf(east)).toEqual(before)
})

test('ONE: of two processes of a zone, at one global each, one dials; the other one serves, and takes over without a full sync', {
  timeout: 60_000,
}, async () => {
  const [first, second, east, west] = await pair()
  await putService(east, 'a')
  const before = await converged([first, second, east, west], ['east/a'])
  const twin = own(await startZone('east', second.port, { database: east.database, backoff: eager }))
  await until('east to be in step again', () => inStep(east))
  expect(inStep(twin)).toBe(false)
  // What is written through the one that stands by is sent by the one that dials.
  await putService(twin, 'b')
  const after = await converged([first, second, twin, west], ['east/a', 'east/b'])
  expect(after['east/a']).toEqual(before['east/a'])
  await until('east to be in step again', () => inStep(east))
  expect(twin.runtime.lastEnd?.end).toBe('superseded')
  await quiet([first, east], [second, west])
  const rows = await rowsOf([first, east, west])
  await east.close()
  await until('the twin to have taken over', () => inStep(twin), 5_000)
  expect(twin.runtime.view()?.bytesToProven).toBeLessThanOrEqual(2_048)
  expect(await rowsOf([first, twin, west])).toBe(rows)
  expect(await vipsOf(twin)).toEqual(after)
})
