import { z } from 'zod'
import { written } from './schema.js'

/** Nanoseconds, as Go keeps them: 64 bits, so about 292 years. */
export type Nanoseconds = bigint

type Parsed = { readonly nanoseconds: Nanoseconds } | { readonly reason: string }

const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const most = 2n ** 63n - 1n

/** A duration as Go writes and reads them (`1h30m`, `250ms`, `0`), with Go's reasons for what is none. */
export function parseDuration(text: string): Parsed {
  const invalid = { reason: `time: invalid duration ${JSON.stringify(text)}` }
  const [, sign = '', rest = ''] = /^([-+]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return { nanoseconds: 0n }
  if (rest === '') return invalid
  let sum = 0n
  for (let at = 0; at < rest.length; ) {
    const [whole = '', integer = '', fraction = '', unit = ''] =
      /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest.slice(at)) ?? []
    if (integer === '' && fraction === '') return invalid
    if (unit === '') return { reason: `time: missing unit in duration ${JSON.stringify(text)}` }
    const size = unitNanoseconds[unit]
    if (size === undefined)
      return { reason: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` }
    // More digits than any unit has nanoseconds say nothing.
    const digits = fraction.slice(0, 18)
    sum += BigInt(integer || '0') * size + (BigInt(digits || '0') * size) / 10n ** BigInt(digits.length)
    if (sum > most) return invalid
    at += whole.length
  }
  return { nanoseconds: sign === '-' ? -sum : sum }
}

/** The one form of a duration: `1h0m0s`, `1.5s`, `250ms`, `0s`. */
export function durationText(nanoseconds: Nanoseconds): string {
  if (nanoseconds === 0n) return '0s'
  const sign = nanoseconds < 0n ? '-' : ''
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds
  const decimal = (unit: bigint): string => {
    const digits = String(size % unit).padStart(String(unit).length - 1, '0')
    const fraction = unit === 1n ? '' : digits.replace(/0+$/, '')
    return `${size / unit}${fraction === '' ? '' : `.${fraction}`}`
  }
  if (size < 1_000n) return `${sign}${size}ns`
  if (size < 1_000_000n) return `${sign}${decimal(1_000n)}µs`
  if (size < 1_000_000_000n) return `${sign}${decimal(1_000_000n)}ms`
  const minutes = size / 60_000_000_000n
  const seconds = size % 60_000_000_000n
  const fraction = String(seconds % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  const secondsText = `${seconds / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`
  const hours = minutes / 60n
  const minutesText = minutes > 0n ? `${minutes % 60n}m` : ''
  return `${sign}${hours > 0n ? `${hours}h` : ''}${minutesText}${secondsText}`
}

/** A field that holds a duration; stored in the one form. */
export const duration = written(
  z.string().check((context) => {
    const parsed = parseDuration(context.value)
    if ('reason' in parsed) context.issues.push({ code: 'custom', message: parsed.reason, input: context.value })
  }),
  (value) => {
    const parsed = typeof value === 'string' ? parseDuration(value) : undefined
    return parsed !== undefined && 'nanoseconds' in parsed ? durationText(parsed.nanoseconds) : value
  },
)

/** Of a field that fits its schema; undefined where there is none. */
export function nanosecondsOf(text: string | undefined): Nanoseconds | undefined {
  const parsed = text === undefined ? undefined : parseDuration(text)
  return parsed !== undefined && 'nanoseconds' in parsed ? parsed.nanoseconds : undefined
}
