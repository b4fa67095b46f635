import { isTooDeep, type Json, type JsonResult, tooDeepReason } from '../kinds/json.js'

/** A value that came from a reader of JSON or YAML, if it is one that JSON can say. */
export function jsonOf(value: unknown): JsonResult {
  const reason = jsonProblem(value, 0) ?? (isTooDeep(value as Json) ? tooDeepReason : undefined)
  return reason === undefined ? { outcome: 'read', value: value as Json } : { outcome: 'unreadable', reason }
}

/** So that what holds itself comes to an end. */
const levelsMax = 200

const strange = 'holds a value that JSON cannot say'

/** Undefined for what JSON can say, as far as these levels go. */
function jsonProblem(value: unknown, level: number): string | undefined {
  if (level > levelsMax) return tooDeepReason
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : strange
    case 'object': {
      if (value === null) return undefined
      if (!Array.isArray(value) && !isPlain(value)) return strange
      for (const each of Object.values(value)) {
        const problem = jsonProblem(each, level + 1)
        if (problem !== undefined) return problem
      }
      return undefined
    }
    default:
      return strange
  }
}

const isPlain = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value))
