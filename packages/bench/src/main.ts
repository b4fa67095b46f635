import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Series } from './growth.js'
import { plotOf } from './plot.js'
import { asText } from './report.js'
import { fullSizes, quickSizes, run } from './run.js'
import { cliStartFigures, cliStartSection } from './scenarios/cli-start.js'
import { startServer } from './stand/server.js'

const cliStarts = 11

const usage = `usage: pnpm bench [--quick] [--json] [--at N,N,...] [--svg FILE]

Counts SQL statements, rows and bytes of the main jobs, and holds them to their budgets: exit status 1 if one is missed.
Times are shown beside what bare SQL and a bare gRPC stream need for the same.

  --quick   smaller meshes, under a minute
  --at      services of the meshes in which zones reconnect and services change, instead of 100 and 10,000
  --svg     what grows with the number of services, as a plot
  --json    the figures as one line of JSON on stdout, progress on stderr
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...{ quick: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
      ...{ at: { type: 'string' }, svg: { type: 'string' } },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const mesh = (values.at ?? '').split(',').map(Number)
  if (values.at !== undefined && !mesh.every((n) => Number.isInteger(n) && n > 0)) {
    process.stderr.write(`--at ${values.at}: give numbers of services, such as 100,10000\n`)
    return 2
  }
  const startMs = performance.now()
  const progress = (what: string): void => {
    process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
  }
  progress('starting PostgreSQL')
  const server = await startServer()
  try {
    const sizes = values.quick === true ? quickSizes : fullSizes
    const counted = await run(server.fresh, values.at === undefined ? sizes : { ...sizes, mesh }, progress)
    const growth = counted.find(({ id }) => id === 'growth')?.figures as readonly Series[]
    if (values.svg !== undefined) writeFileSync(values.svg, plotOf(growth))
    progress('bare commands of holdfastctl')
    const sections = [...counted, cliStartSection(cliStartFigures(cliStarts))]
    const machine = {
      cores: availableParallelism(),
      cpu: cpus()[0]?.model ?? 'unknown',
      node: process.version,
      postgresql: server.version,
    }
    const gates = sections.flatMap((section) => section.gates)
    const ok = gates.every((gate) => gate.ok)
    if (values.json === true) {
      const figures = Object.fromEntries(sections.map((section) => [section.id, section.figures]))
      process.stdout.write(`${JSON.stringify({ machine, figures, gates, ok })}\n`)
    } else {
      process.stdout.write(
        `${machine.cores} cores (${machine.cpu}), Node ${machine.node}, PostgreSQL ${machine.postgresql}\n\n`,
      )
      process.stdout.write(`${asText(sections)}\n`)
      const missed = gates.filter((gate) => !gate.ok).length
      process.stdout.write(
        ok ? `all ${gates.length} counts hold\n` : `${missed} of ${gates.length} counts were missed\n`,
      )
    }
    return ok ? 0 : 1
  } finally {
    await server.stop()
  }
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  },
)
