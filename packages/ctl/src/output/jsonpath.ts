import { JSONPath } from 'jsonpath-plus'
import { usageError } from '../io.js'

const prefix = 'jsonpath='

/** The expression of `-o jsonpath=EXPRESSION`; undefined for another format. */
export const expressionOf = (format: string): string | undefined =>
  format.startsWith(prefix) ? format.slice(prefix.length) : undefined

/** Values at a path such as `spec.ports[0].port` or `$.items[*].name`. Scripts within a path are not run. */
export function valuesAt(value: unknown, path: string): readonly unknown[] {
  try {
    const found: unknown = JSONPath({
      path: path.startsWith('$') ? path : `$${/^[.[]/.test(path) ? '' : '.'}${path}`,
      json: value as object,
      eval: 'safe',
      wrap: true,
    })
    return Array.isArray(found) ? found : []
  } catch (error) {
    throw usageError(`the path ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`)
  }
}

const inBraces = /\{\s*("(?:[^"\\]|\\.)*"|[^{}]*?)\s*\}/
const range = /^range\s+/

/**
 * kubectl's template: text, and paths in braces, `{.items[*].name}{"\n"}`; `{range .items[*]}…{end}` for each of them. A path
 * without braces is taken as one. Several values are joined by blanks, objects are JSON.
 */
export function templateText(template: string, value: unknown): string {
  const whole = template.includes('{') ? template : `{${template}}`
  // Text and what stands in braces, one after the other.
  const pieces = whole.split(inBraces)
  if (pieces.some((text, at) => at % 2 === 0 && /[{}]/.test(text)))
    throw usageError(`the template ${JSON.stringify(template)} has a brace without its other one`)
  const inner = pieces.filter((_, at) => at % 2 === 1)
  if (!isBalanced(inner))
    throw usageError(`the template ${JSON.stringify(template)} has not an {end} for each {range PATH}`)
  const text = filled(pieces, value)
  return text.endsWith('\n') ? text : `${text}\n`
}

const opens = (inner: string): number => (range.test(inner) ? 1 : inner === 'end' ? -1 : 0)

function isBalanced(inner: readonly string[]): boolean {
  let depth = 0
  for (const each of inner) {
    depth += opens(each)
    if (depth < 0) return false
  }
  return depth === 0
}

/** Of `pieces` those at odd places stand in braces. */
function filled(pieces: readonly string[], value: unknown): string {
  let text = ''
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at] ?? ''
    if (at % 2 === 0) text += piece
    else if (piece.startsWith('"')) text += JSON.parse(piece) as string
    else if (range.test(piece)) {
      const end = endOf(pieces, at)
      const inside = pieces.slice(at + 1, end)
      text += valuesAt(value, piece.replace(range, ''))
        .map((each) => filled(inside, each))
        .join('')
      at = end
    } else text += valuesAt(value, piece).map(plain).join(' ')
  }
  return text
}

function endOf(pieces: readonly string[], begin: number): number {
  for (let at = begin, depth = 0; at < pieces.length; at += 2) {
    depth += opens(pieces[at] ?? '')
    if (depth === 0) return at
  }
  return pieces.length
}

const plain = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : value === null
      ? ''
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value)
