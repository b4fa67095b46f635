import { hash } from 'node:crypto'
import type { Origin } from '@holdfast/model'
import { originWords } from './keys.js'
import type { Vanishing } from './loaded.js'

/** More than this many (or this share, whichever is more) of a type and origin may not go by absence in one window. */
export interface HoldThreshold {
  readonly count: number
  /** Between 0 and 1, of what there was. */
  readonly share: number
}

/** By type; `default` for the types that are not named. A mesh and a whole list are held whatever stands here. */
export type HoldThresholds = Readonly<Record<string, HoldThreshold>>

export const holdThresholdDefault: HoldThreshold = { count: 10, share: 0.2 }
export const vanishingWindowMs = 600_000
/** A plain Kuma peer's whole list may be short for a moment; what is missing goes after this long on a healthy stream. */
export const absentGraceMs = 60_000

export interface Absence {
  readonly type: string
  readonly origin: Origin
  /** Rows that would go now. */
  readonly going: number
  readonly counts: Vanishing
  /** The sender's log is the one that our cursor stands in. */
  readonly sameEpoch: boolean
  /** A list of length zero, or all that there is. */
  readonly wholeList: boolean
  readonly thresholds?: HoldThresholds | undefined
}

/**
 * Whether what is absent may be deleted (EMPTY, HOLD), and if not, why not. Absence proves something only within one
 * log; a mesh, a whole list and a mass of anything wait for an operator.
 */
export function holdReason(absence: Absence): string | undefined {
  const { type, origin, going, counts } = absence
  const of = `${type} of ${originWords(origin)}`
  if (!absence.sameEpoch) return `${going} ${of} absent after a change of the sender's log: it may have lost them`
  if (type === 'Mesh') return `${going} ${of} absent: a mesh is deleted only by an explicit removal`
  if (absence.wholeList) return `all ${going} ${of} absent: an empty list is no statement`
  const total = counts.live + counts.vanished
  const { count, share } = absence.thresholds?.[type] ?? absence.thresholds?.default ?? holdThresholdDefault
  const max = Math.max(count, Math.floor(share * total))
  const vanished = counts.vanished + counts.keptLately + going
  return vanished > max
    ? `${vanished} of ${total} ${of} absent within 10 minutes, at most ${max} go without an operator`
    : undefined
}

/** Names a hold, as a UUID: one per peer, type, origin and moment. */
export function holdId(peer: string, type: string, origin: Origin, nowMs: number): string {
  const digits = hash('sha256', JSON.stringify(['hold', peer, type, origin, nowMs]))
  // Version 8: made by rules of our own.
  const text = `${digits.slice(0, 12)}8${digits.slice(13, 16)}8${digits.slice(17, 32)}`
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
