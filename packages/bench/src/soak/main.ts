import { parseArgs } from 'node:util'
import { startServer } from '../stand/server.js'
import { soak } from './soak.js'

const usage = `usage: pnpm soak [--zones N] [--cycles N] [--churn-seconds N] [--services N] [--operations-per-second N] [--name-timers]

Zones come and go at a global, are deleted, made again and disabled; then everything that global holds is compared with
what it held before: heap within 2 %, no timer, socket or connection left. Exit status 1 if not. Without the optimising
compiler, whose code grows for as long as something becomes hot and would be counted as what is left.
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      zones: { type: 'string', default: '50' },
      cycles: { type: 'string', default: '1000' },
      'churn-seconds': { type: 'string', default: '60' },
      services: { type: 'string', default: '0' },
      'operations-per-second': { type: 'string', default: '50' },
      'name-timers': { type: 'boolean' },
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
      zones: Number(values.zones),
      cycles: Number(values.cycles),
      churnSeconds: Number(values['churn-seconds']),
      services: Number(values.services),
      operationsPerSecond: Number(values['operations-per-second']),
      nameTimers: values['name-timers'],
    }
    const results = await soak(server.fresh, sizes, (what) => process.stderr.write(`${what}\n`))
    for (const one of results) {
      const { what, before, after, growth, leftOver, sessions, operations, rejections } = one
      const { done, idle, perSecond, medianMs, slowestMs } = operations
      process.stdout.write(
        `${what}: heap ${mebibytes(before.heapBytes)} before, ${mebibytes(after.heapBytes)} after (${(100 * growth).toFixed(2)} %), ` +
          `external ${mebibytes(before.externalBytes)} and ${mebibytes(after.externalBytes)}; ${sessions} sessions so far, ` +
          `${done} operations and ${idle} that found nothing to do, ${perSecond.toFixed(1)} a second, ` +
          `median ${medianMs.toFixed(0)} ms, slowest ${slowestMs.toFixed(0)} ms; ${one.services} services at global, ` +
          `${one.strayAddresses} active addresses of deleted zones; left over: ${leftOver.join(', ') || 'nothing'}; ${rejections} unhandled rejections\n`,
      )
    }
    const isClean = (one: (typeof results)[number]): boolean =>
      one.growth <= 0.02 && one.leftOver.length === 0 && one.rejections === 0 && one.strayAddresses === 0
    return results.every(isClean) ? 0 : 1
  } finally {
    await server.stop()
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(2)} MiB`

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    process.stderr.write(`soak: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  },
)
