import { expect, test } from 'vitest'
import { StallWatch } from './stall-watch.js'

function watched() {
  let nowMs = 1_000
  const noted: number[] = []
  const said: unknown[] = []
  const watch = new StallWatch({
    log: { warn: (fields: unknown) => said.push(fields) } as never,
    noted: (seconds) => noted.push(seconds),
    nowMs: () => nowMs,
  })
  const after = (ms: number): void => {
    nowMs += ms
    watch.look()
  }
  return { after, noted, said }
}

test('F09, F45: a process that stood still says so, once, with how long', () => {
  const { after, noted, said } = watched()
  after(500)
  after(5_500)
  after(500)
  expect(noted).toEqual([5])
  expect(said).toEqual([{ stoodMs: 5_000 }])
})

test('a timer that is a little late, again and again, is load and no stall', () => {
  const { after, noted, said } = watched()
  for (let i = 0; i < 20; i++) after(2_900)
  expect([noted, said]).toEqual([[], []])
})
