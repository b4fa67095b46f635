import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { asText } from './report.js'
import { fullSizes, quickSizes, run } from './run.js'
import { cliStartFigures, cliStartSection } from './scenarios/cli-start.js'
import { startServer } from './stand/server.js'

const cliStarts = 11

const usage = `usage: pnpm bench [--quick] [--json]

Counts SQL statements, rows and bytes of the main jobs, and holds them to their budgets: exit status 1 if one is missed.
Times are shown beside what bare SQL and a bare gRPC stream need for the same.

  --quick   smaller meshes, under a minute
  --json    the figures as one line of JSON on stdout, progress on stderr
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const startMs = performance.now()
  const progress = (what: string): void => {
    process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
  }
  progress('starting PostgreSQL')
  const server = await startServer()
  try {
    const counted = await run(server.fresh, values.quick === true ? quickSizes : fullSizes, progress)
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
