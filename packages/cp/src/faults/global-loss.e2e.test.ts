import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  displayNameLabel,
  envLabel,
  exportName,
  meshLabel,
  originLabel,
  typeOf,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { decodeReport } from '@holdfast/store'
import type { TestDatabase } from '@holdfast/store/testing'
import { startFakeKumaLives, startFakeKumaZone } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import {
  blocksOf,
  copyOf,
  type PlanJson,
  planLines,
  post,
  putExternal,
  putMultiZone,
  putTimeout,
  recoveryOf,
  vipMap,
} from '../testing/estate.js'
import { bothInStep, deletedOf, get, holdsOf, putMesh } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  type Plane,
  put,
  putService,
  remove,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'
import { resolving } from '../testing/names.js'

// Global's store is lost, or put back to an earlier state. Everything comes back from its zones, nothing changes hands.
const { own, closes } = closing()
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-global-loss-'))
  closes(async () => rmSync(path, { recursive: true }))
  return path
}

interface Estate {
  readonly global: GlobalPlane
  readonly east: ZonePlane
  readonly west: ZonePlane
}

const zoneOf = async (name: string, port: number): Promise<ZonePlane> =>
  own(await startZone(name, port, { backoff: eager }))

/** A global with things of its own, and two zones with services. */
async function estate(dataDir?: string): Promise<Estate> {
  const global = await startGlobal(dataDir === undefined ? {} : { dataDir })
  const [east, west] = await Promise.all([zoneOf('east', global.port), zoneOf('west', global.port)])
  await until('both zones to be in step', () => inStep(east) && inStep(west), 20_000)
  for (const name of ['cart', 'web']) await putService(east, name)
  for (const name of ['ratings', 'web']) await putService(west, name)
  await putMesh(global, 'shop')
  await putMultiZone(global, 'web')
  await putExternal(global, 'pay')
  await putTimeout(global, 'slow')
  await settled(global, [east, west], 6)
  // Whatever becomes of global, and whichever way it comes back, nobody who resolves in a zone sees anything of it.
  const shared = ['web.mzsvc.mesh.local', 'pay.extsvc.mesh.local']
  for (const [zone, other] of [
    [east, 'west'],
    [west, 'east'],
  ] as const) {
    const names = await resolving(zone, ['web.svc.mesh.local', `web.svc.${other}.mesh.local`, ...shared])
    closes(() => names.end())
  }
  return { global, east, west }
}

/** Everybody is in step and has the same addresses, this many owners of them. Answers the map. */
async function settled(
  global: GlobalPlane,
  zones: readonly ZonePlane[],
  owners: number,
): Promise<Readonly<Record<string, readonly string[]>>> {
  let said: readonly Awaited<ReturnType<typeof vipMap>>[] = []
  await until(
    `${owners} owners to have the same addresses everywhere`,
    async () => {
      if (!zones.every((zone) => bothInStep(global, zone))) return false
      said = await Promise.all([global, ...zones].map(vipMap))
      return said.every((map) => Object.keys(map).length === owners && JSON.stringify(map) === JSON.stringify(said[0]))
    },
    30_000,
  ).catch(async (error: unknown) => {
    const waits = JSON.stringify(await recoveryOf(global))
    throw new Error(`${(error as Error).message}; they say ${JSON.stringify(said)}; recovery ${waits}`)
  })
  return said[0] ?? {}
}

const again = async (before: GlobalPlane, options: Parameters<typeof startGlobal>[0]): Promise<GlobalPlane> =>
  own(await startGlobal({ ...options, port: before.port }))

const stateOf = async (plane: Plane): Promise<string> => (await plane.store.status()).state

