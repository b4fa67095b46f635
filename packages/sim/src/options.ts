import { parseArgs } from 'node:util'

export type SimOptions =
  | { readonly mode: 'run'; readonly seeds: number; readonly from: number; readonly zones: number }
  | { readonly mode: 'story'; readonly seed: number; readonly zones: number }
  | { readonly mode: 'planted' }
  | { readonly mode: 'help' }

export const usage = `pnpm sim [--seeds 1000] [--from 1] [--zones 3]
  runs seeded storms over the real machines and plans, and checks the laws at every step
pnpm sim --story SEED [--zones 3]
  tells one seed, line by line
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
        story: { type: 'string' },
        planted: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    return { problems: [(error as Error).message] }
  }
  if (values.help === true) return { mode: 'help' }
  const problems: string[] = []
  const number = (name: string, otherwise: number, max: number): number => {
    const value = values[name]
    if (value === undefined) return otherwise
    const parsed = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (parsed >= 1 && parsed <= max) return parsed
    problems.push(`--${name} must be a whole number from 1 to ${max}, not "${String(value)}"`)
    return otherwise
  }
  const zones = number('zones', 3, 10)
  const seeds = number('seeds', 1_000, Number.MAX_SAFE_INTEGER)
  const from = number('from', 1, Number.MAX_SAFE_INTEGER)
  const seed = number('story', 1, Number.MAX_SAFE_INTEGER)
  if (problems.length > 0) return { problems }
  if (values.planted === true) return { mode: 'planted' }
  return values.story === undefined ? { mode: 'run', seeds, from, zones } : { mode: 'story', seed, zones }
}
