import { plainBytes } from './bytes.js'
import { digestEntryLength } from './content.js'
import { Problem } from './problems.js'

export type Lanes = readonly [number, number, number, number]

/**
 * Sum of digest entries, lane by lane modulo 2^32, and how many there are. Order does not matter and an entry can be
 * taken out again, so the digest of a zone's view is a sum of stored ones.
 */
export interface Digest {
  /** Four unsigned 32-bit numbers. */
  readonly lanes: Lanes
  readonly count: number
}

export const emptyDigest: Digest = { lanes: [0, 0, 0, 0], count: 0 }

/** @param entry 16 bytes, see `digestEntry` */
export const addEntry = (digest: Digest, entry: Uint8Array): Digest =>
  addDigest(digest, { lanes: lanesOf(entry), count: 1 })

export const subEntry = (digest: Digest, entry: Uint8Array): Digest =>
  subDigest(digest, { lanes: lanesOf(entry), count: 1 })

export const addDigest = (a: Digest, b: Digest): Digest => ({
  lanes: zip(a.lanes, b.lanes, (x, y) => (x + y) >>> 0),
  count: a.count + b.count,
})

export const subDigest = (a: Digest, b: Digest): Digest => ({
  lanes: zip(a.lanes, b.lanes, (x, y) => (x - y) >>> 0),
  count: a.count - b.count,
})

export const sumOfDigests = (digests: Iterable<Digest>): Digest => {
  let sum = emptyDigest
  for (const digest of digests) sum = addDigest(sum, digest)
  return sum
}

export const digestEquals = (a: Digest, b: Digest): boolean =>
  a.count === b.count && a.lanes.every((lane, i) => lane === b.lanes[i])

/** The lanes as 16 bytes, big-endian. */
export function digestBytes(digest: Digest): Uint8Array {
  const bytes = Buffer.alloc(digestEntryLength)
  digest.lanes.forEach((lane, i) => {
    bytes.writeUInt32BE(lane, 4 * i)
  })
  return plainBytes(bytes)
}

/** The reverse of `digestBytes`. Throws a Problem `invalid` unless there are 16 bytes. */
export const digestFrom = (bytes: Uint8Array, count: number): Digest => ({ lanes: lanesOf(bytes), count })

export function lanesOf(bytes: Uint8Array): Lanes {
  if (bytes.length !== digestEntryLength)
    throw new Problem('invalid', `a digest has ${digestEntryLength} bytes, not ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
}

const zip = (a: Lanes, b: Lanes, add: (x: number, y: number) => number): Lanes => [
  add(a[0], b[0]),
  add(a[1], b[1]),
  add(a[2], b[2]),
  add(a[3], b[3]),
]
