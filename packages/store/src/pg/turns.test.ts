import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { Turns } from './turns.js'

const deferred = () => {
  let done = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    done = resolve
  })
  return { promise, done }
}
const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

test('no more are under way than there are connections, and those who wait go in the order of asking', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(100), { maxLength: 40 }), async (max, steps) => {
      const turns = new Turns(max, 1_000_000)
      const began: number[] = []
      const ends: ReturnType<typeof deferred>[] = []
      const all: Promise<void>[] = []
      let [asked, running] = [0, 0]
      for (const step of steps) {
        if (step < 60) {
          const number = asked++
          const end = deferred()
          all.push(
            turns.in(async () => {
              began.push(number)
              ends.push(end)
              running++
              await end.promise
              running--
            }),
          )
        } else ends.splice(step % Math.max(1, ends.length), 1)[0]?.done()
        await settle()
        expect(running).toBeLessThanOrEqual(max)
        expect(turns.use).toMatchObject({ busy: running, waiting: asked - began.length })
      }
      while (ends.length > 0) {
        ends.shift()?.done()
        await settle()
      }
      await Promise.all(all)
      expect(began).toEqual(began.toSorted((a, b) => a - b))
      expect(began).toHaveLength(asked)
      expect(turns.use).toMatchObject({ busy: 0, waiting: 0 })
    }),
    { seed: 20_261_129, numRuns: 200 },
  )
})

test('what throws gives its turn back', async () => {
  const turns = new Turns(1, 1_000)
  await expect(turns.in(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await turns.in(async () => 'yes')).toBe('yes')
})

test('who waits too long is told what was busy and what to change; those behind go on', async () => {
  vi.useFakeTimers()
  try {
    const turns = new Turns(2, 30_000, () => Date.now())
    const [first, second] = [deferred(), deferred()]
    const busy = [turns.in(() => first.promise), turns.in(() => second.promise)]
    const late = turns.in(async () => 'late').catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(10_000)
    const behind = turns.in(async () => 'behind')
    await vi.advanceTimersByTimeAsync(20_000)
    const error = await late
    expect(error).toMatchObject({ kind: 'unavailable' })
    expect(String(error)).toContain(
      'all 2 connections of this process to its database were busy for 30 s, and 1 more wait: ' +
        'the database is slow, or --database-connections 2 is too few for this load',
    )
    first.done()
    expect(await behind).toBe('behind')
    second.done()
    await Promise.all(busy)
    expect(turns.use).toEqual({ connectionsMax: 2, busy: 0, waiting: 0, busySeconds: 60, waitedSeconds: 50 })
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
