import { join } from 'node:path'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { copyOf } from '../testing/estate.js'
import { NameClient } from '../testing/names.js'
import { ask, inStep, Processes, putService, type Running, readiness, until, vipsOf } from '../testing/process.js'

// The operator's way through a loss of global, in processes: a backup that is put back while one zone is away, and then a
// database that is new altogether. Whole maps of VIPs are compared, of every control plane.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
const inEast = new NameClient(true)
const inWest = new NameClient(true)
afterAll(async () => {
  await Promise.all([inEast.close(), inWest.close()])
  await processes.close()
  await Promise.all(databases.map((database) => database.drop()))
})

async function database(): Promise<TestDatabase> {
  const made = await freshDatabase()
  databases.push(made)
  return made
}

interface Vip {
  readonly kind: string
  readonly zone: string | null
  readonly name: string
  readonly address: string
}

/** Every address in force, of services of all kinds. */
async function vipMap(plane: Pick<Running, 'apiUrl'>): Promise<Readonly<Record<string, string>>> {
  const { body } = await ask('GET', `${plane.apiUrl}/_holdfast/vips?size=1000`)
  const pairs = (body as { items: readonly Vip[] }).items.map(({ kind, zone, name, address }): [string, string] => [
    `${address.includes(':') ? 6 : 4} ${kind} ${zone ?? 'global'}/${name}`,
    address,
  ])
  return Object.fromEntries(pairs.sort())
}

const globalOn = (url: string, kdsPort: number, more: readonly string[] = []): Promise<Running> =>
  processes.start('global', ['--database-url', url, '--kds-port', String(kdsPort), ...more])
