import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hex, utf8 } from './bytes.js'
import { bucketOf, contentHash, contentHashOf, digestEntry, digestEntryOf, identityBytes } from './content.js'
import { canonicalLabels } from './labels.js'

const web = {
  labels: { 'kuma.io/zone': 'east', 'kuma.io/display-name': 'web' },
  typeUrl: '',
  spec: utf8('{"ports":[{"port":80}]}'),
}
const identity = identityBytes('MeshService', 'default', 'web-x', 'east')

// Computed apart from this program: SHA-256 over big-endian length-prefixed bytes.
test('the frozen encodings', () => {
  expect(hex(identity)).toBe('0000000b4d657368536572766963650000000764656661756c74000000057765622d780000000465617374')
  expect(hex(contentHash(web))).toBe('74dd1d94780de8edbd52342e884070fd2ae33fb208b95d4fdfe27572a122fec4')
  expect(hex(digestEntry(identity, contentHash(web), { addresses: ['241.16.0.1', 'fd00:1::1'], generation: 2 }))).toBe(
    '6b50ef6deeba0c294cdfddbf98344df9',
  )
  expect(hex(digestEntry(identity, contentHash(web), undefined))).toBe('c0df4790d8fd3820389c0ef061e1ee07')
  expect(bucketOf('MeshService', 'default', 'web-x')).toBe(11992)
})

test('over stored bytes it is the same', () => {
  expect(hex(contentHashOf(canonicalLabels(web.labels), utf8(web.typeUrl), web.spec))).toBe(hex(contentHash(web)))
  expect(hex(digestEntryOf(identity, contentHash(web), new Uint8Array(0)))).toBe(
    hex(digestEntry(identity, contentHash(web), undefined)),
  )
})

test('no two different values run together', () => {
  const text = fc.string({ maxLength: 3 })
  const four = fc.tuple(text, text, text, text)
  fc.assert(
    fc.property(four, four, (a, b) => {
      expect(hex(identityBytes(...a)) === hex(identityBytes(...b))).toBe(JSON.stringify(a) === JSON.stringify(b))
    }),
  )
})

test('a bucket has 15 bits', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const bucket = bucketOf('MeshService', 'default', name)
      expect(bucket >= 0 && bucket < 2 ** 15 && Number.isInteger(bucket)).toBe(true)
    }),
  )
})