/** All that it can hear was heard; what is left is for somebody to decide. */
const waitsFor = (global: GlobalPlane, what: RegExp): Promise<void> =>
  until(
    `global to wait for ${what}`,
    async () => {
      const { waits } = await recoveryOf(global)
      return waits.length > 0 && waits.every((wait) => what.test(wait.what))
    },
    30_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${(error as Error).message}; it says ${JSON.stringify(await recoveryOf(global))}`)
  })

const fromZone = (global: Plane, zone: string, apply: boolean) =>
  post<PlanJson>(global, '/_holdfast/recovery/from-zone', { zone, apply })

const nobodyEmptied = async (zones: readonly Plane[]): Promise<void> => {
  for (const type of ['Mesh', 'MeshService', 'MeshTimeout', 'MeshMultiZoneService', 'VipBlock'])
    expect(await Promise.all(zones.map((zone) => deletedOf(zone, type)))).toEqual(zones.map(() => 0))
}

/** How long a Kuma zone that dials again when its session ends, as it does when global has recovered (0125), is away. */
const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100))

function kumaService(displayName: string) {
  const labels = {
    ...{ [originLabel]: 'zone', [zoneLabel]: 'north', [meshLabel]: 'default', [envLabel]: 'universal' },
    [displayNameLabel]: displayName,
  }
  const name = exportName(typeOf('MeshService'), 'default', displayName, labels)
  const spec = utf8(
    '{"selector":{"dataplaneTags":{"app":"a"}},"ports":[{"port":80,"targetPort":80,"appProtocol":"http"}]}',
  )
  return { name, mesh: 'default', labels, typeUrl: '', spec }
}

test('EMPTY, VIP-2: global comes back with a new, initialised database: it sends nobody a list, and gets back from a zone what it owned', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = await estate()
  const dial = () => startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'north' })
  const kuma = dial()
  await until('the Kuma zone to have everything', () => kuma.held().get('MeshService')?.size === 4, 15_000)
  // A zone that is disabled before it has ever joined, and one that has a label.
  await put(global, '/zones/south', { type: 'Zone', name: 'south', enabled: false })
  await put(global, '/zones/west', { type: 'Zone', name: 'west', enabled: true, labels: { site: 'b' } })
  const told = async (zone: Plane): Promise<boolean> =>
    (await zone.store.guards.reports()).some(({ body }) => decodeReport(body).zones?.length === 2)
  await until(
    'both zones to remember that',
    async () => (await Promise.all([east, west].map(told))).every(Boolean),
    20_000,
  )
  const [before, blocks] = [await settled(global, [east, west], 6), await blocksOf(global)]
  const objects = await global.store.sessions.zoneObjects()
  kuma.stop()
  await global.close()

  const empty = await again(global, {})
  await until(
    'it to find out that it stands in the place of another',
    async () => (await stateOf(empty)) === 'recovering',
  )
  const again1 = startFakeKumaLives({ target: `127.0.0.1:${empty.port}`, zone: 'north', wait })
  closes(async () => again1.stop())
  again1.put('MeshService', kumaService('legacy'))
  await until('the Kuma zone to have been heard', () =>
    again1
      .now()
      .verdicts()
      .some(({ type }) => type === 'MeshService'),
  )
  await waitsFor(empty, /the zones remember \d+ of global's resources/)
  const { epoch } = (await empty.store.status()).head
  const refused = await empty.store.vip.lease({
    ...{ owner: 'east', storeId: (await east.store.status()).identity.storeId, wantedCidrs: [] },
    demands: [{ kind: 'MeshService', pending: 9_999, active: 0 }] as never,
  })
  expect(refused).toMatchObject({ granted: [], refused: [expect.stringContaining('recovering')] })
  // A plan changes nothing.
  const wanted = [
    'create Config kuma-cluster-id',
    'create Mesh shop',
    'create MeshExternalService pay',
    'create MeshMultiZoneService web',
    'create MeshTimeout slow',
  ]
  const revision = (await empty.store.status()).head.revision
  expect(planLines((await fromZone(empty, 'east', false)).body)).toEqual(wanted)
  expect((await empty.store.status()).head.revision).toBe(revision)
  expect(again1.now().received()).toEqual([])

  expect(planLines((await fromZone(empty, 'east', true)).body)).toEqual(wanted)
  expect((await fromZone(empty, 'west', true)).body.items).toEqual([])
  await until('it to go on by itself', async () => (await stateOf(empty)) === 'ready', 20_000)
  // The Kuma zone's own has an address as well: it is listed once more when there are any to be had.
  expect(await settled(empty, [east, west], 7)).toMatchObject(before)
  expect(await empty.store.sessions.zoneObjects()).toEqual(objects)
  expect((await empty.store.status()).head.epoch).toBe(epoch)
  expect(await blocksOf(empty)).toEqual(expect.arrayContaining([...blocks]))
  await until(
    'the Kuma zone to have everything again',
    () => again1.now().held().get('MeshService')?.size === 4,
    15_000,
  )
  expect([...(again1.now().held().get('Mesh')?.keys() ?? [])].sort()).toEqual(['default.', 'shop.'])
  expect(again1.lost()).toEqual([])
  await nobodyEmptied([east, west])
  expect((await Promise.all([east, west].map(holdsOf))).flat().filter(({ state }) => state === 'held')).toEqual([])
  const audit = (await empty.store.read.audit(500)).map(({ action }) => action)
  expect(audit).toEqual(expect.arrayContaining(['new epoch', 'remembered', 'recovered: create', 'recovery finished']))
})

test('VIP-2: a Kuma zone is the first at the new database, which gives its services addresses: they make way for those that zones of ours remember', {
  timeout: 120_000,
}, async () => {
  const { global, east, west } = await estate()
  const services = Array.from({ length: 12 }, (_, i) => `legacy-${i}`)
  const first = startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'north' })
  for (const name of services) first.put('MeshService', kumaService(name))
  const before = await settled(global, [east, west], 6 + services.length)
  first.stop()
  for (const { proxy } of [east, west]) {
    await proxy.refuse()
    proxy.cut('reset')
  }
  await global.close()

  const empty = await again(global, {})
  const kuma = startFakeKumaLives({ target: `127.0.0.1:${empty.port}`, zone: 'north', wait })
  closes(async () => kuma.stop())
  for (const name of services) kuma.put('MeshService', kumaService(name))
  await until(
    'it to have given them addresses',
    async () => Object.keys(await vipMap(empty)).length === services.length,
    20_000,
  )
  // Of an IPv6 prefix of its own: none of them is what it was.
  const given = await vipMap(empty)
  expect(Object.entries(given).filter(([owner, addresses]) => before[owner]?.join() === addresses.join())).toEqual([])

  await Promise.all([east, west].map(({ proxy }) => proxy.restore()))
  await waitsFor(empty, /the zones remember \d+ of global's resources/)
  expect((await recoveryOf(empty)).waits.filter(({ what }) => what.includes('legacy'))).toEqual([])
  expect((await fromZone(empty, 'east', true)).status).toBe(200)
  // A Kuma zone remembers nothing that it could say, and is waited for until it is back.
  await until('it to go on by itself', async () => (await stateOf(empty)) === 'ready', 40_000)
  expect(await settled(empty, [east, west], 6 + services.length)).toEqual(before)
  const refused = await Promise.all([empty, east, west].map((plane) => plane.store.read.refused()))
  expect(refused.flat()).toEqual([])
  await nobodyEmptied([east, west])
})

test('EMPTY: a new database with the high-water file of the lost one: it recovers from the first moment, nobody runs init', {
  timeout: 120_000,
}, async () => {
  const dataDir = folder()
  const { global, east, west } = await estate(dataDir)
  const before = await settled(global, [east, west], 6)
  await global.close()
  const empty = await again(global, { dataDir, init: false })
  expect(await stateOf(empty)).toBe('recovering')
  await waitsFor(empty, /the zones remember \d+ of global's resources/)
  // The zone that is believed for each of them; the default mesh and its hostname generators are among them.
  expect(planLines((await fromZone(empty, 'west', true)).body)).toEqual(
    expect.arrayContaining(['create Mesh default', 'create Mesh shop', 'create MeshMultiZoneService web']),
  )
  await until('it to go on by itself', async () => (await stateOf(empty)) === 'ready', 20_000)
  expect(await settled(empty, [east, west], 6)).toEqual(before)
  await nobodyEmptied([east, west])
})

/** A backup of global as it is now, and the global that goes on after it. */
async function backedUp(
  global: GlobalPlane,
  zones: readonly ZonePlane[],
): Promise<{ readonly backup: TestDatabase; readonly newer: GlobalPlane }> {
  await global.close()
  const backup = await copyOf(global.database)
  const newer = await startGlobal({ database: global.database, port: global.port })
  await until('the zones to be back', () => zones.every((zone) => bothInStep(newer, zone)), 20_000)
  return { backup, newer }
}

test('VIP-1, VIP-2: yesterday’s backup, which wrote on before it was noticed: everything since is back, and what was deleted stays so', {
  timeout: 180_000,
}, async () => {
  const { global, east, west } = await estate()
  await putTimeout(global, 'old')
  await putMesh(global, 'closed')
  await settled(global, [east, west], 6)
  const { backup, newer } = await backedUp(global, [east, west])
  const south = await zoneOf('south', newer.port)
  await until('south to be in step', () => inStep(south), 20_000)
  await putService(south, 'new')
  await putService(west, 'late')
  await remove(east, '/meshes/default/meshservices/cart')
  await putMultiZone(newer, 'later')
  await remove(newer, '/meshes/default/meshtimeouts/old')
  await remove(newer, '/meshes/closed')
  await putTimeout(newer, 'slow', '20s')
  const since = await settled(newer, [east, west, south], 8)
  const heardOf = async (zone: Plane): Promise<boolean> =>
    (await zone.api.inject({ method: 'GET', url: '/meshtimeouts' })).body.includes('20s') &&
    (await zone.api.inject({ method: 'GET', url: '/meshes/closed' })).statusCode === 404
  await until('every zone to have heard of the last change', async () =>
    (await Promise.all([east, west, south].map(heardOf))).every(Boolean),
  )
  const blocks = await blocksOf(newer)
  const { head } = await newer.store.status()
  const zones = [east, west, south]
  await Promise.all(zones.map((zone) => zone.proxy.refuse()))
  await newer.close()

  const restored = await again(global, { database: backup })
  // It goes on as if nothing had happened, through revisions that its zones know otherwise.
  for (let i = 0; (await restored.store.status()).head.revision < head.revision + 2; i++)
    await putTimeout(restored, 'meanwhile', `${i + 1}s`)
  await putMultiZone(restored, 'unnoticed')
  const unnoticed = (await vipMap(restored))['MeshMultiZoneService default global/unnoticed']
  expect(await stateOf(restored)).toBe('ready')
  await Promise.all(zones.map((zone) => zone.proxy.restore()))
  await until('it to find out', async () => (await stateOf(restored)) === 'recovering', 20_000)
  await waitsFor(restored, /the zones remember \d+ of global's resources/)
  expect(planLines((await fromZone(restored, 'south', true)).body)).toEqual([
    'change MeshTimeout slow',
    'create MeshMultiZoneService later',
    'delete Mesh closed',
    'delete MeshTimeout old',
  ])
  expect((await fromZone(restored, 'east', true)).body.items).toEqual([])
  await until('it to go on by itself', async () => (await stateOf(restored)) === 'ready', 20_000)
  const after = await settled(restored, zones, 9)
  expect(after).toEqual({ ...since, 'MeshMultiZoneService default global/unnoticed': unnoticed })
  expect(await blocksOf(restored)).toEqual(blocks)
  expect(new Set(Object.values(after).flat()).size).toBe(Object.values(after).flat().length)
  expect([...(await servicesOf(restored)).keys()]).not.toContain('east/cart')
  const timeouts = await get<{ items: readonly { name: string; spec: unknown }[] }>(restored, '/meshtimeouts')
  expect(timeouts.items.map(({ name }) => name).sort()).toEqual([
    'meanwhile',
    'mesh-gateways-timeout-all-default',
    'mesh-timeout-all-default',
    'slow',
  ])
  expect(JSON.stringify(timeouts.items.find(({ name }) => name === 'slow')?.spec)).toContain('20s')
  for (const type of ['MeshMultiZoneService', 'VipBlock', 'VipPool'])
    expect(await Promise.all(zones.map((zone) => deletedOf(zone, type)))).toEqual([0, 0, 0])
})

test('VIP-1: a zone that leased its block after the backup is away: nobody gets that block, and the operator is told who is missing', {
  timeout: 180_000,
}, async () => {
  const { global, east, west } = await estate()
  const { backup, newer } = await backedUp(global, [east, west])
  const south = await zoneOf('south', newer.port)
  await until('south to be in step', () => inStep(south), 20_000)
  for (const name of ['a', 'b', 'c']) await putService(south, name)
  const since = await settled(newer, [east, west, south], 9)
  const southern = (await blocksOf(newer)).filter((block) => block.endsWith(' south'))
  expect(southern.length).toBeGreaterThan(0)
  await south.proxy.refuse()
  south.proxy.cut('reset')
  await newer.close()

  const restored = await again(global, { database: backup })
  await waitsFor(restored, /zone south is not back/)
  const finish = (confirmed: boolean) => post<{ detail: string }>(restored, '/_holdfast/recovery/finish', { confirmed })
  const no = await finish(false)
  expect([no.status, no.body.detail]).toEqual([409, expect.stringMatching(/south is not back.*--yes/)])
  expect(await stateOf(restored)).toBe('recovering')
  // South's services stand in the zones, and their addresses are remembered for it here.
  expect(await blocksOf(restored)).toEqual(expect.arrayContaining(southern))
  expect((await finish(true)).body).toMatchObject({
    finished: true,
    state: 'ready',
    lost: [expect.stringMatching(/south/)],
  })
  const north = await zoneOf('north', restored.port)
  await until('north to be in step', () => inStep(north), 20_000)
  for (const name of ['a', 'b', 'c']) await putService(north, name)
  await until(
    'north to have addresses',
    async () => Object.keys(await vipMap(north)).filter((key) => key.includes(' north/')).length === 3,
  )
  expect(await blocksOf(restored)).toEqual(expect.arrayContaining(southern))
  expect(Object.keys(await vipMap(east))).toEqual(expect.arrayContaining(Object.keys(since)))

  await south.proxy.restore()
  const after = await settled(restored, [east, west, south, north], 12)
  expect(after).toMatchObject(since)
  expect(new Set(Object.values(after).flat()).size).toBe(Object.values(after).flat().length)
  await nobodyEmptied([east, west])
})

test('bad input: a zone that is unknown, away, or recovers itself; nothing to finish; a zone is asked to recover', {
  timeout: 60_000,
}, async () => {
  const { global, east, west } = await estate()
  own(global)
  await west.proxy.refuse()
  west.proxy.cut('reset')
  await until('west to be gone', () => !global.runtime.views().some(({ peer }) => peer === 'west'))
  const said = async (zone: unknown) => {
    const { status, body } = await post<{ detail?: string }>(global, '/_holdfast/recovery/from-zone', { zone })
    return `${status} ${body.detail}`
  }
  expect(await said('nowhere')).toMatch(/404 .*never met a zone "nowhere".*east, west/)
  expect(await said('west')).toMatch(/503 zone west is not connected/)
  expect(await said('')).toMatch(/400 .*must name the zone/)
  expect(await said('east')).toMatch(/^200/)
  const { body } = await post<{ finished: boolean }>(global, '/_holdfast/recovery/finish', {})
  expect(body).toEqual({ finished: false, state: 'ready', lost: [] })
  const atZone = await post<{ detail: string }>(east, '/_holdfast/recovery/from-zone', { zone: 'east' })
  expect([atZone.status, atZone.body.detail]).toEqual([405, expect.stringContaining('at global')])
})