const zone = (name: string, url: string, kdsPort: number, dnsPort = 0): Promise<Running> =>
  processes.start('zone', [
    ...['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${kdsPort}`],
    ...['--data-dir', join(processes.folder, name), '--dns-port', String(dnsPort)],
  ])
const ctl = (plane: Running, ...args: string[]) => processes.holdfastctl(['--url', plane.apiUrl, ...args])
const ready = async (plane: Running): Promise<boolean> => (await readiness(plane)).status === 200

const putMultiZone = (global: Running, name: string) =>
  ask('PUT', `${global.apiUrl}/meshes/default/meshmultizoneservices/${name}`, {
    ...{ type: 'MeshMultiZoneService', mesh: 'default', name },
    spec: {
      selector: { meshService: { matchLabels: { 'kuma.io/display-name': name } } },
      ports: [{ port: 80, appProtocol: 'http' }],
    },
  })

/** Waits for what an operator would read of the recovery; of the API, for a program that is started each time takes longer. */
async function says(global: Running, wanted: (waits: string) => boolean): Promise<void> {
  let waits = ''
  await until(
    'the recovery to stand as expected',
    async () => {
      const { body } = await ask('GET', `${global.apiUrl}/_holdfast/recovery`)
      waits = (body as { waits: readonly { what: string }[] }).waits.map(({ what }) => what).join('\n')
      return wanted(waits)
    },
    { withinMs: 60_000, otherwise: () => `${waits}\n${global.out.slice(-6_000)}` },
  )
}

async function settled(planes: readonly Running[], addresses: number): Promise<Readonly<Record<string, string>>> {
  let maps: readonly Readonly<Record<string, string>>[] = []
  await until(
    `${addresses} addresses everywhere`,
    async () => {
      maps = await Promise.all(planes.map(vipMap))
      const [first] = maps
      return (
        (await Promise.all(planes.map(inStep))).every(Boolean) &&
        Object.keys(first ?? {}).length === addresses &&
        maps.every((map) => JSON.stringify(map) === JSON.stringify(first))
      )
    },
    { withinMs: 60_000, otherwise: () => JSON.stringify(maps) },
  )
  return maps[0] ?? {}
}

test('VIP-2, EMPTY: an operator brings global back, from a backup and from nothing, by what holdfastctl says', async () => {
  const store = await database()
  let global = await globalOn(store.url, 0, ['--init'])
  const kds = global.ports.kds ?? 0
  const [eastStore, westStore] = [await database(), await database()]
  const east = await zone('east', eastStore.url, kds)
  await until('east to be in step', () => inStep(east))
  for (const name of ['cart', 'web']) expect((await putService(east, name)).status).toBe(201)
  expect((await putMultiZone(global, 'web')).status).toBe(201)
  await settled([global, east], 6)
  await global.signal('SIGTERM')
  const backup = await copyOf(store)
  databases.push(backup)

  // Since the backup: a zone, its block, services, one of global's own.
  global = await globalOn(store.url, kds)
  let west = await zone('west', westStore.url, kds)
  await until('west to be in step', () => inStep(west))
  expect((await putService(west, 'ratings')).status).toBe(201)
  expect((await putMultiZone(global, 'late')).status).toBe(201)
  const before = await settled([global, east, west], 10)
  const shared = ['web.mzsvc.mesh.local', 'late.mzsvc.mesh.local']
  await inEast.ask(east.ports.dns)
  await inEast.watch(['web.svc.mesh.local', 'ratings.svc.west.mesh.local', ...shared])
  await inWest.ask(west.ports.dns)
  await inWest.watch(['web.svc.east.mesh.local', 'ratings.svc.mesh.local', ...shared])
  await west.signal('SIGTERM')
  await global.signal('SIGTERM')

  // The backup, while west is away.
  global = await globalOn(backup.url, kds)
  await says(global, (out) => out.includes('zone west is not back') && !/zone east (has not|is not)/.test(out))
  expect((await readiness(global)).status).toBe(503)
  const page = await ctl(global, 'status')
  expect([page.status, page.out]).toEqual([
    3,
    expect.stringMatching(/global: recovering[\s\S]*restored from a backup[\s\S]*bring zone west back/),
  ])
  const refused = await ctl(global, 'recover', 'finish')
  expect([refused.status, refused.err]).toEqual([1, expect.stringMatching(/zone west is not back.*--yes/)])
  const offline = await processes.holdfast(['init', '--database-url', backup.url, '--finish-recovery']).ended
  expect([offline.status, offline.err]).toEqual([1, expect.stringMatching(/zone west was not in step since.*--yes/)])
  const plan = await ctl(global, 'recover', 'from-zone', 'east')
  expect([plan.status, plan.out]).toEqual([
    0,
    expect.stringMatching(/create +MeshMultiZoneService +default +late[\s\S]*1 to do.*nothing was changed/),
  ])
  expect((await ctl(global, 'recover', 'from-zone', 'east', '--yes')).out).toContain('1 done, 0 not possible')
  expect(await ready(global)).toBe(false)
  west = await zone('west', westStore.url, kds, west.ports.dns)
  await until('it to go on by itself, now that west is back', () => ready(global), { withinMs: 60_000 })
  expect(await settled([global, east, west], 10)).toEqual(before)
  expect((await ctl(global, 'status')).out).toContain('nothing waits for a decision')
  expect((await ctl(global, 'vip', 'verify')).status).toBe(0)

  // Nothing is left but the zones.
  await global.signal('SIGKILL')
  const empty = await database()
  global = await globalOn(empty.url, kds)
  expect(await vipMap(global)).toEqual({})
  expect((await processes.holdfast(['init', '--database-url', empty.url]).ended).status).toBe(0)
  await says(global, (out) => out.includes('remember 2 of global'))
  expect(await Promise.all([east, west].map(vipMap))).toEqual([before, before])
  expect((await ctl(global, 'recover', 'from-zone', 'west', '--yes')).out).toContain('2 done, 0 not possible')
  await until('it to go on by itself', () => ready(global), { withinMs: 60_000 })
  expect(await settled([global, east, west], 10)).toEqual(before)
  expect(await vipsOf(global)).toEqual(await vipsOf(east))
  expect((await ctl(global, 'vip', 'verify')).status).toBe(0)
  await Promise.all([inEast.check(), inWest.check()])
})
