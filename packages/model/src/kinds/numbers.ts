import { z } from 'zod'
import { nanosecondsOf } from './duration.js'
import { type Finding, strict } from './finding.js'

/** A Go `uint32` whose schema says `int32`. */
export const uint32 = z.int32().min(0)

/** A whole number, or a decimal number as text: `62.5` has no other form in Kuma's schemas. */
export const intOrString = z.union([z.int32(), z.string()])

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

/** Undefined for what is no number. */
export const numberOf = (value: number | string): number | undefined =>
  typeof value === 'number' ? value : decimal.test(value) ? Number(value) : undefined

export function* percentageFindings(
  path: string,
  value: number | string | undefined,
  { zero = true }: { readonly zero?: boolean } = {},
): Iterable<Finding> {
  if (value === undefined) return
  const number = numberOf(value)
  if (number === undefined) yield strict(path, 'string must be a valid number')
  else if (number < 0 || number > 100) yield strict(path, 'must be in inclusive range [0.0, 100.0]')
  else if (number === 0 && !zero) yield strict(path, 'must be greater than 0')
}

export function* wholePercentFindings(path: string, value: number | undefined): Iterable<Finding> {
  if (value !== undefined && (value < 0 || value > 100)) yield strict(path, 'must be in inclusive range [0, 100]')
}

/** Of some members of an object: those that are 0 are named. */
export function* positiveFindings<K extends string>(
  path: string,
  values: Readonly<Partial<Record<K, number | undefined>>> | undefined,
  names: readonly K[],
): Iterable<Finding> {
  for (const name of names) if (values?.[name] === 0) yield strict(`${path}.${name}`, 'must be greater than 0')
}

export function* positiveDuration(path: string, value: string | undefined): Iterable<Finding> {
  const nanoseconds = nanosecondsOf(value)
  if (nanoseconds !== undefined && nanoseconds <= 0n) yield strict(path, 'must be greater than zero when defined')
}

export function* notNegativeDuration(path: string, value: string | undefined): Iterable<Finding> {
  const nanoseconds = nanosecondsOf(value)
  if (nanoseconds !== undefined && nanoseconds < 0n) yield strict(path, 'must not be negative when defined')
}

export function* httpStatusFindings(path: string, status: number): Iterable<Finding> {
  if (status < 100 || status > 599) yield strict(path, 'must be in inclusive range [100, 599]')
}

export function* portFindings(path: string, port: number): Iterable<Finding> {
  if (port < 1 || port > 65_535) yield strict(path, 'port must be a valid (1-65535)')
}
