import { expect, test } from 'vitest'
import { failureText, progressText, type RunSlice, runSeeds, sliceOf } from './run.js'
import { simulate } from './simulate.js'

const hooks = { signal: new AbortController().signal, progress: () => undefined, failed: () => undefined }
const shape = { seed: 1, cuts: { zones: 1, stormMs: 500 } }
const outcome = simulate(shape)
/** Says that the seeds named have broken a law. */
const fake =
  (...failing: readonly number[]): RunSlice =>
  async (from, seeds) =>
    Array.from({ length: seeds }, (_, at) => ({
      ...outcome,
      seed: from + at,
      violation: failing.includes(from + at)
        ? { law: 'VIP-3', message: '241.16.0.1 is taken', step: 12, atMs: 3_456 }
        : undefined,
    }))

test('a run ends with how many seeds it ran, whoever ran them', async () => {
  const asked: number[] = []
  const worker: RunSlice = (from, seeds) => {
    asked.push(...Array.from({ length: seeds }, (_, at) => from + at))
    return fake()(from, seeds)
  }
  expect(await runSeeds({ from: 7, seeds: 100 }, [worker, worker, worker], hooks)).toEqual({
    ran: 100,
    failed: [],
    stopped: false,
  })
  expect(asked.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at + 7))
})

test('what fails is told at once, and in the end in order', async () => {
  const told: number[] = []
  const failed = (one: { readonly seed: number }): void => void told.push(one.seed)
  const report = await runSeeds({ from: 1, seeds: 40 }, [fake(33, 2)], { ...hooks, failed })
  expect(report.failed.map(({ seed }) => seed)).toEqual([2, 33])
  expect(told).toHaveLength(2)
})

test('a run that is stopped tells how far it came', async () => {
  const stop = new AbortController()
  const report = await runSeeds({ from: 1, seeds: 1_000 }, [fake()], {
    ...hooks,
    signal: stop.signal,
    progress: () => stop.abort(),
  })
  expect(report).toEqual({ ran: sliceOf(1_000, 1), failed: [], stopped: true })
})

test('a failing seed names the law, the step and how to see it again', async () => {
  const [failing] = await fake(9)(9, 1)
  if (failing === undefined) throw new Error('no outcome')
  const text = 'seed 9: VIP-3 is broken at step 12, 3.456 s: 241.16.0.1 is taken\n  replay: pnpm sim --story 9'
  expect(failureText(failing, {})).toBe(text)
  expect(failureText(failing, { zones: 3, cuts: { acts: [1, 2, 3, 7] } })).toBe(`${text} --zones 3 --cut "acts=1-3,7"`)
})

test('progress has the rate and how long it still takes', () => {
  expect(progressText({ ran: 500, seeds: 1_000, failed: 2 }, 10_000)).toBe(
    '500 of 1000 seeds, 2 failed, 50.0 a second, 10 s to go',
  )
})
