import pg from 'pg'
import { atMost, count, exactly, type Section } from '../report.js'
import { whileClocksStand } from '../stand/clock.js'
import { calm, type Mesh } from '../stand/mesh.js'
import { joined, left } from '../stand/plane.js'
import type { Said } from '../stand/trace.js'
import { added, type Counts, inWords, total } from '../statements.js'
import { payloadBytes } from './idle-reconnect.js'

export interface RepairFigures {
  readonly services: number
  /** Copies of another zone's services that are not what was offered. */
  readonly damaged: number
  readonly said: Said
  readonly statements: { readonly global: Counts; readonly zone: Counts }
  readonly rows: Counts
}

/** Somebody edits copies in a zone while it is away; it comes back, the proof fails, and a repair finds and brings them. */
export async function repairFigures(mesh: Mesh, services: number, damaged: number): Promise<RepairFigures> {
  const { global, east, west } = mesh
  await left(global, west)
  await left(global, east)
  await calm([global, east])
  await edited(east.url, damaged)
  const figures = await whileClocksStand(async () => {
    const looks = [global.statements.all(), east.statements.all(), await east.rows()] as const
    await joined(global, east)
    const said = east.trace.said()
    await calm([global, east])
    const statements = {
      global: added(looks[0], global.statements.all()),
      zone: added(looks[1], east.statements.all()),
    }
    return { services, damaged, said, statements, rows: added(looks[2], await east.rows()) }
  })
  await joined(global, west)
  return figures
}

/** White space, which no reader of the spec would notice. */
async function edited(url: string, damaged: number): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      `update resources set spec = spec || ' ' where (type, mesh, name) in (
         select type, mesh, name from resources where type = 'MeshService' and origin = 'west' and not deleted
         order by name limit $1)`,
      [damaged],
    )
  } finally {
    await client.end()
  }
}

const bytesMax = 24 * 1024
/** Of a type with few rows the entries are sent at once; of more, three levels of sums come first. */
const statementsMax = { global: 30, zone: 60 }
/** A service of the generator's largest sort, with labels and VIPs. */
const bytesPerRowMax = 2_048

export function repairSection(figures: readonly RepairFigures[]): Section {
  const at = (f: RepairFigures): string => `at N = ${count(f.services)}`
  return {
    id: 'repair',
    title: 'Reconnect, d copies in the zone were edited meanwhile',
    columns: ['services', 'd', 'bytes up', 'bytes down', 'round trips', 'SQL global', 'SQL zone', 'rows of resources'],
    rows: figures.map((f) => [
      count(f.services),
      count(f.damaged),
      count(f.said.payloadBytesSent),
      count(f.said.payloadBytesReceived),
      count(f.said.roundTrips),
      count(total(f.statements.global)),
      count(total(f.statements.zone)),
      count(f.rows.resources ?? 0),
    ]),
    notes: figures.map((f) => `${count(f.services)}: global: ${inWords(f.statements.global)}`),
    gates: [
      ...figures.flatMap((f) => [
        atMost(`statements at global ${at(f)}`, total(f.statements.global), statementsMax.global),
        atMost(`statements in the zone ${at(f)}`, total(f.statements.zone), statementsMax.zone),
        atMost(`bytes ${at(f)}`, payloadBytes(f), bytesMax + f.damaged * bytesPerRowMax),
        exactly(`rows of resources written ${at(f)}`, f.rows.resources ?? 0, f.damaged),
        exactly(`rows of the ledger written ${at(f)}`, f.rows.vip_ledger ?? 0, 0),
      ]),
    ],
    figures,
  }
}
