import type { LocalChange } from '@holdfast/store'
import { services } from '../services.js'
import { total } from '../statements.js'
import {
  type GlobalPlane,
  joined,
  openZone,
  type Plane,
  type PlaneOptions,
  startGlobal,
  type ZonePlane,
} from './plane.js'
import { until } from './until.js'

export const seed = 20_261_121

/** All or nothing, as `holdfastctl apply` does it. @throws Error with what was refused */
export async function apply(plane: Plane, changes: readonly LocalChange[]): Promise<void> {
  const outcomes = await plane.store.local.apply(
    { changes, atomic: true, actor: 'bench' },
    { signal: new AbortController().signal },
  )
  const refused = outcomes.flatMap((o) => (o.outcome === 'refused' ? [o.problem.message] : []))
  const pending = outcomes.filter((o) => 'pendingReason' in o && o.pendingReason !== undefined)
  if (refused.length > 0) throw new Error(`${refused.length} changes were refused: ${refused[0]}`)
  if (pending.length > 0) throw new Error(`${pending.length} services got no VIP: lease the zone more addresses first`)
}

/** Gives a connected zone room for so many services at once, so that no service has to wait for a second block. */
export async function leased(global: GlobalPlane, zone: ZonePlane, room: number): Promise<void> {
  const { identity } = await zone.store.status()
  const has = async (): Promise<number> =>
    (await zone.store.vip.blocks()).filter((b) => b.kind === 'MeshService' && b.family === 4).length
  // The zone asks by itself as soon as it is in step.
  await until(`the first block of ${zone.name}`, async () => (await has()) > 0)
  const demands = [{ kind: 'MeshService', active: 0, pending: room }]
  const { granted, refused } = await global.store.vip.lease({
    owner: zone.name,
    storeId: identity.storeId,
    demands,
    wantedCidrs: [],
  })
  if (refused.length > 0) throw new Error(`global leased nothing: ${refused.join('; ')}`)
  if (granted.length > 0) await until(`the second block of ${zone.name}`, async () => (await has()) > 1)
}

export const serviceCount = async (plane: Plane): Promise<number> =>
  (await plane.store.read.counts()).resources
    .filter((row) => row.type === 'MeshService')
    .reduce((sum, row) => sum + row.count, 0)

/** Until every one of them keeps so many services. */
export async function spread(planes: readonly Plane[], count: number): Promise<void> {
  for (const plane of planes)
    await until(`${count} services at ${plane.name || 'global'}`, async () => (await serviceCount(plane)) === count)
}

/** What is written down a moment later (positions that were acked) is longer in coming than anything else. */
const calmMs = 400

/** Until no statement has been under way for a while. */
export async function calm(planes: readonly Plane[]): Promise<void> {
  const sum = (): number => planes.reduce((all, { statements }) => all + total(statements.all()), 0)
  let before = sum()
  let sinceMs = performance.now()
  await until('nothing to be done any more', () => {
    const now = sum()
    if (now !== before || planes.some(({ statements }) => statements.underWay > 0)) sinceMs = performance.now()
    before = now
    return performance.now() - sinceMs > calmMs
  })
}

export interface Mesh {
  readonly global: GlobalPlane
  /** Where the measured link is. */
  readonly east: ZonePlane
  readonly west: ZonePlane
  close(): Promise<void>
}

/** A global and two zones in step, with `count` services: half of them in each zone. */
export async function meshOf(count: number, options: PlaneOptions): Promise<Mesh> {
  const global = await startGlobal(options)
  const east = await openZone('east', options)
  const west = await openZone('west', options)
  for (const zone of [east, west]) {
    await joined(global, zone)
    await leased(global, zone, count)
  }
  const half = Math.ceil(count / 2)
  await apply(east, services({ seed, zone: 'east', count: half }))
  await apply(west, services({ seed, zone: 'west', count: count - half }))
  await spread([global, east, west], count)
  return {
    global,
    east,
    west,
    close: async () => {
      await east.close()
      await west.close()
      await global.close()
    },
  }
}
