import { byHand } from '@holdfast/store/testing'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, type Running, readiness, service, until } from './testing/process.js'

// What an operator sees of guards, in real processes: one that is invalid among 1,000, and a mass that vanished.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })
const processes = new Processes()
const databases = new Map<string, TestDatabase>()
let global: Running
let east: Running
let west: Running

const urlOf = (name: string): string => databases.get(name)?.url ?? ''
const startGlobal = (port = 0) =>
  processes.start('global', ['--database-url', urlOf('global'), '--init', '--kds-port', String(port)])
const startZone = (name: string) =>
  processes.start('zone', [
    ...['--zone', name, '--database-url', urlOf(name)],
    ...['--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
  ])

const names = Array.from({ length: 1_000 }, (_, i) => `svc-${String(i).padStart(4, '0')}`)
const bad = 'svc-0500'
const apply = (plane: Running, some: readonly string[], port: number) =>
  ask(
    'POST',
    `${plane.apiUrl}/_apply`,
    some.map((name) => service(name, { spec: { ports: [{ port, targetPort: port, appProtocol: 'http' }] } })),
  )

/** How many services of east a control plane has with this port. */
async function countOf(plane: string, port: number): Promise<number> {
  const [row] = await byHand<{ count: string }>(
    urlOf(plane),
    `select count(*) as count from resources where type = 'MeshService' and origin = 'east' and not deleted
       and convert_from(spec, 'UTF8') like '%"port":${port},%'`,
  )
  return Number(row?.count)
}

const ctl = async (plane: Running, ...args: string[]): Promise<string> => {
  const { out, err } = await processes.holdfastctl(['--url', plane.apiUrl, ...args])
  return out + err
}
const metric = async (plane: Running, line: string): Promise<boolean> =>
  (await (await fetch(`http://127.0.0.1:${plane.ports.diagnostics}/metrics`)).text()).split('\n').includes(line)
const settled = () =>
  until('everybody to be in step', async () => (await Promise.all([global, east, west].map(inStep))).every(Boolean), {
    withinMs: 60_000,
  })
const columns = (table: string): readonly (readonly string[])[] =>
  table
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))

beforeAll(async () => {
  for (const name of ['global', 'east', 'west']) databases.set(name, await freshDatabase())
  global = await startGlobal()
  ;[east, west] = await Promise.all([startZone('east'), startZone('west')])
  await settled()
  expect(await apply(east, names, 80)).toMatchObject({ status: 200 })
  await until('west to have them', async () => (await countOf('west', 80)) === 1_000, { withinMs: 60_000 })
  await settled()
})

afterAll(async () => {
  await processes.close()
  for (const database of databases.values()) await database.drop()
})

test('LKG: 1 invalid among 1,000: 999 flow, the one stays at its last good version, is shown at both ends, and is well when it is mended', async () => {
  await byHand(urlOf('east'), `update resources set spec = '\\x01' where display_name = '${bad}'`)
  const others = names.filter((name) => name !== bad)
  expect(await apply(east, others, 81)).toMatchObject({ status: 200 })
  await until('999 to be in west', async () => (await countOf('west', 81)) === 999, { withinMs: 60_000 })
  await until(
    'global to refuse the one',
    async () => metric(global, 'holdfast_refused{peer="east",type="MeshService"} 1'),
    {
      withinMs: 60_000,
    },
  )
  expect([await countOf('global', 80), await countOf('west', 80)]).toEqual([1, 1])
  await settled()

  // At global: as a list, on the object in every form, and once in the log.
  const list = columns(await ctl(global, 'refused', 'list'))
  expect(list.length).toBe(2)
  expect(list[1]?.slice(0, 4)).toEqual(['global', 'MeshService', 'default', expect.stringMatching(/^svc-0500-/)])
  expect(list[1]?.at(-1)).toMatch(/JSON/)
  expect(await ctl(global, 'get', 'meshservices', bad)).toMatch(/Refused\nrefused by global since .*JSON/)
  expect(await ctl(global, 'get', 'meshservices', bad, '-o', 'yaml')).toMatch(
    /\n# refused by global since .*last good version/,
  )
  const lines = () => global.log().filter(({ msg }) => msg.startsWith('refused MeshService svc-0500-'))
  expect(lines().length).toBe(1)

  // At east, whose it is: global has told it.
  await until('east to know', async () => (await ctl(east, 'refused', 'list')).includes('svc-0500-'), {
    withinMs: 60_000,
  })
  expect(columns(await ctl(east, 'refused', 'list'))[1]?.slice(0, 2)).toEqual(['global', 'MeshService'])
  expect(await ctl(east, 'get', 'meshservices', bad)).toMatch(/refused by global since/)
  expect(await metric(east, 'holdfast_refused_by_peer{peer="global",type="MeshService"} 1')).toBe(true)
  expect(lines().length).toBe(1)

  expect(await apply(east, [bad], 81)).toMatchObject({ status: 200 })
  await until('all to be in west', async () => (await countOf('west', 81)) === 1_000, { withinMs: 60_000 })
  await until(
    'nobody to refuse anything',
    async () =>
      (await Promise.all([global, east].map((plane) => ctl(plane, 'refused', 'list')))).every(
        (out) => columns(out).length === 1,
      ),
    { withinMs: 60_000 },
  )
  expect(await ctl(global, 'get', 'meshservices', bad)).not.toMatch(/efused/)
  expect(global.logged('a refusal is over')).toBe(true)
})

