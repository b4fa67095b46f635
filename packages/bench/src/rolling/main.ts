import { parseArgs } from 'node:util'
import { startServer } from '../stand/server.js'
import { rolling } from './rolling.js'

const usage = `usage: pnpm rolling [--globals N] [--zones N] [--whole-zones N] [--services N] [--changes-per-second N]

Restarts the globals of one database one after the other while zones change what they have. Prints what became of it as
JSON; exit status 1 if a zone was two seconds behind or more, took everything again, or an address changed.
Globals and whole zones are processes on databases of their own; the other zones have the product's runtime over real sockets in one
process, keep what is their own in memory, and of what they are told one copy together.
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      globals: { type: 'string', default: '3' },
      zones: { type: 'string', default: '48' },
      'whole-zones': { type: 'string', default: '2' },
      services: { type: 'string', default: '500' },
      'changes-per-second': { type: 'string', default: '100' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const server = await startServer()
  try {
    const sizes = {
      globals: Number(values.globals),
      zones: Number(values.zones),
      wholeZones: Number(values['whole-zones']),
      services: Number(values.services),
      changesPerSecond: Number(values['changes-per-second']),
    }
    const report = await rolling(server.fresh, sizes, (what) => process.stderr.write(`${what}\n`))
    process.stdout.write(`${JSON.stringify(report)}\n`)
    const { stalenessMs, fullSyncs, vipsChanged, vipsDiffering } = report
    return stalenessMs < 2_000 && fullSyncs + vipsChanged + vipsDiffering === 0 ? 0 : 1
  } finally {
    await server.stop()
  }
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    process.stderr.write(`rolling: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  },
)
