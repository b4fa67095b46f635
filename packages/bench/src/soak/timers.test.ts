import { expect, test } from 'vitest'
import { watchTimers } from './timers.js'

test('a timer that is armed is named by who armed it, until it has fired or was cleared', async () => {
  const timers = watchTimers()
  try {
    const forgotten = setTimeout(() => {}, 60_000)
    const mine = (): number =>
      Object.entries(timers.armed()).reduce(
        (sum, [place, count]) => sum + (place.includes('timers.test') ? count : 0),
        0,
      )
    expect(mine()).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setImmediate(resolve))
    expect(mine()).toBe(1)
    clearTimeout(forgotten)
    await new Promise((resolve) => setImmediate(resolve))
    expect(mine()).toBe(0)
  } finally {
    timers.stop()
  }
})
