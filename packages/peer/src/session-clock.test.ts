import { expect, test } from 'vitest'
import { sessionClock } from './session-clock.js'

test('OWN: a wall clock that is set, back or forward, neither keeps a session alive nor ends it', () => {
  let [wallMs, passedMs] = [1_700_000_000_000, 40]
  const nowMs = sessionClock(
    () => wallMs,
    () => passedMs,
  )
  expect(nowMs()).toBe(1_700_000_000_000)
  passedMs += 10_000
  wallMs -= 73 * 60_000
  expect(nowMs()).toBe(1_700_000_010_000)
  wallMs += 8 * 24 * 3_600_000
  passedMs += 5_000
  expect(nowMs()).toBe(1_700_000_015_000)
})
