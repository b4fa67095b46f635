import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '@holdfast/model'
import { freshDatabase, startTcpProxy, type TcpProxy, type TestDatabase } from '@holdfast/testkit'
import { globalEndpointsKey } from '@holdfast/zone'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { advertise } from '../commands/advertise.js'
import { eager, inStep, type Plane, startGlobal, startZone, until as untilPlane } from '../testing/mesh.js'
import { ask, Processes, inStep as processInStep, type Running, until } from '../testing/process.js'

// T3 d–g: the list of endpoints at the zone never becomes empty, whatever global tells and whatever the disk does.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
const open: Plane[] = []
const databases: TestDatabase[] = []
let global: Running
let cable: TcpProxy
let zoneDatabase: TestDatabase
const dataDir = join(processes.folder, 'zone-data')
const file = join(dataDir, 'global-endpoints.json')

async function database(): Promise<TestDatabase> {
  const made = await freshDatabase()
  databases.push(made)
  return made
}

beforeAll(async () => {
  global = await processes.start('global', ['--init', '--database-url', (await database()).url])
  await global.signal('SIGTERM')
  global = await processes.start('global', [
    ...['--database-url', databases[0]?.url ?? '', '--kds-port', String(global.ports.kds)],
    ...['--advertised-address', address(global), '--advertised-address', 'grpc://127.0.0.1:9'],
  ])
  cable = await startTcpProxy({ targetPort: global.ports.kds ?? 0 })
  zoneDatabase = await database()
})
afterEach(async () => {
  for (const plane of open.splice(0).reverse()) await plane.close()
})
afterAll(async () => {
  await processes.close()
  await cable.close()
  for (const made of databases) await made.drop()
})

const address = ({ ports }: { readonly ports: { readonly kds?: number } }): string =>
  `grpc://127.0.0.1:${ports.kds ?? 0}`
const startEast = (...more: readonly string[]): Promise<Running> =>
  processes.start('zone', [
    ...['--zone', 'east', '--database-url', zoneDatabase.url, '--data-dir', dataDir],
    ...['--global-address', `grpc://127.0.0.1:${cable.port}`, ...more],
  ])

interface Endpoint {
  readonly address: string
  readonly source: string
  readonly state: string
  readonly failures: number
  readonly lastError: string | null
}
async function endpointsOf(zone: Pick<Running, 'apiUrl'>) {
  const { body } = await ask('GET', `${zone.apiUrl}/_holdfast/sync`)
  const { globalEndpoints, globalEndpointProblems } = body as {
    globalEndpoints: readonly Endpoint[]
    globalEndpointProblems: readonly string[]
  }
  return { known: globalEndpoints, problems: globalEndpointProblems }
}
const inUse = async (zone: Running): Promise<string | undefined> =>
  (await endpointsOf(zone)).known.find(({ state }) => state === 'in use')?.address

test('T3 e, restart: what global told is taken once it is proven, and finds global where the configured address is dead', async () => {
  const east = await startEast()
  await until('east to be in step', () => processInStep(east), { otherwise: () => east.out })
  await until('what global tells to be known', async () => (await endpointsOf(east)).known.length === 3)
  expect((await endpointsOf(east)).known.filter(({ source }) => source === 'good')).toEqual([])
  // The way in that was configured is gone for good; global is still there.
  await cable.refuse()
  cable.cut('reset')
  await until('east to have found global', async () => (await inUse(east)) === address(global), {
    otherwise: () => east.out,
  })
  const { known } = await endpointsOf(east)
  expect(known).toMatchObject([
    { address: address(global), source: 'good', state: 'in use', failures: 0 },
    { address: 'grpc://127.0.0.1:9', source: 'good' },
    { address: `grpc://127.0.0.1:${cable.port}`, source: 'configured', state: 'failed', lastError: expect.any(String) },
  ])
  const { body } = await fetchMetrics(east)
  expect(body).toContain(`holdfast_zone_global_endpoint_in_use{address="${address(global)}",source="good"} 1`)
  await east.signal('SIGKILL')
})

