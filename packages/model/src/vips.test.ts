import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { ResourceExtensionSchema } from '@holdfast/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hex } from './bytes.js'
import { Problem } from './problems.js'
import type { Vips } from './resource.js'
import { addressBytes, addressText, decodeVips, encodeVips } from './vips.js'

test('no VIPs are no bytes', () => {
  expect(hex(encodeVips(undefined))).toBe('')
  expect(decodeVips(new Uint8Array(0))).toBe(undefined)
})

test('IPv4 before IPv6, in byte order, whatever the order they were given in', () => {
  const bytes = '0a04f11000010a10fd0000010000000000000000000000011002'
  expect(hex(encodeVips({ addresses: ['fd00:1::1', '241.16.0.1'], generation: 2 }))).toBe(bytes)
  expect(decodeVips(Buffer.from(bytes, 'hex'))).toEqual({ addresses: ['241.16.0.1', 'fd00:1::1'], generation: 2 })
})

const addresses = fc.uniqueArray(
  fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
  {
    selector: hex,
    minLength: 1,
    maxLength: 4,
  },
)
const vips = fc.record({
  addresses: addresses.map((all) => all.map(addressText)),
  generation: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
})

test('what is written is read, and the same VIPs are the same bytes', () => {
  fc.assert(
    fc.property(vips, (given: Vips) => {
      const bytes = encodeVips(given)
      const read = decodeVips(bytes)
      expect(read?.generation).toBe(given.generation)
      expect([...(read?.addresses ?? [])].sort()).toEqual([...given.addresses].sort())
      expect(hex(encodeVips(read))).toBe(hex(bytes))
      expect(hex(encodeVips({ ...given, addresses: [...given.addresses].reverse() }))).toBe(hex(bytes))
    }),
  )
})

test('the bytes are those of the message on the wire', () => {
  fc.assert(
    fc.property(vips, (given: Vips) => {
      const bytes = encodeVips(given)
      const message = fromBinary(ResourceExtensionSchema, bytes)
      expect(message.vips.map(addressText)).toEqual(decodeVips(bytes)?.addresses)
      const again = create(ResourceExtensionSchema, { vips: message.vips, vipGeneration: BigInt(given.generation) })
      expect(hex(toBinary(ResourceExtensionSchema, again))).toBe(hex(bytes))
    }),
  )
})

test.each([
  ['241.0.0.1', 'f1000001', '241.0.0.1'],
  ['FD00:0:0::0001', 'fd000000000000000000000000000001', 'fd00::1'],
  ['::ffff:1.2.3.4', '00000000000000000000ffff01020304', '::ffff:102:304'],
])('address %s', (text, bytes, canonical) => {
  expect(hex(addressBytes(text))).toBe(bytes)
  expect(addressText(addressBytes(text))).toBe(canonical)
})

test.each(['', '1.2.3', '1', '256.0.0.1', '0x7f.0.0.1', 'fe80::1%eth0', 'web'])('%j is no address', (text) => {
  expect(() => addressBytes(text)).toThrow(new Problem('invalid', `"${text}" is not an IP address`))
})

test.each([
  ['0a0401', 'not VIPs: not protobuf'],
  ['0a03010203', 'an address has 4 or 16 bytes, not 3'],
  ['1a0401020304', 'not VIPs: unknown field 3'],
])('bytes %s are refused', (bytes, message) => {
  expect(() => decodeVips(Buffer.from(bytes, 'hex'))).toThrow(new Problem('invalid', message))
})
