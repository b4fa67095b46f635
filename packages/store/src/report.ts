import { hash } from 'node:crypto'
import type { HoldRow, RefusedRow, Row } from './plan/types.js'
import { isZoneObject, type ZoneObject } from './plan/zone-objects.js'

/**
 * What a control plane refuses and holds of what a peer sends it, as it tells that peer. The peer cannot know it
 * otherwise for longer than a session: a refusal is its receiver's to remember.
 */
export interface Report {
  /** The oldest ones; `refusedTotal` says how many there are. */
  readonly refused: readonly ReportedRefusal[]
  readonly refusedTotal: number
  readonly holds: readonly ReportedHold[]
  /** Of global: its Zone objects that say more than that there is a zone. Zones remember them for it. */
  readonly zones?: readonly ZoneObject[] | undefined
}

export interface ReportedRefusal {
  readonly type: string
  readonly mesh: string
  /** As it is called on the wire. */
  readonly name: string
  readonly origin: string
  readonly reason: string
  readonly remembered?: string | undefined
  readonly sinceMs: number
  /** Undefined where only a plain peer knows. */
  readonly nextTryMs?: number | undefined
  readonly tries: number
  /** The receiver had nothing of that name, so nothing is kept instead. */
  readonly newcomer: boolean
}

export interface ReportedHold {
  readonly id: string
  readonly type: string
  readonly origin: string
  readonly resources: number
  readonly reason: string
  readonly sinceMs: number
}

export const reportedRefusalsMax = 100
const holdsMax = 100
const reasonMax = 500

const cut = (text: string): string => (text.length > reasonMax ? `${text.slice(0, reasonMax)}…` : text)

export const emptyReport: Report = { refused: [], refusedTotal: 0, holds: [] }

/** Bounded, and in an order that is the same every time. */
export function reportOf(
  refused: readonly RefusedRow[],
  refusedTotal: number,
  holds: readonly HoldRow[],
  unpublished: readonly Row[] = [],
): Report {
  const text = (row: RefusedRow): string => [row.type, row.mesh, row.exportName, row.channel].join('\u0000')
  const stored = [...refused]
    .sort((a, b) => a.sinceMs - b.sinceMs || (text(a) < text(b) ? -1 : 1))
    .slice(0, reportedRefusalsMax)
    .map(
      (row): ReportedRefusal => ({
        type: row.type,
        mesh: row.mesh,
        name: row.exportName,
        origin: row.origin,
        reason: cut(row.reason),
        ...(row.remembered === undefined ? {} : { remembered: cut(row.remembered) }),
        sinceMs: row.sinceMs,
        nextTryMs: row.nextTryMs,
        tries: row.tries,
        newcomer: row.newcomer,
      }),
    )
  return {
    refused: [...stored, ...unpublished.flatMap((row) => byHook(row) ?? [])].slice(0, reportedRefusalsMax),
    refusedTotal: refusedTotal + unpublished.length,
    holds: holds
      .filter((hold) => hold.state === 'held')
      .slice(0, holdsMax)
      .map(({ id, type, origin, keyCount, reason, sinceMs }) => ({
        ...{ id, type, origin, resources: keyCount, reason: cut(reason), sinceMs },
      })),
  }
}

/** Stored here and not shown to anybody: to whoever wrote it that is a refusal like any other. */
function byHook({ type, mesh, exportName, origin, form }: Row): ReportedRefusal | undefined {
  if (form === undefined) return undefined
  const { hook = '', reason, sinceMs, nextTryMs, tries, published } = form
  const what = form.state === 'refused' ? 'refuses it' : 'does not answer'
  return {
    ...{ type, mesh, name: exportName, origin, sinceMs, tries, newcomer: !published },
    reason: cut(`policy hook "${hook}" ${what}${reason === undefined ? '' : `: ${reason}`}`),
    ...(nextTryMs === undefined ? {} : { nextTryMs }),
  }
}

/** As it travels. Nothing to say is the empty text, with the empty hash. */
export function encodeReport(report: Report): { readonly hash: string; readonly body: string } {
  if (report.refusedTotal === 0 && report.holds.length === 0 && (report.zones ?? []).length === 0)
    return { hash: '', body: '' }
  const body = JSON.stringify(report)
  return { hash: hash('sha256', body).slice(0, 16), body }
}

/** Whether a peer refuses or holds anything at all. */
export const isQuiet = ({ refusedTotal, holds }: Report): boolean => refusedTotal === 0 && holds.length === 0

/** What a peer has said; empty where it cannot be read, for a peer may be of another version. */
export function decodeReport(body: string): Report {
  try {
    const { refused, refusedTotal, holds, zones } = JSON.parse(body) as Partial<Report>
    if (!Array.isArray(refused) || !Array.isArray(holds)) return emptyReport
    return {
      refused: refused.filter(isRefusal),
      refusedTotal: typeof refusedTotal === 'number' ? refusedTotal : refused.length,
      holds: holds.filter(isHold),
      ...(Array.isArray(zones) ? { zones: zones.filter(isZoneObject) } : {}),
    }
  } catch {
    return emptyReport
  }
}

const texts = (value: Readonly<Record<string, unknown>>, fields: readonly string[]): boolean =>
  fields.every((field) => typeof value[field] === 'string')
const numbers = (value: Readonly<Record<string, unknown>>, fields: readonly string[]): boolean =>
  fields.every((field) => typeof value[field] === 'number')
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const isRefusal = (value: unknown): value is ReportedRefusal =>
  isRecord(value) && texts(value, ['type', 'mesh', 'name', 'origin', 'reason']) && numbers(value, ['sinceMs', 'tries'])

const isHold = (value: unknown): value is ReportedHold =>
  isRecord(value) && texts(value, ['id', 'type', 'origin', 'reason']) && numbers(value, ['resources', 'sinceMs'])
