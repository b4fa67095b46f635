import { countWrites, freshDatabase, rowsWritten, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { inStep, Processes, putService, type Running, readiness, syncOf, until, vipsOf } from './testing/process.js'

// One name, two processes: from the same store one dials and the other one stands by; from another store the newcomer is
// refused.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let eastUrl: string
let first: Running

async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  await countWrites(made.url)
  return made.url
}

const zone = (name: string, url: string, kds = global.ports.kds): string[] => [
  ...['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${kds ?? 0}`],
]

beforeAll(async () => {
  global = await processes.start('global', ['--database-url', await database(), '--init'])
  eastUrl = await database()
  first = await processes.start('zone', zone('east', eastUrl))
  await until('east to be in step', () => inStep(first))
  expect((await putService(first, 'web')).status).toBe(201)
  await until('global to have the VIP', async () => (await vipsOf(global))['east/web']?.length === 2)
})

afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

const sessionAtGlobal = async (): Promise<unknown> =>
  (await syncOf(global)).peers.map(({ peer, connected }) => [peer, connected])

const joins = (process: Running): number => process.log().filter(({ msg }) => msg === 'joined').length

const dials = async (process: Running): Promise<boolean> => {
  const metrics = await fetch(`http://127.0.0.1:${process.ports.diagnostics}/metrics`)
  return (await metrics.text()).includes('holdfast_lease_held{lease="dial"} 1')
}

test('ONE: a second process on the same store stands by and serves; it takes over when the first ends, in whatever way', async () => {
  const second = await processes.start('zone', zone('east', eastUrl))
  await until('the second to stand by', () => second.logged('standing by: process'), { otherwise: () => second.out })
  // Both serve, and what is written through the one that stands by is sent by the other.
  expect((await putService(second, 'api')).status).toBe(201)
  await until('global to have api', async () => (await vipsOf(global))['east/api']?.length === 2)
  const vips = await vipsOf(global)
  expect(await vipsOf(first)).toEqual(vips)
  expect(await vipsOf(second)).toEqual(vips)
  expect((await readiness(second)).status).toBe(200)
  expect((await syncOf(second)).peers).toMatchObject([
    { connected: false, lastError: expect.stringMatching(/^process \S+ of this zone has the session with global/) },
  ])
  expect([joins(first), joins(second), await dials(first), await dials(second)]).toEqual([1, 0, true, false])
  expect(await sessionAtGlobal()).toEqual([['east', true]])

  expect(await first.signal('SIGTERM')).toMatchObject({ status: 0 })
  await until('the second to take over', () => inStep(second), { withinMs: 5_000, otherwise: () => second.out })
  first = await processes.start('zone', zone('east', eastUrl))
  await until('the first to stand by', () => first.logged('standing by: process'), { otherwise: () => first.out })
  await second.signal('SIGKILL')
  await until('the first to take over', () => inStep(first), { withinMs: 5_000, otherwise: () => first.out })
  expect(await vipsOf(global)).toEqual(vips)
  expect(await sessionAtGlobal()).toEqual([['east', true]])
})

test('another store under the same name is refused: the incumbent is named, the newcomer exits 1, nothing changes', async () => {
  const vips = await vipsOf(global)
  const [stored] = databases
  await until('east to be in step', () => inStep(first))
  const before = joins(first)
  // Who has asked for the name is noted beside it, once; that takes no place in the log.
  const written = async (): Promise<unknown> => {
    const { zones, store_head: _, ...others } = await rowsWritten(stored?.url ?? '')
    return [{ ...others, zones: undefined }, await rowsWritten(eastUrl)]
  }
  const rows = await written()
  const newcomer = await processes.begin('zone', zone('east', await database())).process.ended
  expect(newcomer.status).toBe(1)
  expect(newcomer.err).toMatch(
    /^holdfast zone: zone "east" belongs to the store [-0-9a-f]{36}, which is connected; this is [-0-9a-f]{36}\. If the other one is gone for good, run "holdfastctl zone adopt east" at global; if not, give this zone another name\n$/,
  )
  expect(await vipsOf(global)).toEqual(vips)
  expect([joins(first), await inStep(first)]).toEqual([before, true])
  expect(await written()).toEqual(rows)
})

test('a newcomer that was in step elsewhere parks, keeps serving, and says why it is refused', async () => {
  const other = await processes.start('global', ['--database-url', await database(), '--init'])
  const url = await database()
  const elsewhere = await processes.start('zone', zone('east', url, other.ports.kds))
  await until('the other mesh to be in step', () => inStep(elsewhere))
  expect((await putService(elsewhere, 'own')).status).toBe(201)
  await until('own to have its VIP', async () => (await vipsOf(elsewhere))['east/own']?.length === 2)
  const vips = await vipsOf(elsewhere)
  expect(await elsewhere.signal('SIGTERM')).toMatchObject({ status: 0 })
  const moved = await processes.start('zone', zone('east', url))
  const refused = 'global does not let this zone in; it keeps serving what it has and asks again'
  await until('it to be refused', () => moved.logged(refused), { otherwise: () => moved.out })
  expect(moved.hasEnded).toBe(false)
  expect(await vipsOf(moved)).toEqual(vips)
  expect((await syncOf(moved)).peers).toMatchObject([
    { connected: false, lastError: expect.stringContaining('zone "east" belongs to the store') },
  ])
  expect(await inStep(first)).toBe(true)
})
