import { writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { numberOf } from '../number-flag.js'
import { asText } from '../report.js'
import { startServer } from '../stand/server.js'
import { timePlotOf } from '../time-plot.js'
import { churn } from './churn.js'
import { churnPanels, churnSection } from './summary.js'

const usage = `usage: pnpm churn [--minutes N] [--zones N] [--services N] [--operations-per-second N] [--cuts-per-minute N] [--seed N] [--plot FILE] [--json]

Services come, change, go and come back in every zone for a while, and links are cut by chance. Every control plane, each a
process of its own, is watched all the time: no VIP may change or have two owners, nothing may go back or be lost, and in
the end all have the same. Exit status 1 if not.

  --minutes N                how long (60)
  --zones N                  each a process with a database of its own (10)
  --services N               in all zones together, about (1000)
  --operations-per-second N  changes, creations and deletions, in all zones together (20)
  --cuts-per-minute N        of all links together (6)
  --seed N                   the same operations and cuts each time (1)
  --plot FILE                lag and memory over the minutes, as SVG
  --json                     the figures as one line of JSON
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      zones: { type: 'string', default: '10' },
      services: { type: 'string', default: '1000' },
      'operations-per-second': { type: 'string', default: '20' },
      'cuts-per-minute': { type: 'string', default: '6' },
      seed: { type: 'string', default: '1' },
      plot: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const sizes = {
    minutes: numberOf('minutes', values.minutes),
    zones: numberOf('zones', values.zones),
    services: numberOf('services', values.services),
    operationsPerSecond: numberOf('operations-per-second', values['operations-per-second']),
    cutsPerMinute: numberOf('cuts-per-minute', values['cuts-per-minute']),
    seed: numberOf('seed', values.seed),
  }
  const startedMs = performance.now()
  const say = (what: string): void => {
    process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
  const server = await startServer()
  try {
    const report = await churn(server.fresh, sizes, say, interrupted.signal)
    const section = churnSection(report)
    const machine = {
      cores: availableParallelism(),
      node: process.version,
      postgresql: server.version,
      load: loadavg()[0],
    }
    if (values.plot !== undefined) writeFileSync(values.plot, timePlotOf(section.title, churnPanels(report)))
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ machine, figures: section.figures })}\n`
        : `${JSON.stringify(machine)}\n\n${asText([section])}`,
    )
    return section.gates.every(({ ok }) => ok) ? 0 : 1
  } finally {
    await server.stop()
  }
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`churn: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  },
)
