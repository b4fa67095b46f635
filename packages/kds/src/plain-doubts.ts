import { plainBackoffMaxMs, plainBackoffMs, plainRefusedMax } from './constants.js'
import type { Doubt, PlainSenderState } from './plain-sender-state.js'
import { withEntry, without } from './step.js'

type Versions = ReadonlyMap<string, string>

/** A NACK puts everything of its response in doubt, up to a bound; the oldest are forgotten first. */
export function doubted(s: PlainSenderState, resourceType: string, sent: Versions, nowMs: number): PlainSenderState {
  const before = s.doubts.get(resourceType)
  const tries = (before?.tries ?? 0) + 1
  const merged = [...new Map([...(before?.versions ?? []), ...sent])]
  const versions = new Map(merged.slice(-plainRefusedMax))
  const retryAtMs = nowMs + Math.min(plainBackoffMs * 2 ** (tries - 1), plainBackoffMaxMs)
  return { ...s, doubts: withEntry(s.doubts, resourceType, { versions, tries, retryAtMs }) }
}

/** An ACK clears what it acknowledges, whichever version was refused before. */
export function cleared(s: PlainSenderState, resourceType: string, sent: Versions): PlainSenderState {
  const doubt = s.doubts.get(resourceType)
  if (doubt === undefined) return s
  const versions = new Map([...doubt.versions].filter(([key]) => !sent.has(key)))
  const doubts =
    versions.size === 0 ? without(s.doubts, resourceType) : withEntry(s.doubts, resourceType, { ...doubt, versions })
  return { ...s, doubts }
}

/** Refused in this very version, and the back-off has not passed: not offered now. */
export const isDoubted = (doubt: Doubt | undefined, key: string, version: string): boolean =>
  doubt?.versions.get(key) === version

/** Types whose back-off has passed. The time is moved on at once, so that one look asks once. */
export function due(s: PlainSenderState, nowMs: number): PlainSenderState {
  const types = [...s.doubts].filter(([type, d]) => nowMs >= d.retryAtMs && !s.retries.includes(type))
  if (types.length === 0) return s
  const doubts = new Map(s.doubts)
  for (const [type, doubt] of types) doubts.set(type, { ...doubt, retryAtMs: nowMs + plainBackoffMaxMs })
  return { ...s, doubts, retries: [...s.retries, ...types.map(([type]) => type)] }
}
