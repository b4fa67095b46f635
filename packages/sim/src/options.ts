import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Cuts, cutsFrom, noCuts } from './cuts.js'
import { featureFrom } from './setting.js'

export type SimOptions =
  | {
      readonly mode: 'run'
      readonly seeds: number
      readonly from: number
      readonly zones: number | undefined
      readonly workers: number
      /** Failing seeds are shrunk and added to `seeds.txt`. */
      readonly keep: boolean
      /** What every seed has, whether it would or not. */
      readonly cuts: Cuts
    }
  | { readonly mode: 'story'; readonly seed: number; readonly zones: number | undefined; readonly cuts: Cuts }
  | { readonly mode: 'shrink'; readonly seed: number; readonly zones: number | undefined; readonly cuts: Cuts }
  | { readonly mode: 'planted' }
  | { readonly mode: 'help' }

export const usage = `pnpm sim [--seeds 1000] [--from 1] [--workers ${availableParallelism()}] [--zones N] [--with FEATURE,…] [--no-keep]
  runs seeded storms over the real machines and plans, and checks the laws at every step; the last line says how many
  ran and failed. What fails is shrunk, told, and added to packages/sim/seeds.txt, which the tests run again
pnpm sim --story SEED [--cut "zones=2 acts=3,5"] [--zones N]
  tells one seed, line by line
pnpm sim --shrink SEED [--zones N] [--with FEATURE,…]
  finds the shortest story of a seed that fails
pnpm sim --planted
  shows that every planted bug is caught, as the table of docs/planted-bugs.md`

/** All problems of a command line at once. */
export function parseOptions(args: readonly string[]): SimOptions | { readonly problems: readonly string[] } {
  let values: Record<string, string | boolean | undefined>
  try {
    values = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        zones: { type: 'string' },
        workers: { type: 'string' },
        story: { type: 'string' },
        cut: { type: 'string' },
        with: { type: 'string' },
        shrink: { type: 'string' },
        'no-keep': { type: 'boolean' },
        planted: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    return { problems: [(error as Error).message] }
  }
  if (values.help === true) return { mode: 'help' }
  const problems: string[] = []
  function number(name: string, otherwise: number, max: number): number
  function number(name: string, otherwise: undefined, max: number): number | undefined
  function number(name: string, otherwise: number | undefined, max: number): number | undefined {
    const value = values[name]
    if (value === undefined) return otherwise
    const parsed = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (parsed >= 1 && parsed <= max) return parsed
    problems.push(`--${name} must be a whole number from 1 to ${max}, not "${String(value)}"`)
    return otherwise
  }
  const zones = number('zones', undefined, 50)
  const seeds = number('seeds', 1_000, Number.MAX_SAFE_INTEGER)
  const from = number('from', 1, Number.MAX_SAFE_INTEGER)
  const workers = number('workers', availableParallelism(), 64)
  const story = number('story', undefined, Number.MAX_SAFE_INTEGER)
  const shrunk = number('shrink', undefined, Number.MAX_SAFE_INTEGER)
  let cuts = noCuts
  try {
    cuts = cutsFrom(typeof values.cut === 'string' ? values.cut : '')
  } catch (error) {
    problems.push(`--cut: ${(error as Error).message}`)
  }
  const forced = typeof values.with === 'string' ? values.with.split(',') : []
  try {
    if (forced.length > 0) cuts = { ...cuts, with: forced.map(featureFrom) }
  } catch (error) {
    problems.push(`--with: ${(error as Error).message}`)
  }
  if (problems.length > 0) return { problems }
  if (values.planted === true) return { mode: 'planted' }
  if (story !== undefined) return { mode: 'story', seed: story, zones, cuts }
  if (shrunk !== undefined) return { mode: 'shrink', seed: shrunk, zones, cuts }
  return { mode: 'run', seeds, from, zones, workers, keep: values['no-keep'] !== true, cuts }
}
