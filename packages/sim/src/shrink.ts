import { type Cuts, cutsText, noCuts } from './cuts.js'
import { features } from './setting.js'
import type { Outcome, SimulationOptions } from './simulate.js'

export interface Shrunk {
  readonly cuts: Cuts
  readonly outcome: Outcome
  /** How many runs it took. */
  readonly runs: number
}

const runsMax = 150

/**
 * A failing seed with as little in it as still breaks the same law: without what it has beyond the ordinary, with fewer
 * zones, a shorter storm, fewer faults and fewer changes. Greedy, deterministic, and at most so many runs.
 */
export function shrink(
  run: (options: Pick<SimulationOptions, 'seed' | 'cuts'>) => Outcome,
  seed: number,
  first: Outcome,
  base: Cuts = noCuts,
): Shrunk {
  const law = first.violation?.law
  if (law === undefined) return { cuts: base, outcome: first, runs: 0 }
  let best: { cuts: Cuts; outcome: Outcome } = { cuts: base, outcome: first }
  let runs = 0
  const attempt = (cuts: Cuts): boolean => {
    if (runs >= runsMax) return false
    runs++
    const outcome = run({ seed, cuts })
    if (outcome.violation?.law !== law) return false
    best = { cuts, outcome }
    return true
  }
  for (const feature of features)
    if (first.setting.has.has(feature)) attempt({ ...best.cuts, without: [...(best.cuts.without ?? []), feature] })
  for (const replicas of [1, 2]) {
    if (replicas >= best.outcome.setting.replicas) break
    if (attempt({ ...best.cuts, replicas })) break
  }
  for (const zones of [1, 2, 3, 5, 8]) {
    if (zones >= best.outcome.setting.zones) break
    if (attempt({ ...best.cuts, zones })) break
  }
  for (;;) {
    const { stormMs } = best.outcome.setting
    if (stormMs < 200 || !attempt({ ...best.cuts, stormMs: Math.floor(stormMs / 2) })) break
  }
  for (const what of ['faults', 'acts', 'faults'] as const) {
    const all = best.cuts[what] ?? Array.from({ length: best.outcome.counts[what] }, (_, at) => at)
    leaveOut(all, (kept) => attempt({ ...best.cuts, [what]: kept }))
  }
  return { ...best, runs }
}

/** First all, then halves, quarters and so on, as long as what is left still fails. */
function leaveOut(all: readonly number[], stillFails: (kept: readonly number[]) => boolean): void {
  let kept = all
  if (kept.length === 0 || stillFails([])) return
  for (let size = Math.ceil(kept.length / 2); ; size = Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length && kept.length > 1; ) {
      const rest = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (rest.length > 0 && stillFails(rest)) kept = rest
      else at += size
    }
    if (size === 1) return
  }
}

/** The line that is kept of a failing seed, in `seeds.txt`. */
export function keptLine({ cuts, outcome }: Shrunk): string {
  const message = outcome.violation?.message.split('\n')[0] ?? ''
  const text = cutsText(cuts)
  return `${outcome.seed}${text === '' ? '' : ` ${text}`} # ${outcome.violation?.law}: ${message}`
}
