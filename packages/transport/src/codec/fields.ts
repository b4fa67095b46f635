import { hex, Problem } from '@holdfast/model'

/**
 * Strict readers of single fields. They throw a Problem `invalid` that names the field and the value; the codec's entry
 * points turn it into a violation, so nothing a peer says gets further than this.
 */
export const malformed = (path: string, message: string, cause?: unknown): Problem =>
  new Problem('invalid', `${path} ${message}`, { cause, violations: [{ path, message }] })

/** A sub-message that must be there. */
export function required<T>(path: string, value: T | undefined): T {
  if (value === undefined) throw malformed(path, 'is missing')
  return value
}

/** Text that must not be empty. */
export function named(path: string, value: string): string {
  if (value === '') throw malformed(path, 'is empty')
  return value
}

/** Lowercase hex of exactly so many bytes. */
export function hexOf(path: string, bytes: Uint8Array, length: number): string {
  if (bytes.length !== length) throw malformed(path, `must have ${length} bytes, not ${bytes.length}`)
  return hex(bytes)
}

/** The reverse of `hexOf`. Our own side is strict too: a shortened hash would be believed by the peer. */
export function bytesOfHex(path: string, text: string, length: number): Uint8Array {
  if (text.length !== 2 * length || !/^[0-9a-f]*$/.test(text))
    throw malformed(path, `must be ${2 * length} lowercase hex digits, not "${shown(text)}"`)
  return Buffer.from(text, 'hex')
}

/** A count or revision: JavaScript counts exactly up to 2^53. */
export function countOf(path: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw malformed(path, `must be between 0 and ${Number.MAX_SAFE_INTEGER}, not ${value}`)
  return Number(value)
}

export function oneOf<T extends string>(path: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw malformed(path, `must be one of ${allowed.join(', ')}, not "${shown(value)}"`)
  return found
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const isUuid = (text: string): boolean => uuidPattern.test(text)

export function uuidOf(path: string, bytes: Uint8Array): string {
  const digits = hexOf(path, bytes, 16)
  return [8, 12, 16, 20].reduceRight((text, at) => `${text.slice(0, at)}-${text.slice(at)}`, digits)
}

export function bytesOfUuid(path: string, text: string): Uint8Array {
  if (!isUuid(text)) throw malformed(path, `must be a lowercase UUID, not "${shown(text)}"`)
  return bytesOfHex(path, text.replaceAll('-', ''), 16)
}

/** What a peer wrote, cut to what fits into a line of log. */
export const shown = (value: string): string => (value.length > 80 ? `${value.slice(0, 80)}…` : value)
