import { addressBytes, addressText, Problem } from '@holdfast/model'

export type Family = 4 | 6

/** A range of addresses of one family, as numbers. */
export interface Range {
  readonly family: Family
  readonly first: bigint
  readonly size: bigint
  readonly prefixBits: number
}

const widthOf = (family: Family): number => (family === 4 ? 32 : 128)

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

/** @throws Problem `invalid` for a text that is no address */
export const addressNumber = (address: string): bigint =>
  BigInt(`0x${Buffer.from(addressBytes(address)).toString('hex')}`)

/** Canonical text. */
export function addressOf(value: bigint, family: Family): string {
  if (family === 6) return addressText(Buffer.from(value.toString(16).padStart(widthOf(family) / 4, '0'), 'hex'))
  const number = Number(value)
  return `${(number >>> 24) & 255}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** Ranges that were read before: a plan reads the few of its blocks over and over again. */
const rangesRead = new Map<string, Range>()
const rangesReadMax = 1_024

/**
 * A single address is a range of one.
 * @throws Problem `invalid` for a text that is no CIDR; bits beyond the prefix are cleared
 */
export function rangeOf(cidr: string): Range {
  const known = rangesRead.get(cidr)
  if (known !== undefined) return known
  const range = readRange(cidr)
  if (rangesRead.size >= rangesReadMax) rangesRead.clear()
  rangesRead.set(cidr, range)
  return range
}

function readRange(cidr: string): Range {
  const slash = cidr.lastIndexOf('/')
  const address = slash < 0 ? cidr : cidr.slice(0, slash)
  const family = familyOf(address)
  const width = widthOf(family)
  const bits = slash < 0 ? String(width) : cidr.slice(slash + 1)
  const prefixBits = Number(bits)
  if (!/^\d{1,3}$/.test(bits) || prefixBits > width)
    throw new Problem('invalid', `"${cidr}" is no CIDR: the part after "/" must be a number from 0 to ${width}`)
  const size = 1n << BigInt(width - prefixBits)
  const value = addressNumber(address)
  return { family, first: value - (value % size), size, prefixBits }
}

export const cidrOf = ({ family, first, prefixBits }: Pick<Range, 'family' | 'first' | 'prefixBits'>): string =>
  `${addressOf(first, family)}/${prefixBits}`

export const overlap = (a: Range, b: Range): boolean =>
  a.family === b.family && a.first < b.first + b.size && b.first < a.first + a.size

export const encloses = (outer: Range, inner: Range): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.first + inner.size <= outer.first + outer.size

export const contains = (cidr: string, address: string): boolean => encloses(rangeOf(cidr), rangeOf(address))
