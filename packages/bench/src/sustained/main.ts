import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { numberOf } from '../number-flag.js'
import { asText } from '../report.js'
import { startServer } from '../stand/server.js'
import { sustainedSection, wholeSection } from './summary.js'
import { sustained } from './sustained.js'
import { sustainedWhole } from './whole.js'

const usage = `usage: pnpm sustained [--seconds N] [--zones N] [--services N] [--repeating N] [--changes-per-second N]
                      [--whole-zones N] [--profile FOLDER] [--json]

One zone changes its services at a set rate, half of the changes of a few that change again and again, and all others are told.
Global is a process on a durable PostgreSQL; zones are stubs over real sockets in two processes. Exit status 1 if in the end
a zone has not the newest of everything, or anything was refused or repaired.

  --seconds N             how long (30)
  --zones N               stub zones, the one that changes among them (10)
  --services N            of the zone that changes (5000)
  --repeating N           services that take half of all changes (50)
  --changes-per-second N  offered (5000)
  --whole-zones N         instead of stubs so many zones that are processes with databases of their own (0)
  --profile FOLDER        a CPU profile of global is written there
  --json                  the figures as one line of JSON
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '30' },
      zones: { type: 'string', default: '10' },
      services: { type: 'string', default: '5000' },
      repeating: { type: 'string', default: '50' },
      'changes-per-second': { type: 'string', default: '5000' },
      'whole-zones': { type: 'string', default: '0' },
      profile: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const sizes = {
    seconds: numberOf('seconds', values.seconds),
    listeners: numberOf('zones', values.zones, 2) - 1,
    services: numberOf('services', values.services, 2),
    repeating: numberOf('repeating', values.repeating, 0),
    perSecond: numberOf('changes-per-second', values['changes-per-second']),
    profileFolder: values.profile,
  }
  const zones = numberOf('whole-zones', values['whole-zones'], 0)
  if (sizes.repeating >= sizes.services) throw new Error('--repeating must be fewer than --services')
  const startedMs = performance.now()
  const progress = (what: string): void => {
    process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
  const server = await startServer()
  try {
    const section =
      zones > 0
        ? wholeSection(await sustainedWhole(server.fresh, { ...sizes, zones }, progress, interrupted.signal))
        : sustainedSection(await sustained(server.fresh, sizes, progress, interrupted.signal))
    const machine = {
      cores: availableParallelism(),
      node: process.version,
      postgresql: server.version,
      load: loadavg()[0],
    }
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
    process.stderr.write(`sustained: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  },
)
