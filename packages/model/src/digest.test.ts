import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hex } from './bytes.js'
import {
  addDigest,
  addEntry,
  type Digest,
  digestBytes,
  digestEquals,
  digestFrom,
  emptyDigest,
  subDigest,
  subEntry,
  sumOfDigests,
} from './digest.js'
import { Problem } from './problems.js'

const entry = fc.uint8Array({ minLength: 16, maxLength: 16 })
const entries = fc.array(entry, { maxLength: 20 })
const digestOf = (all: readonly Uint8Array[]): Digest => all.reduce(addEntry, emptyDigest)

test('EQ: the order of entries does not matter', () => {
  const shuffled = entries.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
  )
  fc.assert(
    fc.property(shuffled, ([all, other]) => {
      expect(digestOf(other)).toEqual(digestOf(all))
    }),
  )
})

test('EQ: what is taken out was never there', () => {
  fc.assert(
    fc.property(entries, entry, (all, one) => {
      expect(subEntry(addEntry(digestOf(all), one), one)).toEqual(digestOf(all))
      expect(addEntry(subEntry(digestOf(all), one), one)).toEqual(digestOf(all))
    }),
  )
})

test('EQ: the digest of a union is the sum of digests, and of a difference the difference', () => {
  fc.assert(
    fc.property(entries, entries, (a, b) => {
      expect(addDigest(digestOf(a), digestOf(b))).toEqual(digestOf([...a, ...b]))
      expect(sumOfDigests([digestOf(a), emptyDigest, digestOf(b)])).toEqual(digestOf([...a, ...b]))
      expect(subDigest(digestOf([...a, ...b]), digestOf(b))).toEqual(digestOf(a))
    }),
  )
})

test('EQ: another entry is another digest, and so is one more of nothing', () => {
  fc.assert(
    fc.property(entries, entry, entry, (all, one, other) => {
      expect(digestEquals(addEntry(digestOf(all), one), addEntry(digestOf(all), other))).toBe(hex(one) === hex(other))
    }),
  )
  expect(digestEquals(addEntry(emptyDigest, new Uint8Array(16)), emptyDigest)).toBe(false)
})

test('lanes are unsigned, wrap around, and are big-endian in bytes', () => {
  const ones = Buffer.alloc(16, 0xff)
  const sum = addEntry(addEntry(emptyDigest, ones), ones)
  expect(sum).toEqual({ lanes: [0xfffffffe, 0xfffffffe, 0xfffffffe, 0xfffffffe], count: 2 })
  const mixed = Buffer.from('00000001ffffffff0000000080000000', 'hex')
  expect(addEntry(emptyDigest, mixed).lanes).toEqual([1, 0xffffffff, 0, 0x80000000])
  expect(hex(digestBytes(addEntry(emptyDigest, mixed)))).toBe(mixed.toString('hex'))
})

test('bytes are read as they were written', () => {
  fc.assert(
    fc.property(entries, (all) => {
      const digest = digestOf(all)
      expect(digestFrom(digestBytes(digest), digest.count)).toEqual(digest)
    }),
  )
  expect(() => digestFrom(new Uint8Array(15), 0)).toThrow(new Problem('invalid', 'a digest has 16 bytes, not 15'))
})
