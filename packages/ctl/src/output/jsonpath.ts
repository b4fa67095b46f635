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

/**
 * kubectl's template: text, and paths in braces, `{.items[*].name}{"\n"}`. A path without braces is taken as one.
 * Several values are joined by blanks, objects are JSON.
 */
export function templateText(template: string, value: unknown): string {
  const whole = template.includes('{') ? template : `{${template}}`
  const text = whole.replace(/\{\s*("(?:[^"\\]|\\.)*"|[^{}]*)\s*\}/g, (_, inner: string) =>
    inner.startsWith('"') ? (JSON.parse(inner) as string) : valuesAt(value, inner.trim()).map(plain).join(' '),
  )
  return text.endsWith('\n') ? text : `${text}\n`
}

const plain = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : value === null
      ? ''
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value)
