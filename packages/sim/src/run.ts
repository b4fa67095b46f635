import type { Outcome } from './simulate.js'
import { simulate } from './simulate.js'

export interface RunOptions {
  readonly from: number
  readonly seeds: number
  readonly zones: number
}

export interface RunReport {
  readonly ran: number
  readonly failed: readonly Outcome[]
  readonly stopped: boolean
}

/** Seeds between two looks at whether to stop, and two lines of progress. */
const slice = 10

/** Runs seeds one after the other; `pause` lets the process hear signals, and `progress` tells how far it is. */
export async function runSeeds(
  { from, seeds, zones }: RunOptions,
  hooks: {
    readonly pause: () => Promise<void>
    readonly signal: AbortSignal
    readonly progress: (ran: number, failed: number) => void
    readonly failed: (outcome: Outcome) => void
  },
): Promise<RunReport> {
  const failed: Outcome[] = []
  for (let ran = 0; ran < seeds; ran++) {
    if (ran % slice === 0) {
      hooks.progress(ran, failed.length)
      await hooks.pause()
      if (hooks.signal.aborted) return { ran, failed, stopped: true }
    }
    const outcome = simulate({ seed: from + ran, zones })
    if (outcome.violation === undefined) continue
    failed.push(outcome)
    hooks.failed(outcome)
  }
  return { ran: seeds, failed, stopped: false }
}

/** One failing seed: which law, when, and how to see it again. */
export const failureText = ({ seed, violation }: Outcome, zones: number): string =>
  violation === undefined
    ? `seed ${seed}: every law holds`
    : `seed ${seed}: ${violation.law} is broken at step ${violation.step}, ${(violation.atMs / 1000).toFixed(3)} s: ${violation.message}\n  replay: pnpm sim --story ${seed} --zones ${zones}`
