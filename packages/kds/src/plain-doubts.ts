import { plainBackoffMaxMs, plainBackoffMs, plainRefusedMax } from './constants.js'
import type { Doubt, PlainSenderState } from './plain-sender-state.js'
import { withEntry, without } from './step.js'

type Doubts = ReadonlyMap<string, Doubt>
const none: Doubts = new Map()

/**
 * A NACK puts everything of its response in doubt, up to a bound; the oldest are forgotten first. The back-off is the
 * key's own and grows only while the same version is refused: one that keeps changing delays nobody else.
 */
export function doubted(
  s: PlainSenderState,
  resourceType: string,
  sent: ReadonlyMap<string, string>,
  reason: string,
  nowMs: number,
): PlainSenderState {
  const doubts = new Map(s.doubts.get(resourceType) ?? none)
  for (const [key, version] of sent) {
    const before = doubts.get(key)
    const again = before?.version === version ? before : undefined
    const tries = (again?.tries ?? 0) + 1
    const retryAtMs = nowMs + Math.min(plainBackoffMs * 2 ** (tries - 1), plainBackoffMaxMs)
    doubts.delete(key)
    doubts.set(key, { version, tries, sinceMs: again?.sinceMs ?? nowMs, reason, retryAtMs })
  }
  return withDoubts(s, resourceType, new Map([...doubts].slice(-plainRefusedMax)))
}

const withDoubts = (s: PlainSenderState, resourceType: string, doubts: Doubts): PlainSenderState => ({
  ...s,
  doubts: doubts.size === 0 ? without(s.doubts, resourceType) : withEntry(s.doubts, resourceType, doubts),
})

/** An ACK clears what it acknowledges, whichever version was refused before. */
export function cleared(
  s: PlainSenderState,
  resourceType: string,
  sent: ReadonlyMap<string, string>,
): PlainSenderState {
  const doubts = s.doubts.get(resourceType)
  if (doubts === undefined) return s
  return withDoubts(s, resourceType, new Map([...doubts].filter(([key]) => !sent.has(key))))
}

/** Refused in this very version, and the back-off has not passed: not offered now. */
export const isDoubted = (doubts: Doubts | undefined, key: string, version: string): boolean =>
  doubts?.get(key)?.version === version

/** Keys whose back-off has passed, by type. Their time is moved on at once, so that one look asks once. */
export function due(s: PlainSenderState, nowMs: number): PlainSenderState {
  let now = s
  for (const [resourceType, doubts] of s.doubts) {
    const ready = [...doubts].filter(([, doubt]) => nowMs >= doubt.retryAtMs)
    if (ready.length === 0) continue
    const asked = new Map(ready.map(([key, doubt]) => [key, { ...doubt, retryAtMs: nowMs + plainBackoffMaxMs }]))
    now = withDoubts(now, resourceType, new Map([...doubts, ...asked]))
    now = { ...now, retries: [...now.retries, { resourceType, keys: [...asked.keys()] }] }
  }
  return now
}
