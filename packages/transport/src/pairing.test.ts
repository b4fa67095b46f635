import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPairing } from './pairing.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function pairing(max = 2) {
  const seen: unknown[] = []
  return {
    seen,
    pairs: createPairing<string>({
      timeoutMs: 5_000,
      max,
      onPair: (key, halves) => seen.push({ key, ...halves }),
      onLone: (half, { code }) => seen.push({ half, code }),
    }),
  }
}

test('two streams of one session meet, whichever comes first', () => {
  const { pairs, seen } = pairing()
  pairs.offer('a', 'globalToZone', 'a1')
  pairs.offer('b', 'zoneToGlobal', 'b1')
  pairs.offer('a', 'zoneToGlobal', 'a2')
  pairs.offer('b', 'globalToZone', 'b2')
  vi.advanceTimersByTime(60_000)
  expect(seen).toEqual([
    { key: 'a', globalToZone: 'a1', zoneToGlobal: 'a2' },
    { key: 'b', globalToZone: 'b2', zoneToGlobal: 'b1' },
  ])
})

test('a stream whose partner does not come is ended, and its key is free', () => {
  const { pairs, seen } = pairing()
  pairs.offer('a', 'globalToZone', 'a1')
  vi.advanceTimersByTime(5_000)
  expect(seen).toEqual([{ half: 'a1', code: 'DEADLINE_EXCEEDED' }])
  expect(pairs.offer('a', 'globalToZone', 'a2')).toBeUndefined()
})

test('the same stream twice is refused, waiting or paired, until the pair is gone', () => {
  const { pairs } = pairing()
  pairs.offer('a', 'globalToZone', 'a1')
  expect(pairs.offer('a', 'globalToZone', 'a2')?.code).toBe('ALREADY_EXISTS')
  pairs.offer('a', 'zoneToGlobal', 'a3')
  expect(pairs.offer('a', 'zoneToGlobal', 'a4')?.code).toBe('ALREADY_EXISTS')
  pairs.forget('a')
  expect(pairs.offer('a', 'zoneToGlobal', 'a5')).toBeUndefined()
})

test('a half that left is not paired, and one that was never its own is not taken away', () => {
  const { pairs, seen } = pairing()
  pairs.offer('a', 'globalToZone', 'a1')
  pairs.withdraw('a', 'other')
  pairs.withdraw('a', 'a1')
  pairs.offer('a', 'zoneToGlobal', 'a2')
  expect(seen).toEqual([])
})

test('more than may wait are refused; closing ends those that wait and those that come', () => {
  const { pairs, seen } = pairing(1)
  pairs.offer('a', 'globalToZone', 'a1')
  expect(pairs.offer('b', 'globalToZone', 'b1')?.code).toBe('RESOURCE_EXHAUSTED')
  pairs.close({ code: 'UNAVAILABLE', reason: 'stops' })
  expect(seen).toEqual([{ half: 'a1', code: 'UNAVAILABLE' }])
  expect(pairs.offer('a', 'zoneToGlobal', 'a2')).toEqual({ code: 'UNAVAILABLE', reason: 'stops' })
  expect(vi.getTimerCount()).toBe(0)
})
