import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { copyOf } from '../testing/backup.js'
import { NameClient } from '../testing/names.js'
import {
  ask,
  inStep,
  Processes,
  putService,
  type Running,
  readiness,
  service,
  syncOf,
  until,
  vipsOf,
} from '../testing/process.js'

// A zone whose database is put back to an earlier state, in processes. Each test takes a backup, goes on, and puts it back.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
let global: Running
let east: Running
let west: Running
let eastDatabase: TestDatabase
let folders = 0
let eastFolder = 'east-0'
const inEast = new NameClient(true)
const inWest = new NameClient(true)

const database = async (): Promise<TestDatabase> => {
  const made = await freshDatabase()
  databases.push(made)
  return made
}
/** Without the high-water mark; the names of before are there. */
const newFolder = (): string => {
  const folder = `east-${++folders}`
  cpSync(join(processes.folder, eastFolder, 'names-east'), join(processes.folder, folder, 'names-east'))
  return folder
}

const globalFlags = (url: string, kds: number): string[] => [
  ...['--database-url', url, '--init', '--kds-port', String(kds), '--data-dir', join(processes.folder, 'global')],
]
const startEast = (): Promise<Running> =>
  processes.start('zone', [
    ...['--zone', 'east', '--database-url', eastDatabase.url, '--data-dir', join(processes.folder, eastFolder)],
    ...['--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`, '--dns-port', String(east?.ports.dns ?? 0)],
  ])
const startWest = (url: string): Promise<Running> =>
  processes.start('zone', [
    ...['--zone', 'west', '--database-url', url, '--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
    ...['--data-dir', join(processes.folder, 'west'), '--dns-port', String(west?.ports.dns ?? 0)],
  ])
const ctl = async (...args: string[]) => processes.holdfastctl(['--url', global.apiUrl, ...args])

const path = (name: string): string => `${east.apiUrl}/meshes/default/meshservices/${name}`
const putPort = (name: string, port: number) =>
  ask('PUT', path(name), { ...service(name), spec: { selector: {}, ports: [{ port, targetPort: port }] } })
const portOf = async (plane: Running, name: string): Promise<unknown> => {
  const { body } = await ask('GET', `${plane.apiUrl}/_holdfast/resources?type=MeshService&name=${name}&zone=east`)
  const { items } = body as { items: readonly { spec?: { ports?: readonly { port: number }[] } }[] }
  return items.map((item) => item.spec?.ports?.[0]?.port)
}
interface Status {
  readonly state: string
  readonly reasons: readonly string[]
  readonly head: { readonly revision: number }
}
const statusOf = async (plane: Running): Promise<Status> =>
  (await ask('GET', `${plane.apiUrl}/_holdfast/status`)).body as Status
const highWater = (): { cursor: { revision: number } } =>
  JSON.parse(readFileSync(join(processes.folder, eastFolder, 'high-water.json'), 'utf8'))

/** All three say the same, each service with both addresses. Answers what they say. */
async function converged(...names: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const wanted = [...names].sort().map((name) => `east/${name}`)
  let said: readonly Readonly<Record<string, readonly string[]>>[] = []
  await until(
    `all to have ${wanted.join(', ')}`,
    async () => {
      if (!((await inStep(east)) && (await inStep(west)))) return false
      said = await Promise.all([global, east, west].map(vipsOf))
      return said.every(
        (one) =>
          JSON.stringify(Object.keys(one).filter((key) => key.startsWith('east/'))) === JSON.stringify(wanted) &&
          Object.values(one).every((vips) => vips.length === 2) &&
          JSON.stringify(one) === JSON.stringify(said[0]),
      )
    },
    { withinMs: 80_000, otherwise: () => `${JSON.stringify(said)}\n${east.out}` },
  )
  return said[0] ?? {}
}

/** Takes a backup of east, which goes on where it was. */
async function backedUp(): Promise<TestDatabase> {
  await east.signal('SIGTERM')
  const backup = await copyOf(eastDatabase)
  databases.push(backup)
  east = await startEast()
  await until('east to be in step', () => inStep(east), { otherwise: () => east.out })
  return backup
}

beforeAll(async () => {
  // A port that stays, so that global can go and come back.
  const probe = await processes.start('global', ['--database-url', (await database()).url, '--init'])
  const kds = probe.ports.kds ?? 0
  await probe.signal('SIGTERM')
  globalUrl = (await database()).url
  global = await processes.start('global', globalFlags(globalUrl, kds))
  eastDatabase = await database()
  westUrl = (await database()).url
  ;[east, west] = await Promise.all([startEast(), startWest(westUrl)])
  await until('both zones to be in step', async () => (await inStep(east)) && (await inStep(west)))
  for (const name of ['changed', 'gone', 'web']) expect((await putService(east, name)).status).toBe(201)
  expect((await putService(west, 'ratings')).status).toBe(201)
  await converged('changed', 'gone', 'web')
  await inEast.ask(east.ports.dns)
  // One test deletes the other one and makes it again.
  await inEast.watch(['changed.svc.mesh.local', 'ratings.svc.west.mesh.local'], ['web.svc.mesh.local'])
  await inWest.ask(west.ports.dns)
  await inWest.watch(['changed.svc.east.mesh.local', 'ratings.svc.mesh.local'], ['web.svc.east.mesh.local'])
}, 120_000)
afterEach(async () => {
  await Promise.all([inEast.check(), inWest.check()])
})
let globalUrl: string
let westUrl: string

afterAll(async () => {
  await Promise.all([inEast.close(), inWest.close()])
  await processes.close()
  for (const made of databases) await made.drop()
})

test.each(['with', 'without'] as const)(
  'MONO, VIP-2: yesterday’s backup, %s the high-water file: what came since comes back, what went stays gone, nobody loses anything',
  async (file) => {
    const since = `since-${file}`
    const had = [...new Set([...(await servicesNow()), 'gone'])]
    await putService(east, 'gone')
    await converged(...had)
    const backup = await backedUp()
    expect((await putService(east, since)).status).toBe(201)
    expect((await putPort('changed', file === 'with' ? 81 : 82)).status).toBe(200)
    expect((await ask('DELETE', path('gone'))).status).toBe(200)
    const names = [...had.filter((name) => name !== 'gone'), since]
    const before = await converged(...names)
    const rows = await westRows()
    // The backup has never heard of this one.
    const inSince = new NameClient(true)
    await inSince.ask(east.ports.dns)
    await inSince.watch([`${since}.svc.mesh.local`])

    await east.signal('SIGKILL')
    eastDatabase = backup
    if (file === 'without') eastFolder = newFolder()
    east = await startEast()
    expect(await converged(...names)).toEqual(before)
    expect(east.logged('the store is not what it was: it recovers')).toBe(true)
    expect(east.logged('global has returned what it keeps of this zone')).toBe(true)
    expect(await Promise.all([global, east, west].map((plane) => portOf(plane, 'changed')))).toEqual(
      Array(3).fill([file === 'with' ? 81 : 82]),
    )
    expect(await statusOf(east)).toMatchObject({ state: 'ready' })
    expect(await westRows()).toEqual(rows)
    expect(await ctl('vip', 'verify')).toMatchObject({ status: 0 })
    await inSince.check().finally(() => inSince.close())
  },
)

test('VIP-1, VIP-2: a backup that wrote on before it was noticed: what it wrote is kept, and no address has two owners', async () => {
  const names = await servicesNow()
  const backup = await backedUp()
  expect((await putService(east, 'since-3')).status).toBe(201)
  expect((await putPort('changed', 83)).status).toBe(200)
  const before = await converged(...names, 'since-3')
  const [address = ''] = before['east/since-3'] ?? []

  await east.signal('SIGKILL')
  const kds = global.ports.kds ?? 0
  await global.signal('SIGTERM')
  eastDatabase = backup
  eastFolder = newFolder()
  east = await startEast()
  // Nobody is there to tell it. It writes: a new service, an update, a deletion, and it gives an address away again.
  expect((await putService(east, 'young')).status).toBe(201)
  expect((await putPort('changed', 84)).status).toBe(200)
  expect((await ask('DELETE', path('web'))).status).toBe(200)
  const thief = { ...service('thief'), labels: { 'kuma.io/origin': 'zone', 'holdfast.io/vip': address } }
  expect((await ask('PUT', path('thief'), thief)).status).toBe(201)
  expect((await vipsOf(east))['east/thief']?.[0]).toBe(address)
  expect(await statusOf(east)).toMatchObject({ state: 'ready' })

  global = await processes.start('global', globalFlags(globalUrl, kds))
  await until('east to be in step', () => inStep(east), { withinMs: 80_000, otherwise: () => east.out })
  const log = east.log().map(({ msg }) => msg)
  expect(log).toContain('the store is not what it was: it recovers')
  expect(log).toContain('addresses went back to whoever had them')
  expect(log).toContain('written here after the store was put back: this zone goes on with its own version')
  // A pin that somebody else has is refused: the service says so, and the pin is taken away.
  await until('the thief to say why it has none', async () =>
    JSON.stringify((await ask('GET', path('thief'))).body).includes(address),
  )
  expect((await ask('DELETE', path('thief'))).status).toBe(200)
  const after = await converged(...names.filter((name) => name !== 'web'), 'since-3', 'young')
  const { 'east/web': web, ...others } = before
  expect(after).toEqual({ ...others, 'east/young': after['east/young'] })
  expect(await Promise.all([global, east, west].map((plane) => portOf(plane, 'changed')))).toEqual(Array(3).fill([84]))
  // The deleted one comes back to its address.
  expect((await putService(east, 'web')).status).toBe(201)
  expect((await converged(...names, 'since-3', 'young'))['east/web']).toEqual(web)
  expect(await ctl('vip', 'verify')).toMatchObject({ status: 0 })
})

test('EMPTY: global is away at the moment of the loss, and the other zone too: the zone serves what it has, allocates nothing, and says what it waits for', async () => {
  const names = await servicesNow()
  const backup = await backedUp()
  expect((await putService(east, 'since-4')).status).toBe(201)
  const before = await converged(...names, 'since-4')
  // The file follows within a second.
  const { head } = await statusOf(east)
  await until('the high-water mark to be written', () => highWater().cursor.revision >= head.revision)
  await east.signal('SIGKILL')
  await west.signal('SIGTERM')
  const kds = global.ports.kds ?? 0
  await global.signal('SIGKILL')
  eastDatabase = backup
  east = await startEast()
  const status = await statusOf(east)
  expect(status).toMatchObject({ state: 'recovering', reasons: [expect.stringContaining('high-water.json remembers')] })
  const ready = await readiness(east)
  expect([ready.status, JSON.stringify(ready.body)]).toEqual([503, expect.stringContaining('the store is recovering')])
  // It serves what it has: all but what came since, with the same addresses.
  const { 'east/since-4': _, ...had } = before
  expect(await vipsOf(east)).toEqual(had)
  expect((await putService(east, 'patient')).status).toBe(201)
  expect((await vipsOf(east))['east/patient']).toEqual([])
  await until('it to say that global is away', async () => (await syncOf(east)).peers[0]?.lastError !== undefined)

  global = await processes.start('global', globalFlags(globalUrl, kds))
  await until('east to be in step', () => inStep(east), { withinMs: 80_000, otherwise: () => east.out })
  expect(await statusOf(east)).toMatchObject({ state: 'ready', reasons: [] })
  west = await startWest(westUrl)
  const after = await converged(...names, 'since-4', 'patient')
  expect(after).toEqual({ ...before, 'east/patient': after['east/patient'] })
  expect(await ctl('vip', 'verify')).toMatchObject({ status: 0 })
})

const servicesNow = async (): Promise<readonly string[]> =>
  Object.keys(await vipsOf(global)).flatMap((key) => (key.startsWith('east/') ? [key.slice('east/'.length)] : []))

/** Where every copy stands in west's log: the same again means that nothing was written. */
const westRows = async (): Promise<unknown> => {
  const { body } = await ask('GET', `${west.apiUrl}/meshservices?size=1000`)
  return (body as { items: readonly { name: string; modificationTime: string }[] }).items.map(
    ({ name, modificationTime }) => [name, modificationTime],
  )
}
