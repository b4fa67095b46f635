import { hash } from 'node:crypto'
import { addressOf, type Range, rangeOf } from './address.js'
import { probesMax } from './constants.js'
import { type Owner, ownerBytes } from './owner.js'

/** First and last addresses of a block mean something to routers and to some hosts. */
export const isUsable = (range: Range, offset: bigint): boolean =>
  offset !== 0n && !(range.family === 4 && offset === range.size - 1n)

/**
 * The addresses of a block in the order in which an owner would like them: double hashing over its key. The same key and
 * block give the same sequence for ever, so a ledger that was lost mostly comes back by itself.
 */
export function* candidates(owner: Owner, cidr: string): Iterable<string> {
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
