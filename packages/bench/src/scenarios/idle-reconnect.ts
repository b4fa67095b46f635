import { performance } from 'node:perf_hooks'
import { atMost, count, exactly, ms, type Section, theSame } from '../report.js'
import { whileClocksStand } from '../stand/clock.js'
import { calm, type Mesh } from '../stand/mesh.js'
import { joined, left, type Plane, viewAtGlobal } from '../stand/plane.js'
import type { Said } from '../stand/trace.js'
import { added, type Counts, clockedTable, inWords, total } from '../statements.js'

export interface SideFigures {
  readonly statements: Counts
  /** Rows of the tables in which a connection is recorded. */
  readonly bookkeepingRows: Counts
  /** Rows of all other tables. */
  readonly rows: Counts
}

export interface IdleFigures {
  readonly services: number
  readonly said: Said
  /** From dialling until both ends are proven equal. */
  readonly provenMs: number
  readonly global: SideFigures
  readonly zone: SideFigures
}

/** What a zone that stays connected has of another zone's reconnect. */
export interface ElsewhereFigures {
  readonly services: number
  /** Resources and removals that global sent it. */
  readonly sent: number
  readonly rows: Counts
}

const bookkeeping = new Set(['sessions', 'session_fence', 'heartbeats', 'cursors'])

/** One zone leaves and comes back while another one stays. Afterwards both have caught up with all of global's log. */
export async function elsewhereFigures({ global, east, west }: Mesh, services: number): Promise<ElsewhereFigures> {
  const sent = (): number => (viewAtGlobal(global, west.name)?.channels ?? []).reduce((sum, c) => sum + c.sent, 0)
  await calm([global, east, west])
  const before = { sent: sent(), rows: (await since(nothing, west)).rows }
  await left(global, east)
  await joined(global, east)
  await calm([global, east, west])
  return {
    services,
    sent: sent() - before.sent,
    rows: added(before.rows, (await since(nothing, west)).rows),
  }
}

/**
 * The zone leaves and comes back, and nothing has changed meanwhile. No other zone is connected: what another session
 * does by the clock would be counted as if it belonged here.
 */
export async function idleFigures(mesh: Mesh, services: number, repeats: number): Promise<readonly IdleFigures[]> {
  const { global, east, west } = mesh
  await left(global, west)
  const figures: IdleFigures[] = []
  for (let i = 0; i < repeats; i++) {
    await left(global, east)
    await calm([global, east])
    const looks = [await look(global), await look(east)] as const
    figures.push(
      await whileClocksStand(async () => {
        const startMs = performance.now()
        await joined(global, east)
        const provenMs = performance.now() - startMs
        const said = east.trace.said()
        await calm([global, east])
        const [atGlobal, inZone] = [await since(looks[0], global), await since(looks[1], east)]
        return { services, said, provenMs, global: atGlobal, zone: inZone }
      }),
    )
  }
  await joined(global, west)
  return figures
}

interface Look {
  readonly statements: Counts
  readonly rows: Counts
}

const nothing: Look = { statements: {}, rows: {} }

const look = async (plane: Plane): Promise<Look> => ({ statements: plane.statements.all(), rows: await plane.rows() })

async function since(before: Look, plane: Plane): Promise<SideFigures> {
  const now = await look(plane)
  const rows = Object.entries(added(before.rows, now.rows)).filter(([table]) => table !== clockedTable)
  return {
    statements: added(before.statements, now.statements),
    bookkeepingRows: Object.fromEntries(rows.filter(([table]) => bookkeeping.has(table))),
    rows: Object.fromEntries(rows.filter(([table]) => !bookkeeping.has(table))),
  }
}

export const payloadBytes = ({ said }: { readonly said: Said }): number =>
  said.payloadBytesSent + said.payloadBytesReceived

const bytesMax = 2_048

/** On each side, what the clock asks for apart. */
const statementsMax = 20

/** The proof carries the count and the revision: longer numbers take a byte more each. */
const bytesMoreMax = 16

/**
 * @param figures several reconnects for each of several numbers of services
 * @param elsewhere one for each number of services
 */
export function idleSection(figures: readonly IdleFigures[], elsewhere: readonly ElsewhereFigures[]): Section {
  const [first] = figures
  const most = (of: (f: IdleFigures) => number): number => Math.max(...figures.map(of))
  return {
    id: 'idle-reconnect',
    title: 'Reconnect, nothing changed',
    columns: [
      ...['services', 'bytes up', 'bytes down', 'messages', 'round trips', 'SQL global', 'SQL zone'],
      ...['rows', 'bookkeeping rows', 'proven after'],
    ],
    rows: figures.map((f) => [
      count(f.services),
      count(f.said.payloadBytesSent),
      count(f.said.payloadBytesReceived),
      count(f.said.messagesSent + f.said.messagesReceived),
      count(f.said.roundTrips),
      count(total(f.global.statements)),
      count(total(f.zone.statements)),
      count(total(f.global.rows) + total(f.zone.rows)),
      count(total(f.global.bookkeepingRows) + total(f.zone.bookkeepingRows)),
      ms(f.provenMs),
    ]),
    notes:
      first === undefined
        ? []
        : [`global: ${inWords(first.global.statements)}`, `zone: ${inWords(first.zone.statements)}`],
    gates: [
      atMost('payload bytes in both directions', most(payloadBytes), bytesMax),
      atMost(
        'bytes more at the largest N than at the smallest',
        most(payloadBytes) - Math.min(...figures.map(payloadBytes)),
        bytesMoreMax,
      ),
      atMost(
        'round trips',
        most((f) => f.said.roundTrips),
        1,
      ),
      exactly(
        'rows but those of the bookkeeping',
        most((f) => total(f.global.rows) + total(f.zone.rows)),
        0,
      ),
      exactly('resources sent to a zone that stayed', Math.max(...elsewhere.map((e) => e.sent)), 0),
      exactly('rows written in a zone that stayed', Math.max(...elsewhere.map((e) => total(e.rows))), 0),
      atMost(
        'statements at global',
        most((f) => total(f.global.statements)),
        statementsMax,
      ),
      atMost(
        'statements in the zone',
        most((f) => total(f.zone.statements)),
        statementsMax,
      ),
      theSame(
        'statements at global, whatever N',
        figures.map((f) => inWords(f.global.statements)),
      ),
      theSame(
        'statements in the zone, whatever N',
        figures.map((f) => inWords(f.zone.statements)),
      ),
      theSame(
        'bookkeeping rows, whatever N',
        figures.map((f) => `${inWords(f.global.bookkeepingRows)}; ${inWords(f.zone.bookkeepingRows)}`),
      ),
    ],
    figures: { reconnects: figures, elsewhere },
  }
}
