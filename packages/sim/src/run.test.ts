import { expect, test } from 'vitest'
import { failureText, runSeeds } from './run.js'
import type { Outcome } from './simulate.js'

const hooks = {
  pause: () => Promise.resolve(),
  signal: new AbortController().signal,
  progress: () => undefined,
  failed: () => undefined,
}

test('a run ends with how many seeds it ran', async () => {
  expect(await runSeeds({ from: 1, seeds: 2, zones: 1 }, hooks)).toEqual({ ran: 2, failed: [], stopped: false })
})

test('a run that is stopped tells how far it came', { timeout: 120_000 }, async () => {
  const stop = new AbortController()
  const progress = (ran: number): void => {
    if (ran > 0) stop.abort()
  }
  const report = await runSeeds({ from: 1, seeds: 1_000, zones: 1 }, { ...hooks, signal: stop.signal, progress })
  expect(report).toEqual({ ran: 10, failed: [], stopped: true })
})

test('a failing seed names the law, the step and how to see it again', () => {
  const outcome: Outcome = {
    seed: 9,
    violation: { law: 'VIP-3', message: '241.16.0.1 is taken', step: 12, atMs: 3_456 },
    steps: 12,
    virtualMs: 3_456,
    counts: { written: 0, refused: 0, sessions: 0, repairs: 0, fenced: 0 },
  }
  expect(failureText(outcome, 3)).toBe(
    'seed 9: VIP-3 is broken at step 12, 3.456 s: 241.16.0.1 is taken\n  replay: pnpm sim --story 9 --zones 3',
  )
})
