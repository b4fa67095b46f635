/** What JSON can say. Objects may have any own key, `__proto__` included. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** Deeper than any resource is; what recurses over a value after this check cannot run out of stack. */
const depthMax = 100
export const tooDeepReason = `nested deeper than ${depthMax} levels`

export type JsonResult =
  | { readonly outcome: 'read'; readonly value: Json }
  | { readonly outcome: 'unreadable'; readonly reason: string }

/** Reads one JSON text. The reason says what is wrong and, as far as the platform tells, where. */
export function parseJson(text: string): JsonResult {
  try {
    const value: Json = JSON.parse(text)
    // Each level has two brackets: most texts are too short to be deep.
    return text.length > 2 * depthMax && isTooDeep(value)
      ? { outcome: 'unreadable', reason: tooDeepReason }
      : { outcome: 'read', value }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    // Go's words for the commonest mistake, which clients know.
    return {
      outcome: 'unreadable',
      reason: isAtEnd(reason, text) ? 'unexpected end of JSON input' : reason,
    }
  }
}

/** Platforms name this mistake in many ways; what they have in common is the position. */
function isAtEnd(reason: string, text: string): boolean {
  const position = /at position (\d+)/.exec(reason)?.[1]
  return /^Unexpected end|^Unterminated/.test(reason) || (position !== undefined && Number(position) >= text.length)
}

/** Without recursion, for this is what makes recursion safe. */
export function isTooDeep(value: Json): boolean {
  let level: readonly Json[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return true
    level = level.flatMap((each): readonly Json[] =>
      isJsonArray(each) ? each : isJsonObject(each) ? Object.values(each) : [],
    )
  }
  return false
}

export const isJsonArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)

export const isJsonObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value of an own key: `obj.constructor` is not a field. */
export const fieldOf = (value: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(value, key) ? value[key] : undefined

/** JSON's word for what a value is. */
export function jsonTypeOf(value: Json): 'null' | 'array' | 'object' | 'string' | 'number' | 'boolean' {
  if (value === null) return 'null'
  if (isJsonArray(value)) return 'array'
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    default:
      return 'object'
  }
}

/** As Go's encoder writes text: these characters escaped, so that equal values are equal bytes in either program. */
export const jsonText = (text: string): string =>
  JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Keys in the order of their UTF-8 bytes, as Go writes maps. */
export const sortedKeys = (value: JsonObject): readonly string[] =>
  Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8')))

/** Compact text with sorted keys: equal values, equal text. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return jsonText(value)
  if (isJsonArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (isJsonObject(value))
    return `{${sortedKeys(value)
      .map((key) => `${jsonText(key)}:${canonicalJson(fieldOf(value, key) ?? null)}`)
      .join(',')}}`
  return JSON.stringify(value)
}

/** `a.b[0]["odd key"]`, as errors name places. */
export const joinPath = (base: string, ...parts: readonly PropertyKey[]): string =>
  parts.reduce<string>((path, part) => {
    if (typeof part === 'number') return `${path}[${part}]`
    const key = String(part)
    if (!/^[\w$@-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`
    return path === '' ? key : `${path}.${key}`
  }, base)

/** Paths of whole numbers that JSON numbers cannot hold exactly: to keep them would be to change them silently. */
export function inexactNumbers(value: Json, path: string): readonly string[] {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value) ? [path] : []
  if (isJsonArray(value)) return value.flatMap((each, index) => inexactNumbers(each, joinPath(path, index)))
  if (isJsonObject(value))
    return Object.entries(value).flatMap(([key, each]) => inexactNumbers(each, joinPath(path, key)))
  return []
}
