import { hash } from 'node:crypto'
import { addressOf, type Range, rangeOf } from './address.js'
import { probesMax } from './constants.js'
import { type Owner, ownerBytes, ownerText } from './owner.js'

/** First and last addresses of a block mean something to routers and to some hosts. */
export const isUsable = (range: Range, offset: bigint): boolean =>
  offset !== 0n && !(range.family === 4 && offset === range.size - 1n)

/**
 * The addresses of a block in the order in which an owner would like them: double hashing over its key. The same key and
 * block give the same sequence for ever, so a ledger that was lost mostly comes back by itself.
 */
export function candidates(owner: Owner, cidr: string): Iterable<string> {
  return known.get(knownText(owner, cidr)) ?? sequence(owner, cidr)
}

/** All of them: who has any of these is read first, and then one of them is chosen. */
export function allCandidates(owner: Owner, cidr: string): readonly string[] {
  const key = knownText(owner, cidr)
  const before = known.get(key)
  if (before !== undefined) return before
  const all = [...sequence(owner, cidr)]
  if (known.size >= knownMax) known.clear()
  known.set(key, all)
  return all
}

/** Sequences that were asked for as a whole: what is read for a plan is computed again by the plan. */
const known = new Map<string, readonly string[]>()
const knownMax = 512
const knownText = (owner: Owner, cidr: string): string => `${cidr}\u0000${ownerText(owner)}`

function* sequence(owner: Owner, cidr: string): Iterable<string> {
  const range = rangeOf(cidr)
  const digits = hash('sha256', ownerBytes(owner))
  const start = BigInt(`0x${digits.slice(0, 16)}`)
  // Odd, hence coprime with the size of a block, which is a power of two: no address is probed twice.
  const stride = BigInt(`0x${digits.slice(16, 32)}`) | 1n
  for (let i = 0n; i < BigInt(probesMax) && i < range.size; i++) {
    const offset = (start + i * stride) % range.size
    if (isUsable(range, offset)) yield addressOf(range.first + offset, range.family)
  }
}
