import { afterAll, afterEach, expect } from 'vitest'

type Close = () => unknown

/** What a test opens and leaves to be closed. */
export interface Closing {
  /** `thing`, which is closed when its test has ended: by `close`, or by its own. */
  own<T extends { close(): unknown }>(thing: T): T
  own<T>(thing: T, close: (thing: T) => unknown): T
  /** Something else that is to be done then. */
  closes(close: Close): void
}

interface When {
  readonly after: 'each' | 'all'
  readonly withinMs?: number
}

/**
 * To be called once in a file, or in a `describe`: what is owned from then on is closed after each test, or after all, the last
 * first. All of it is tried, and whatever fails to close fails the test.
 */
export function closing({ after, withinMs }: When = { after: 'each' }): Closing {
  const closers: Close[] = []
  const closes = (close: Close): void => {
    closers.push(close)
  }
  const hook = after === 'each' ? afterEach : afterAll
  hook(async () => {
    const failures: unknown[] = []
    for (const close of closers.splice(0).reverse())
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    expect(failures).toEqual([])
  }, withinMs)
  function own<T extends { close?(): unknown }>(thing: T, close: (thing: T) => unknown = (one) => one.close?.()): T {
    closes(() => close(thing))
    return thing
  }
  return { own, closes }
}
