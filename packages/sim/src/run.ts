import { type Cuts, cutsText } from './cuts.js'
import type { Outcome } from './simulate.js'

export interface RunOptions {
  readonly from: number
  readonly seeds: number
}

export interface RunReport {
  readonly ran: number
  readonly failed: readonly Outcome[]
  readonly stopped: boolean
}

/** Runs some seeds, perhaps in a process of its own. */
export type RunSlice = (from: number, seeds: number) => Promise<readonly Outcome[]>

/** Seeds that a worker gets at once: not so many that one of them is left with the last ones for long. */
export const sliceOf = (seeds: number, workers: number): number =>
  Math.max(1, Math.min(50, Math.ceil(seeds / (workers * 4))))

/** Hands the seeds to the workers, slice by slice; `progress` tells how far they are. */
export async function runSeeds(
  { from, seeds }: RunOptions,
  workers: readonly RunSlice[],
  hooks: {
    readonly signal: AbortSignal
    readonly progress: (ran: number, failed: number) => void
    readonly failed: (outcome: Outcome) => void
  },
): Promise<RunReport> {
  const failed: Outcome[] = []
  const slice = sliceOf(seeds, workers.length)
  let [next, ran] = [0, 0]
  const work = async (run: RunSlice): Promise<void> => {
    while (next < seeds && !hooks.signal.aborted) {
      const [first, count] = [next, Math.min(slice, seeds - next)]
      next += count
      for (const outcome of await run(from + first, count)) {
        if (outcome.violation === undefined) continue
        failed.push(outcome)
        hooks.failed(outcome)
      }
      ran += count
      hooks.progress(ran, failed.length)
    }
  }
  await Promise.all(workers.map(work))
  failed.sort((a, b) => a.seed - b.seed)
  return { ran, failed, stopped: ran < seeds }
}

/** One failing seed: which law, when, and how to see it again. */
export function failureText(
  { seed, violation }: Outcome,
  options: { readonly zones?: number | undefined; readonly cuts?: Cuts },
): string {
  if (violation === undefined) return `seed ${seed}: every law holds`
  const { zones, cuts = {} } = options
  const zonesText = zones === undefined ? '' : ` --zones ${zones}`
  const text = cutsText(cuts)
  return (
    `seed ${seed}: ${violation.law} is broken at step ${violation.step}, ${(violation.atMs / 1000).toFixed(3)} s: ${violation.message}\n` +
    `  replay: pnpm sim --story ${seed}${zonesText}${text === '' ? '' : ` --cut "${text}"`}`
  )
}

/** `1234 of 100000 seeds, 0 failed, 61.2 a second, 26 min to go`. */
export function progressText(
  { ran, seeds, failed }: { readonly ran: number; readonly seeds: number; readonly failed: number },
  elapsedMs: number,
): string {
  const rate = ran / Math.max(0.001, elapsedMs / 1000)
  const left = rate === 0 ? 'no telling how long' : `${durationText((seeds - ran) / rate)} to go`
  return `${ran} of ${seeds} seeds, ${failed} failed, ${rate.toFixed(1)} a second, ${left}`
}

const durationText = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
