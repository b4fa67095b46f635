import fc from 'fast-check'
import { expect, test } from 'vitest'
import { durationText, parseDuration } from './duration.js'

test.each([
  ['0', '0s'],
  ['90s', '1m30s'],
  ['1h', '1h0m0s'],
  ['1500ms', '1.5s'],
  ['250ms', '250ms'],
  ['1.5us', '1.5µs'],
  ['1µs', '1µs'],
  ['7ns', '7ns'],
  ['-1h30m0.5s', '-1h30m0.5s'],
  ['+2m', '2m0s'],
  ['.5s', '500ms'],
  ['1h1h', '2h0m0s'],
  ['2562047h47m16.854775807s', '2562047h47m16.854775807s'],
  ['100ms1s', '1.1s'],
])('%s is %s', (text, canonical) => {
  const parsed = parseDuration(text)
  expect('nanoseconds' in parsed ? durationText(parsed.nanoseconds) : parsed).toBe(canonical)
})

test.each([
  ['', 'time: invalid duration ""'],
  ['x', 'time: invalid duration "x"'],
  ['5', 'time: missing unit in duration "5"'],
  ['5d', 'time: unknown unit "d" in duration "5d"'],
  ['1 h', 'time: unknown unit " h" in duration "1 h"'],
  ['.s', 'time: invalid duration ".s"'],
  ['-', 'time: invalid duration "-"'],
  ['1e3s', 'time: unknown unit "e" in duration "1e3s"'],
  ['2562047h47m16.854775808s', 'time: invalid duration "2562047h47m16.854775808s"'],
])('%s is none', (text, reason) => {
  expect(parseDuration(text)).toEqual({ reason })
})

test('the one form says the same', () => {
  const most = 2n ** 63n - 1n
  fc.assert(
    fc.property(fc.bigInt({ min: -most, max: most }), (nanoseconds) => {
      expect(parseDuration(durationText(nanoseconds))).toEqual({ nanoseconds })
    }),
    { numRuns: 2_000 },
  )
})

test('no text makes it hang or throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.-+hmsuµn e') }), (text) => {
      const parsed = parseDuration(text)
      if ('nanoseconds' in parsed) expect(parseDuration(durationText(parsed.nanoseconds))).toEqual(parsed)
    }),
    { numRuns: 2_000 },
  )
})
