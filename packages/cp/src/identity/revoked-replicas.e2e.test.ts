import { join } from 'node:path'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, type Running, until } from '../testing/process.js'

// Three globals of one database, zones at the second and third: what is said at the first holds at all of them.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
const globals: Running[] = []
const file = (name: string): string => join(processes.folder, name)

const urlOf = async (): Promise<string> => {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}

/** A zone that dials one replica alone. */
async function joined(name: string, replica: Running | undefined): Promise<Running> {
  const bundle = file(`${name}.join`)
  const added = await processes.holdfastctl(['--url', globals[0]?.apiUrl ?? '', 'zone', 'add', name, '--out', bundle])
  expect(added).toMatchObject({ status: 0 })
  const address = `grpcs://127.0.0.1:${replica?.ports.kds ?? 0}`
  const database = ['--database-url', await urlOf(), '--data-dir', file(name)]
  const zone = await processes.start('zone', ['--join', bundle, '--global-address', address, ...database])
  await until(`${name} to be in step`, () => inStep(zone), { withinMs: 60_000, otherwise: () => zone.out })
  return zone
}

beforeAll(async () => {
  const url = await urlOf()
  for (let i = 0; i < 3; i++)
    globals.push(await processes.start('global', ['--database-url', url, '--init', '--kds-tls', 'on']))
})
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

/** How long after the answer of `say` the zone's session was over, by its own log. */
async function endsAfterMs(zone: Running, say: () => Promise<unknown>): Promise<number> {
  const ends = (): readonly number[] =>
    zone.log().flatMap((line) => (line.msg === 'session ended' && typeof line.time === 'number' ? [line.time] : []))
  const before = ends().length
  expect(await say()).toMatchObject({ status: 200 })
  const atMs = Date.now()
  await until('its session to end', () => ends().length > before, { otherwise: () => zone.out })
  return (ends()[before] ?? Number.POSITIVE_INFINITY) - atMs
}

test('a zone that is revoked or deleted at one replica: its session at another ends within a second, and none takes it again', async () => {
  const [first, second, third] = globals
  const url = first?.apiUrl ?? ''
  const east = await joined('east', second)
  const west = await joined('west', third)
  const north = await joined('north', second)
  const south = await joined('south', third)
  const revoked = (name: string) => () => ask('POST', `${url}/_holdfast/zones/${name}/revoke`, {})
  const deleted = (name: string) => () => ask('DELETE', `${url}/zones/${name}?force=true`)
  const tookMs = {
    east: await endsAfterMs(east, revoked('east')),
    west: await endsAfterMs(west, revoked('west')),
    north: await endsAfterMs(north, deleted('north')),
    south: await endsAfterMs(south, deleted('south')),
  }
  console.info(`sessions at other replicas ended after ${JSON.stringify(tookMs)} ms`)
  // One of two may have met a machine that had other things to do.
  expect(Math.min(tookMs.east, tookMs.west), JSON.stringify(tookMs)).toBeLessThan(1_000)
  expect(Math.min(tookMs.north, tookMs.south), JSON.stringify(tookMs)).toBeLessThan(1_000)
  for (const zone of [east, west])
    await until('it to know', () => zone.logged('global does not let this zone in'), { otherwise: () => zone.out })
})
