import { keep } from './kept.js'
import { parseOptions, type SimOptions, usage } from './options.js'
import { catchBug, plantedBugs, tableOf } from './planted.js'
import { startPool } from './pool.js'
import { failureText, progressText, runSeeds } from './run.js'
import { keptLine, shrink } from './shrink.js'
import { simulate } from './simulate.js'

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args)
  if ('problems' in options) {
    process.stderr.write(`${options.problems.join('\n')}\n\n${usage}\n`)
    return 2
  }
  switch (options.mode) {
    case 'help':
      process.stdout.write(`${usage}\n`)
      return 0
    case 'story':
      return story(options)
    case 'shrink':
      return shrinkOne(options, false)
    case 'planted':
      return planted()
    case 'run':
      return run(options)
  }
}

function story({ seed, zones, cuts }: Extract<SimOptions, { mode: 'story' }>): number {
  const outcome = simulate({ seed, zones, cuts, story: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`${failureText(outcome, { zones, cuts })}\n`)
  return outcome.violation === undefined ? 0 : 1
}

/** The shortest story that is found of a failing seed. */
function shrinkOne(
  { seed, zones, cuts: base }: Omit<Extract<SimOptions, { mode: 'shrink' }>, 'mode'>,
  kept: boolean,
): number {
  const run = (options: Parameters<typeof simulate>[0]) => simulate({ zones, ...options })
  const first = run({ seed, cuts: base })
  if (first.violation === undefined) {
    process.stdout.write(`${failureText(first, { zones, cuts: base })}\n`)
    return 0
  }
  const shrunk = shrink(run, seed, first, base)
  const { cuts, runs } = shrunk
  process.stdout.write(`seed ${seed}, as short as it got in ${runs} runs:\n`)
  const lines: string[] = []
  simulate({ seed, zones, cuts, story: (line) => lines.push(line) })
  process.stdout.write(`${told(lines).join('\n')}\n${failureText(shrunk.outcome, { zones, cuts })}\n`)
  if (kept && keep(keptLine(shrunk))) process.stdout.write(`  kept: ${keptLine(shrunk)}\n`)
  return 1
}

const linesMax = 120

/** The end of a story is what matters. */
const told = (lines: readonly string[]): readonly string[] =>
  lines.length <= linesMax ? lines : [`… ${lines.length - linesMax} lines before`, ...lines.slice(-linesMax)]

function planted(): number {
  const rows = plantedBugs.map((bug) => {
    process.stderr.write(`${bug.name}\n`)
    return { bug, caught: catchBug(bug) }
  })
  process.stdout.write(`${tableOf(rows)}\n`)
  return rows.every(({ bug, caught }) => caught !== undefined && bug.laws.includes(caught.law)) ? 0 : 1
}

const progressEveryMs = 10_000
/** Each takes up to a few hundred runs. */
const shrunkMax = 5

async function run(options: Extract<SimOptions, { mode: 'run' }>): Promise<number> {
  const { seeds, zones, cuts } = options
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const startedMs = performance.now()
  const clear = process.stderr.isTTY ? '\r\u001b[K' : ''
  const pool = startPool(options.workers, zones, cuts)
  let toldMs = startedMs
  try {
    const { ran, failed, stopped } = await runSeeds(options, pool.workers, {
      signal: stop.signal,
      progress: (done, failures) => {
        const nowMs = performance.now()
        const line = progressText({ ran: done, seeds, failed: failures }, nowMs - startedMs)
        // One line that moves on a terminal; elsewhere now and then a new one.
        if (process.stderr.isTTY) process.stderr.write(`${clear}${line}`)
        else if (nowMs - toldMs >= progressEveryMs) {
          process.stderr.write(`${line}\n`)
          toldMs = nowMs
        }
      },
      failed: (outcome) => process.stderr.write(`${clear}${failureText(outcome, { zones, cuts })}\n`),
    })
    process.stderr.write(clear)
    const seconds = (performance.now() - startedMs) / 1000
    for (const { seed } of failed.slice(0, shrunkMax)) shrinkOne({ seed, zones, cuts }, options.keep)
    const tail = stopped ? `, stopped before ${seeds}` : ''
    const numbers = failed.length === 0 ? '' : `: ${failed.map((one) => one.seed).join(' ')}`
    const rate = (ran / Math.max(0.001, seconds)).toFixed(1)
    process.stdout.write(`${ran} seeds ran, ${failed.length} failed${numbers} (${rate} a second${tail})\n`)
    return failed.length === 0 && !stopped ? 0 : 1
  } finally {
    pool.close()
  }
}

process.exitCode = await main(process.argv.slice(2))
