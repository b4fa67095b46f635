import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Clock, Scope } from './clock.js'

test('what is due first happens first; at one moment in the order in which it was asked for', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (delays) => {
      const clock = new Clock(1_000)
      const happened: { readonly delay: number; readonly order: number }[] = []
      for (const [order, delay] of delays.entries())
        clock.after(delay, new Scope(), () => {
          expect(clock.nowMs).toBe(1_000 + delay)
          happened.push({ delay, order })
        })
      while (clock.step(2_000));
      const sorted = [...happened].sort((a, b) => a.delay - b.delay || a.order - b.order)
      expect(happened).toEqual(sorted)
      expect(happened).toHaveLength(delays.length)
      expect(clock.nowMs).toBe(2_000)
    }),
  )
})

test('nothing happens before its time, and time goes on without events', () => {
  const clock = new Clock(0)
  let count = 0
  clock.after(10, new Scope(), () => count++)
  expect([clock.step(9), count, clock.nowMs]).toEqual([false, 0, 9])
  expect([clock.step(10), count, clock.nowMs]).toEqual([true, 1, 10])
})

test('OWN: what belongs to a closed scope, or to one within it, does not happen', () => {
  const clock = new Clock(0)
  const process = new Scope()
  const session = new Scope(process)
  const happened: string[] = []
  clock.after(1, session, () => happened.push('session'))
  clock.after(2, process, () => happened.push('process'))
  session.close()
  clock.after(3, new Scope(process), () => happened.push('another session'))
  clock.after(2, new Scope(), () => process.close())
  while (clock.step(100));
  expect(happened).toEqual(['process'])
})
