import type { Cuts } from './cuts.js'
import { simulate } from './simulate.js'

/** A process that runs seeds for another one: it is sent slices, and answers with their outcomes. */
export interface SliceRequest {
  readonly from: number
  readonly seeds: number
  readonly zones: number | undefined
  readonly cuts: Cuts
}

process.on('message', ({ from, seeds, zones, cuts }: SliceRequest) => {
  const outcomes = Array.from({ length: seeds }, (_, at) => {
    const { setting, ...outcome } = simulate({ seed: from + at, zones, cuts })
    return { ...outcome, setting: { ...setting, has: [...setting.has] } }
  })
  // Nobody is there any more to hear it: the disconnect ends us.
  process.send?.(outcomes, undefined, undefined, () => undefined)
})
// Whoever started us decides when we end: Ctrl+C reaches the whole group.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit(0))
