import { setImmediate } from 'node:timers/promises'
import { parseOptions, type SimOptions, usage } from './options.js'
import { catchBug, plantedBugs, tableOf } from './planted.js'
import { failureText, runSeeds } from './run.js'
import { simulate } from './simulate.js'

process.exitCode = await main(process.argv.slice(2))

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
    case 'planted':
      return planted()
    case 'run':
      return run(options)
  }
}

function story({ seed, zones }: Extract<SimOptions, { mode: 'story' }>): number {
  const outcome = simulate({ seed, zones, story: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`${failureText(outcome, zones)}\n`)
  return outcome.violation === undefined ? 0 : 1
}

function planted(): number {
  const rows = plantedBugs.map((bug) => {
    process.stderr.write(`${bug.name}\n`)
    return { bug, caught: catchBug(bug) }
  })
  process.stdout.write(`${tableOf(rows)}\n`)
  return rows.every(({ bug, caught }) => caught !== undefined && bug.laws.includes(caught.law)) ? 0 : 1
}

async function run(options: Extract<SimOptions, { mode: 'run' }>): Promise<number> {
  const { seeds, zones } = options
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const startedMs = performance.now()
  const rate = (ran: number): string => (ran / Math.max(0.001, (performance.now() - startedMs) / 1000)).toFixed(1)
  const clear = process.stderr.isTTY ? '\r\u001b[K' : ''
  const { ran, failed, stopped } = await runSeeds(options, {
    pause: () => setImmediate(),
    signal: stop.signal,
    progress: (done, failures) => {
      const line = `${done} of ${seeds} seeds, ${failures} failed, ${rate(done)} a second`
      // One line that moves on a terminal; elsewhere now and then a new one.
      if (process.stderr.isTTY) process.stderr.write(`${clear}${line}`)
      else if (done % 1_000 === 0) process.stderr.write(`${line}\n`)
    },
    failed: (outcome) => process.stderr.write(`${clear}${failureText(outcome, zones)}\n`),
  })
  process.stderr.write(clear)
  const tail = stopped ? `, stopped before ${seeds}` : ''
  const numbers = failed.length === 0 ? '' : `: ${failed.map((one) => one.seed).join(' ')}`
  process.stdout.write(`${ran} seeds ran, ${failed.length} failed${numbers} (${rate(ran)} a second${tail})\n`)
  return failed.length === 0 && !stopped ? 0 : 1
}
