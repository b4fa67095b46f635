import { isTooDeep, type Json, type JsonResult } from '../kinds/json.js'

/** A value that came from a reader of JSON or YAML, if it is one that JSON can say. */
export function jsonOf(value: unknown): JsonResult {
  if (!isJson(value, 0))
    return { outcome: 'unreadable', reason: 'holds values that JSON cannot say, or too many levels' }
  return isTooDeep(value)
    ? { outcome: 'unreadable', reason: 'holds values that JSON cannot say, or too many levels' }
    : { outcome: 'read', value }
}

const levelsMax = 200

function isJson(value: unknown, level: number): value is Json {
  if (level > levelsMax) return false
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      if (value === null) return true
      return Array.isArray(value)
        ? value.every((each) => isJson(each, level + 1))
        : isPlain(value) && Object.values(value).every((each) => isJson(each, level + 1))
    default:
      return false
  }
}

const isPlain = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value))