const fetchMetrics = async (zone: Running): Promise<{ body: string }> => ({
  body: await (await fetch(`http://127.0.0.1:${zone.ports.diagnostics}/metrics`)).text(),
})

const damages: readonly (readonly [what: string, damage: () => void, isTold: boolean])[] = [
  ['as it was', () => {}, false],
  ['truncated to nothing', () => truncateSync(file, 0), true],
  ['cut in the middle', () => truncateSync(file, 20), true],
  ['garbage', () => writeFileSync(file, Buffer.alloc(300, 0xa7)), true],
  ['an empty list', () => writeFileSync(file, '[]'), true],
  ['a list of malformed addresses', () => writeFileSync(file, '{"addresses":["nowhere"]}'), true],
  ['missing', () => rmSync(file), false],
]

test.each(damages)(
  'T3 f, EMPTY: restarted with a file that is %s, the zone finds global by what its store knows',
  async (what, damage, isTold) => {
    damage()
    const startedAtMs = performance.now()
    const east = await startEast()
    await until('east to be in step', () => processInStep(east), { otherwise: () => east.out })
    const tookMs = Math.round(performance.now() - startedAtMs)
    console.log(`T3 f: file ${what}: in step ${tookMs} ms after the start of the process`)
    expect(await inUse(east)).toBe(address(global))
    expect(east.logged('the remembered endpoints of global cannot be used')).toBe(isTold)
    // What was damaged is mended with the first proof.
    await until('the file to be whole again', async () => (await endpointsOf(east)).problems.length === 0)
    expect((await endpointsOf(east)).known.map((one) => one.source)).toEqual(['good', 'good', 'configured'])
    await east.signal('SIGTERM')
  },
)

test('T3 f: the file alone finds global when the database is lost: it is global that answers', async () => {
  zoneDatabase = await database()
  const { process: east } = processes.begin('zone', [
    ...['--zone', 'east', '--database-url', zoneDatabase.url, '--data-dir', dataDir],
    ...['--global-address', `grpc://127.0.0.1:${cable.port}`],
  ])
  await until('global to have been asked', () => east.hasEnded || east.logged('global does not let this zone in'), {
    otherwise: () => east.out + east.err,
  })
  // Another store of that name is not let in without its operator, and that is said by nobody but global.
  expect(east.out + east.err).toMatch(/zone adopt|another store|bound to/)
  if (!east.hasEnded) await east.signal('SIGKILL')
})

test('T3 g: a disk that refuses the file stops nothing, is shown, and the list is written when it can be', async () => {
  const folder = join(processes.folder, 'g-data')
  const made = await database()
  mkdirSync(join(folder, 'global-endpoints.json.new'), { recursive: true })
  await cable.restore()
  const west = await processes.start('zone', [
    ...['--zone', 'west', '--database-url', made.url, '--data-dir', folder],
    ...['--global-address', `grpc://127.0.0.1:${cable.port},${address(global)}`],
  ])
  await until('west to be in step', () => processInStep(west), { otherwise: () => west.out })
  // Over whichever address: one of the list global told is proven sooner or later.
  await cable.refuse()
  cable.cut('reset')
  await until('west to be in step with global itself', async () => (await inUse(west)) === address(global))
  await until('the failure to be shown', async () => (await endpointsOf(west)).problems.length === 1)
  expect((await endpointsOf(west)).problems).toEqual([expect.stringContaining('EISDIR')])
  expect((await fetchMetrics(west)).body).toMatch(
    /holdfast_zone_global_endpoint_faults\{what="file not written"\} [1-9]/,
  )
  // It was in step to be in use; what a new session tells (who serves whom) is on its way for a moment after.
  await until('west to be in step all the same', () => processInStep(west), { otherwise: () => west.out })
  rmSync(join(folder, 'global-endpoints.json.new'), { recursive: true })
  // The next session writes it.
  await global.signal('SIGTERM')
  global = await processes.start('global', [
    ...['--database-url', databases[0]?.url ?? '', '--kds-port', String(global.ports.kds)],
  ])
  await until('the list to be on disk', async () => (await endpointsOf(west)).problems.length === 0)
  await west.signal('SIGTERM')
})

