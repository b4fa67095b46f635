import { execFileSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { ms, type Section } from '../report.js'

const program = fileURLToPath(new URL('../../../ctl/dist/program/main.js', import.meta.url))

export interface StartFigures {
  readonly what: string
  readonly medianMs: number
  readonly leastMs: number
  readonly mostMs: number
}

/** What somebody waits for who calls a command that asks nobody, by the clock, beside a Node that does nothing at all. */
export function cliStartFigures(times: number): readonly StartFigures[] {
  return [
    ['node -e 0', ['-e', '0']],
    ['holdfastctl', [program]],
    ['holdfastctl --version', [program, '--version']],
    ['holdfastctl config view', [program, 'config', 'view']],
  ].map(([what, args]) => {
    const took: number[] = []
    for (let i = 0; i < times; i++) {
      const startMs = performance.now()
      execFileSync(process.execPath, args as string[], {
        stdio: 'ignore',
        env: { ...process.env, HOME: '/nonexistent' },
      })
      took.push(performance.now() - startMs)
    }
    const sorted = took.sort((a, b) => a - b)
    return {
      what: String(what),
      medianMs: sorted[Math.floor(times / 2)] ?? 0,
      leastMs: sorted[0] ?? 0,
      mostMs: sorted.at(-1) ?? 0,
    }
  })
}

export const cliStartSection = (figures: readonly StartFigures[]): Section => ({
  id: 'cliStart',
  title: 'start of a bare command',
  columns: ['command', 'median', 'least', 'most'],
  rows: figures.map(({ what, medianMs, leastMs, mostMs }) => [what, ms(medianMs), ms(leastMs), ms(mostMs)]),
  notes: ['by the clock, the process included; wanted are 150 ms on a quiet machine'],
  gates: [],
  figures,
})