test('LKG: global sees what each zone refuses of its own, also while the zone is away and after its own restart', async () => {
  const timeout = (seconds: number) => ({
    type: 'MeshTimeout',
    mesh: 'default',
    name: 'slow',
    spec: {
      targetRef: { kind: 'Mesh' },
      to: [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: `${seconds}s` } }],
    },
  })
  const put = (seconds: number) => ask('PUT', `${global.apiUrl}/meshes/default/meshtimeouts/slow`, timeout(seconds))
  expect((await put(5)).status).toBe(201)
  await until(
    'west to have it',
    async () => (await ask('GET', `${west.apiUrl}/meshes/default/meshtimeouts`)).status === 200,
  )
  await settled()
  await byHand(
    urlOf('global'),
    "update resources set spec = '\\x01' where type = 'MeshTimeout' and display_name = 'slow'",
  )
  const refusing = async (): Promise<readonly (string | undefined)[]> =>
    columns(await ctl(global, 'refused', 'list'))
      .slice(1)
      .filter((row) => row[1] === 'MeshTimeout')
      .map((row) => row[0])
      .sort()
  await until('global to know of both', async () => JSON.stringify(await refusing()) === '["east","west"]', {
    withinMs: 120_000,
  })
  expect(await ctl(global, 'get', 'meshtimeouts', 'slow')).toMatch(/refused by zone west since .*JSON/)
  const zones = columns(await ctl(global, 'inspect', 'zones'))
  expect(zones.slice(1).map((row) => [row[0], ...row.slice(-3)])).toEqual([
    ['east', '1', '0', '0'],
    ['west', '1', '0', '0'],
  ])
  // Both ends are in step all the same: what is refused counts as offered (EQ).
  await settled()
  await west.signal('SIGKILL')
  await global.signal('SIGKILL')
  global = await startGlobal(global.ports.kds)
  expect(await refusing()).toEqual(['east', 'west'])
  west = await startZone('west')
  await settled()
  expect(await refusing()).toEqual(['east', 'west'])
  expect((await put(7)).status).toBe(200)
  await until('nobody to refuse it', async () => (await refusing()).length === 0, { withinMs: 60_000 })
})

test('HOLD: a mass that vanished: ready, shown, in the log with what to do, kept over kill -9, approved from the command line', async () => {
  await settled()
  // Its whole memory of them, as an older backup would have it.
  await byHand(urlOf('east'), "delete from resources where type = 'MeshService' and display_name < 'svc-0300'")
  await byHand(urlOf('east'), "delete from vip_ledger where kind = 'MeshService' and display_name < 'svc-0300'")
  await east.signal('SIGKILL')
  east = await startZone('east')
  await until(
    'global to hold them',
    () => metric(global, 'holdfast_held_resources{peer="east",type="MeshService"} 300'),
    {
      withinMs: 90_000,
    },
  )
  expect(await metric(global, 'holdfast_holds{peer="east",type="MeshService"} 1')).toBe(true)
  expect(await readiness(global)).toMatchObject({ status: 200 })
  const held = columns(await ctl(global, 'hold', 'list'))
  const id = held[1]?.[0] ?? ''
  expect(held[1]?.slice(1, 5)).toEqual(['MeshService', 'east', '300', 'held'])
  const told = () => global.log().filter(({ msg }) => msg.includes(`holdfastctl hold show ${id}`))
  expect(told().length).toBe(1)
  expect(columns(await ctl(global, 'inspect', 'zones'))[1]?.slice(-1)).toEqual(['300'])
  const shown = await ctl(global, 'hold', 'show', id)
  expect([shown.includes('svc-0000'), shown.includes(`holdfastctl hold approve ${id}`)]).toEqual([true, true])
  expect(await countOf('west', 81)).toBe(1_000)
  expect(await ctl(global, 'get', 'meshservices', 'svc-0000')).toMatch(
    /Held\nheld by global since .*holdfastctl hold show/,
  )
  await settled()
  await global.signal('SIGKILL')
  global = await startGlobal(global.ports.kds)
  await settled()
  expect(columns(await ctl(global, 'hold', 'list'))[1]?.[0]).toBe(id)
  expect(await ctl(global, 'hold', 'approve', id)).toMatch(
    /approved by mesh-system:admin at .*, 300 resources deleted \(MeshService of east\)/,
  )
  await until('west to lose them', async () => (await countOf('west', 81)) === 700, { withinMs: 60_000 })
  expect(await ctl(global, 'hold', 'approve', id)).toMatch(
    /Error: Conflict \(hold .* is not open any more: approved by/,
  )
  expect(await ctl(global, 'hold', 'approve', '00000000-0000-8000-8000-000000000000')).toMatch(/there is no hold/)
  await settled()
  const { out } = await processes.holdfastctl(['--url', global.apiUrl, 'vip', 'verify'])
  expect(out).toMatch(/all agree/)
})