/** What no global of ours would write: whatever the text is. */
async function tell(plane: Plane, text: string): Promise<void> {
  await plane.store.local.apply(
    {
      changes: [
        {
          change: 'put',
          key: globalEndpointsKey,
          content: { labels: {}, typeUrl: '', spec: utf8(text) },
          namespace: '',
          displayName: globalEndpointsKey.name,
          wantsVip: false,
        },
      ],
      atomic: true,
      actor: 'test',
    },
    { signal: AbortSignal.timeout(10_000) },
  )
}

test('T3 d, e: empty, unparsable and malformed lists of global are refused by name; the session, the list and everything else stay', async () => {
  const plane = await startGlobal()
  open.push(plane)
  const log = pino({ level: 'silent' })
  const zone = await startZone('east', plane.port, { backoff: eager })
  open.push(zone)
  await untilPlane('east to be in step', () => inStep(zone), 20_000)
  const own = `grpc://127.0.0.1:${plane.port}`
  await advertise(plane.store, [own], log, AbortSignal.timeout(10_000))
  await untilPlane('the list to be learned', () => zone.runtime.endpoints().known.length === 2)
  const session = zone.runtime.view()?.sessionId
  const before = zone.runtime.endpoints().known.map(({ address: known, source }) => [known, source])
  const bad = [
    '{"addresses":[]}',
    '[]',
    'not JSON',
    '{"addresses":["grpc://127.0.0.1:1"',
    '{"addresses":"grpc://127.0.0.1:1"}',
    '{}',
    '{"addresses":["nowhere","http://127.0.0.1:1","grpc://127.0.0.1:0"]}',
    JSON.stringify({ addresses: Array(33).fill('grpc://127.0.0.1:1') }),
  ]
  const refusal = async () => (await zone.store.read.refused()).find(({ type }) => type === 'GlobalEndpoints')
  for (const text of bad) {
    const earlier = await refusal()
    await tell(plane, text)
    await untilPlane(`${text} to be refused`, async () => {
      const now = await refusal()
      return now !== undefined && now.entry !== earlier?.entry
    })
    expect(zone.runtime.endpoints().known.map(({ address: known, source }) => [known, source])).toEqual(before)
  }
  const row = await zone.store.read.get(globalEndpointsKey)
  expect(JSON.parse(Buffer.from(row?.spec ?? []).toString())).toEqual({ addresses: [own] })
  // The same list again is no news; nor is the end of the resource.
  await advertise(plane.store, [own], log, AbortSignal.timeout(10_000))
  await untilPlane('the refusal to end', async () => (await zone.store.read.refused()).length === 0)
  await plane.store.local.apply(
    { changes: [{ change: 'delete', key: globalEndpointsKey }], atomic: true, actor: 'test' },
    { signal: AbortSignal.timeout(10_000) },
  )
  await untilPlane('it to be gone', async () => (await zone.store.read.get(globalEndpointsKey))?.deleted !== false)
  expect(zone.runtime.endpoints().known.map(({ address: known, source }) => [known, source])).toEqual(before)
  expect(zone.runtime.view()?.sessionId).toBe(session)
})

test('T3 e: a list of addresses that nobody answers at is learned and never taken', async () => {
  const plane = await startGlobal()
  open.push(plane)
  const zone = await startZone('east', plane.port, { backoff: eager })
  open.push(zone)
  await untilPlane('east to be in step', () => inStep(zone), 20_000)
  const dead = ['grpc://127.0.0.1:9', 'grpc://127.0.0.1:10']
  await tell(plane, JSON.stringify({ addresses: dead }))
  await untilPlane('the list to be known', () => zone.runtime.endpoints().known.length === 3)
  await zone.proxy.refuse()
  zone.proxy.cut('reset')
  await untilPlane('all of them to have failed', () =>
    zone.runtime.endpoints().known.every(({ failures }) => failures > 0),
  )
  await zone.proxy.restore()
  await untilPlane('east to be in step', () => inStep(zone), 20_000)
  expect(zone.runtime.endpoints().known.map(({ source, state }) => [source, state])).toEqual([
    ['learned', 'failed'],
    ['learned', 'failed'],
    ['configured', 'in use'],
  ])
})
