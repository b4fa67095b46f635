import { performance } from 'node:perf_hooks'
import { insertRows, rowsOf } from '../baseline/rows.js'
import { atMost, count, exactly, ms, ratio, type Section } from '../report.js'
import { services } from '../services.js'
import { calm, leased, seed, apply as store } from '../stand/mesh.js'
import { joined, left, openZone, startGlobal, type ZonePlane } from '../stand/plane.js'
import type { FreshDatabase } from '../stand/server.js'
import { added, type Counts, inWords, total } from '../statements.js'

export interface ApplyFigures {
  readonly services: number
  readonly statements: Counts
  readonly transactions: number
  readonly rows: Counts
  readonly elapsedMs: number
  /** The same rows into the same tables and indexes with bare bulk statements. */
  readonly bareMs: number
  readonly bareRows: number
}

/** Applies lists of these sizes, each in one request, in a zone with addresses enough. */
export async function applyFigures(fresh: FreshDatabase, sizes: readonly number[]): Promise<readonly ApplyFigures[]> {
  const counted = await zoneWithRoom(fresh, sizes, true)
  const figures: ApplyFigures[] = []
  try {
    let from = 0
    for (const size of sizes) {
      const changes = services({ seed, zone: 'east', count: size, from })
      await calm([counted])
      const before = { statements: counted.statements.all(), rows: await counted.rows() }
      await store(counted, changes)
      await calm([counted])
      const statements = added(before.statements, counted.statements.all())
      figures.push({
        services: size,
        statements,
        transactions: statements.begin ?? 0,
        rows: added(before.rows, await counted.rows()),
        ...(await timed(fresh, size)),
      })
      from += size
    }
  } finally {
    await counted.close()
  }
  return figures
}

async function timed(
  fresh: FreshDatabase,
  size: number,
): Promise<Omit<ApplyFigures, 'services' | 'statements' | 'transactions' | 'rows'>> {
  const zone = await zoneWithRoom(fresh, [size], false)
  try {
    const changes = services({ seed, zone: 'east', count: size })
    const { head } = await zone.store.status()
    const startMs = performance.now()
    await store(zone, changes)
    const elapsedMs = performance.now() - startMs
    const bare = await insertRows((await fresh()).url, await rowsOf(zone.url, { after: head.revision }))
    return { elapsedMs, bareMs: bare.elapsedMs, bareRows: bare.rows }
  } finally {
    await zone.close()
  }
}

/** A zone that has been in step once and has its blocks; then its link is taken away, so that nothing else is counted. */
async function zoneWithRoom(fresh: FreshDatabase, sizes: readonly number[], countRows: boolean): Promise<ZonePlane> {
  const options = { fresh, countRows }
  const global = await startGlobal({ fresh, countRows: false })
  const zone = await openZone('east', options)
  try {
    await joined(global, zone)
    await leased(
      global,
      zone,
      sizes.reduce((sum, size) => sum + size, 0),
    )
    await left(global, zone)
  } finally {
    await global.close()
  }
  return zone
}

/** Rows in one statement; a request of n services writes each of its tables n / batch times. */
const batch = 2_000
/** Statements that write in each batch: ledger and history (a row per family of addresses each), replaced names, rows. */
const writesPerBatch = 2 + 2 + 1 + 1
const statementsOfOne = 24

export function applySection(figures: readonly ApplyFigures[]): Section {
  return {
    id: 'apply',
    title: 'Apply in a zone, one request',
    columns: ['services', 'statements', 'transactions', 'rows', 'time', 'bare SQL', 'ratio'],
    rows: figures.map((f) => [
      count(f.services),
      count(total(f.statements)),
      count(f.transactions),
      count(total(f.rows)),
      ms(f.elapsedMs),
      ms(f.bareMs),
      ratio(f.elapsedMs / f.bareMs),
    ]),
    notes: figures.flatMap((f) => [
      `${count(f.services)}: ${inWords(f.statements)}`,
      `${' '.repeat(count(f.services).length)}  rows: ${inWords(f.rows)}`,
    ]),
    gates: figures.flatMap((f) => [
      atMost(
        `statements at n = ${count(f.services)}`,
        total(f.statements),
        statementsOfOne + writesPerBatch * Math.ceil(f.services / batch),
      ),
      exactly(`rows of resources at n = ${count(f.services)}`, f.rows.resources ?? 0, f.services),
      exactly(`rows of the ledger at n = ${count(f.services)}, two families`, f.rows.vip_ledger ?? 0, 2 * f.services),
    ]),
    figures,
  }
}
