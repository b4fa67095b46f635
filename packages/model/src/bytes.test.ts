import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byUtf8, concatBytes, hex, lengthPrefixed, prefixedBytes, utf8 } from './bytes.js'

const text = fc.string({ unit: fc.constantFrom('a', 'é', '\u{1f600}', '\ud800', '\uffff', '\u0000') })

test('parts with their lengths are the bytes of each, one after the other', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(text, fc.uint8Array())), (parts) => {
      const each = parts.map((part) => lengthPrefixed(typeof part === 'string' ? utf8(part) : part))
      expect(hex(prefixedBytes(...parts))).toBe(hex(concatBytes(each)))
    }),
  )
})

test('the order of texts is that of their UTF-8 bytes, whatever is in them', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(byUtf8(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))))
    }),
  )
})
