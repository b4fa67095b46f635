import type { HookResult } from './client.js'
import { HookFailure, printable } from './failure.js'

const reasonsMax = 20

/** Reads the JSON form of a ReviewResponse. Throws a HookFailure if it is none. */
export function readResults(answer: unknown): readonly HookResult[] {
  const results = fieldsOf(answer)?.results
  if (!Array.isArray(results)) throw new HookFailure('answers without a list of "results"')
  return results.map(readResult)
}

function readResult(result: unknown, index: number): HookResult {
  const fields = fieldsOf(result)
  const id = fields?.id
  if (fields === undefined || typeof id !== 'string')
    throw new HookFailure(`results[${index}] has no "id": repeat that of the item`)
  const outcomes = (['allowed', 'denied', 'failed'] as const).filter((name) => fieldsOf(fields[name]) !== undefined)
  const [outcome] = outcomes
  if (outcome === undefined || outcomes.length > 1)
    throw new HookFailure(`results[${index}] must have one of "allowed", "denied" and "failed", each an object`)
  const said = fieldsOf(fields[outcome]) ?? {}
  switch (outcome) {
    case 'allowed':
      return { id, outcome, ...(said.resource === undefined ? {} : { resource: said.resource }) }
    case 'denied':
      return { id, outcome, reasons: textsOf(said.reasons) }
    case 'failed':
      return { id, outcome, reason: textsOf([said.reason])[0] ?? 'without a reason' }
  }
}

/** Reasons as a person may read them, not more than one does. */
export const textsOf = (given: unknown): readonly string[] =>
  Array.isArray(given)
    ? given.slice(0, reasonsMax).flatMap((text: unknown) => (typeof text === 'string' ? [printable(text)] : []))
    : []

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined
