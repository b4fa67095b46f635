import { performance } from 'node:perf_hooks'
import { insertRows, rowsOf } from '../baseline/rows.js'
import { bareStreamMs } from '../baseline/stream.js'
import { atMost, count, exactly, ms, ratio, type Section } from '../report.js'
import { calm, type Mesh, serviceCount } from '../stand/mesh.js'
import { joined, left, openZone, type Plane } from '../stand/plane.js'
import type { FreshDatabase } from '../stand/server.js'
import type { Said } from '../stand/trace.js'
import { added, type Counts, inWords, total } from '../statements.js'

export interface FullSyncFigures {
  readonly services: number
  readonly arrived: number
  readonly said: Said
  readonly statements: { readonly global: Counts; readonly zone: Counts }
  readonly elapsedMs: number
  readonly bareStreamMs: number
  readonly bareSqlMs: number
  readonly bareRows: number
  /** Statements of a repair in any of the databases since the mesh began: a proof did not agree somewhere. */
  readonly repairs: number
}

/** What only a repair asks. */
const ofRepair = ['view buckets', 'repair parts', 'offered buckets', 'offered entries']
const repairsOf = (planes: readonly Plane[]): number =>
  planes.reduce((sum, { statements }) => sum + ofRepair.reduce((all, name) => all + statements.count(name), 0), 0)

/** A zone that has nothing joins a mesh of so many services, and is proven to hold all of them. */
export async function fullSyncFigures(mesh: Mesh, services: number, fresh: FreshDatabase): Promise<FullSyncFigures> {
  const { global } = mesh
  await calm([global])
  const zone = await openZone('north', { fresh, countRows: false })
  try {
    const looks = [global.statements.all(), zone.statements.all()] as const
    const startMs = performance.now()
    await joined(global, zone)
    const elapsedMs = performance.now() - startMs
    const said = zone.trace.said()
    const statements = {
      global: added(looks[0], global.statements.all()),
      zone: added(looks[1], zone.statements.all()),
    }
    const arrived = await serviceCount(zone)
    await left(global, zone)
    const bare = await insertRows((await fresh()).url, await rowsOf(zone.url))
    const streamMs = await bareStreamMs(said.payloadBytesReceived, said.messagesReceived)
    return {
      services,
      arrived,
      said,
      statements,
      elapsedMs,
      bareStreamMs: streamMs,
      bareSqlMs: bare.elapsedMs,
      bareRows: bare.rows,
      repairs: repairsOf([global, mesh.east, mesh.west, zone]),
    }
  } finally {
    await zone.close()
  }
}

/** A page of a mebibyte is a commit or two at the zone, in batches of 2,000 rows, and wakes what looks at the log. */
const statementsPerPage = 60
/** Pools, blocks and the mesh come first, each type in a commit of its own. */
const statementsBeside = 160
const pageBytes = 1024 * 1024

export function fullSyncSection(figures: readonly FullSyncFigures[]): Section {
  const statementsMax = (f: FullSyncFigures): number =>
    statementsBeside + statementsPerPage * Math.ceil(f.said.payloadBytesReceived / pageBytes)
  return {
    id: 'full-sync',
    title: 'Full sync of a new zone',
    columns: [
      ...['services', 'bytes down', 'messages', 'SQL global', 'SQL zone', 'time', 'bare stream', 'bare SQL', 'ratio'],
    ],
    rows: figures.map((f) => [
      count(f.services),
      count(f.said.payloadBytesReceived),
      count(f.said.messagesSent + f.said.messagesReceived),
      count(total(f.statements.global)),
      count(total(f.statements.zone)),
      ms(f.elapsedMs),
      ms(f.bareStreamMs),
      ms(f.bareSqlMs),
      ratio(f.elapsedMs / (f.bareStreamMs + f.bareSqlMs)),
    ]),
    notes: figures.flatMap((f) => [
      `global: ${inWords(f.statements.global)}`,
      `zone: ${inWords(f.statements.zone)}`,
      `bare SQL inserted the ${count(f.bareRows)} rows that the zone keeps`,
    ]),
    gates: figures.flatMap((f) => [
      exactly('services that arrived', f.arrived, f.services),
      exactly('statements of a repair, here and while the mesh was filled', f.repairs, 0),
      atMost('statements at global', total(f.statements.global), statementsMax(f)),
      atMost('statements in the zone', total(f.statements.zone), statementsMax(f)),
    ]),
    figures,
  }
}
