import { growthSection, type Series } from './growth.js'
import type { Section } from './report.js'
import { applyFigures, applySection } from './scenarios/apply.js'
import { type ChangedFigures, changedFigures, changedSection } from './scenarios/changed-reconnect.js'
import { dnsFigures, dnsSection } from './scenarios/dns.js'
import { type ChangeFigures, dnsChangeFigures } from './scenarios/dns-change.js'
import { fanOutFigures, fanOutSection } from './scenarios/fan-out.js'
import { type FullSyncFigures, fullSyncFigures, fullSyncSection } from './scenarios/full-sync.js'
import {
  type ElsewhereFigures,
  elsewhereFigures,
  type IdleFigures,
  idleFigures,
  idleSection,
  payloadBytes,
} from './scenarios/idle-reconnect.js'
import { type OneChangeFigures, oneChangeFigures, oneChangeSection } from './scenarios/one-change.js'
import { type RepairFigures, repairFigures, repairSection } from './scenarios/repair.js'
import { type StandingFigures, standingFigures, standingSection } from './scenarios/standing.js'
import { meshOf } from './stand/mesh.js'
import type { FreshDatabase } from './stand/server.js'
import { total } from './statements.js'

export interface Sizes {
  /** Services of one apply each. */
  readonly apply: readonly number[]
  /** Services of the meshes in which a zone reconnects; the largest one is also synced to a new zone. */
  readonly mesh: readonly number[]
  /** Idle reconnects for each. */
  readonly repeats: number
  readonly changed: number
  /** Changes made one after the other, each waited for in another zone. */
  readonly single: number
  readonly zones: readonly number[]
  /** Services whose names are asked for, and how often; changes whose names are waited for. */
  readonly dns: { readonly services: number; readonly queries: number; readonly changes: number }
}

export const fullSizes: Sizes = {
  apply: [1, 100, 10_000],
  mesh: [100, 10_000],
  repeats: 3,
  changed: 10,
  single: 40,
  zones: [1, 3],
  dns: { services: 67_760, queries: 300_000, changes: 200 },
}
export const quickSizes: Sizes = {
  apply: [1, 100, 2_500],
  mesh: [100, 1_000],
  repeats: 2,
  changed: 10,
  single: 20,
  zones: [1, 3],
  dns: { services: 1_000, queries: 50_000, changes: 50 },
}

/** Runs every scenario, one after the other. @param progress told what begins */
export async function run(
  fresh: FreshDatabase,
  sizes: Sizes,
  progress: (what: string) => void,
): Promise<readonly Section[]> {
  progress(`apply of ${sizes.apply.join(', ')} services`)
  const apply = await applyFigures(fresh, sizes.apply)
  const idle: IdleFigures[] = []
  const elsewhere: ElsewhereFigures[] = []
  const changed: ChangedFigures[] = []
  const single: OneChangeFigures[] = []
  const repaired: RepairFigures[] = []
  const standing: StandingFigures[] = []
  const fullSync: FullSyncFigures[] = []
  const named: ChangeFigures[] = []
  const largest = Math.max(...sizes.mesh)
  for (const services of sizes.mesh) {
    progress(`a mesh of ${services} services`)
    const mesh = await meshOf(services, { fresh, countRows: true })
    try {
      progress(`idle reconnects at ${services} services`)
      elsewhere.push(await elsewhereFigures(mesh, services))
      idle.push(...(await idleFigures(mesh, services, sizes.repeats)))
      progress(`reconnect with ${sizes.changed} changes at ${services} services`)
      changed.push(await changedFigures(mesh, services, sizes.changed))
      progress(`one change at ${services} services`)
      single.push(await oneChangeFigures(mesh, services, sizes.single))
      if (services === largest) {
        progress(`full sync of ${services} services`)
        fullSync.push(await fullSyncFigures(mesh, services, fresh))
        progress('changes until their names are answered')
        named.push(await dnsChangeFigures(mesh.east, services, sizes.dns.changes))
      }
      progress(`a global of ${services} services opened, verified and read`)
      standing.push(await standingFigures(mesh, services))
      // Last: a full sync is held to no repair since the mesh began. Of a few rows there is little to find.
      if (services < 10 * sizes.changed) continue
      progress(`a repair of ${sizes.changed} rows at ${services} services`)
      repaired.push(await repairFigures(mesh, services, sizes.changed))
    } finally {
      await mesh.close()
    }
  }
  progress(`one change to ${sizes.zones.join(', ')} zones`)
  const fanOut = await fanOutFigures(fresh, sizes.zones)
  progress(`names of ${sizes.dns.services} services, asked for ${sizes.dns.queries} times`)
  const dns = await dnsFigures(sizes.dns.services, sizes.dns.queries)
  return [
    applySection(apply),
    idleSection(idle, elsewhere),
    changedSection(changed),
    oneChangeSection(single),
    repairSection(repaired),
    standingSection(standing),
    fullSyncSection(fullSync),
    fanOutSection(fanOut),
    dnsSection([dns], named),
    growthSection(seriesOf({ idle, changed, single, repaired, standing })),
  ]
}

function seriesOf(all: {
  readonly idle: readonly IdleFigures[]
  readonly changed: readonly ChangedFigures[]
  readonly single: readonly OneChangeFigures[]
  readonly repaired: readonly RepairFigures[]
  readonly standing: readonly StandingFigures[]
}): readonly Series[] {
  const series = <F extends { readonly services: number }>(
    what: string,
    figures: readonly F[],
    flat: boolean,
    of: (figures: F) => number,
  ): Series => ({ what, flat, points: figures.map((f) => ({ n: f.services, value: of(f) })) })
  return [
    series('bytes of an idle reconnect', all.idle, true, payloadBytes),
    series('statements of an idle reconnect at global', all.idle, true, (f) => total(f.global.statements)),
    series('statements of an idle reconnect in the zone', all.idle, true, (f) => total(f.zone.statements)),
    series('bytes of a reconnect with changes', all.changed, true, payloadBytes),
    series('bytes of one change', all.single, true, (f) => f.bytes),
    series('statements of one change, all three', all.single, true, ({ statements: { origin, global, other } }) =>
      [origin, global, other].reduce((sum, counts) => sum + total(counts), 0),
    ),
    series('statements of a repair at global', all.repaired, false, (f) => total(f.statements.global)),
    series('bytes of a repair', all.repaired, false, payloadBytes),
    series('ms of one change, median', all.single, false, (f) => f.p50Ms),
    series('ms until an idle reconnect is proven', all.idle, false, (f) => f.provenMs),
    series('ms to open a store', all.standing, false, (f) => f.start.tookMs),
    series('ms of vip verify', all.standing, false, (f) => f.verify.tookMs),
    series('ms of a page of 1,000', all.standing, false, (f) => f.page.tookMs),
  ]
}
