import { parseArgs } from 'node:util'
import { startServer } from '../stand/server.js'
import { fuzz } from './fuzz.js'

const usage = `usage: pnpm fuzz-kds [--items N] [--seed N] [--connections N]

Malformed frames and messages at the KDS port of a global, from another process, while a Kuma zone that behaves is served.
Exit status 1 if its heap has grown by more than 5 % since the first tenth, anything is left over, a promise was rejected
without anybody hearing of it, or the zone is not served afterwards. Without the optimising compiler, like the soak.
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      items: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      connections: { type: 'string', default: '16' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const [items, seed, connections] = [Number(values.items), Number(values.seed), Number(values.connections)]
  const server = await startServer()
  try {
    const result = await fuzz(server.fresh, { items, warmUp: items / 10, seed, connections })
    const { before, after, growth, leftOver, rejections, bystanderServed, sent, seconds, residentBytes } = result
    process.stdout.write(
      `${sent} malformed frames and messages in ${seconds.toFixed(0)} s: heap ${mebibytes(before.heapBytes)} before, ` +
        `${mebibytes(after.heapBytes)} after (${(100 * growth).toFixed(2)} %), external ${mebibytes(before.externalBytes)} and ` +
        `${mebibytes(after.externalBytes)}, resident ${mebibytes(residentBytes)}; left over: ${leftOver.join(', ') || 'nothing'}; ` +
        `${rejections} unhandled rejections; the zone that behaves ${bystanderServed ? 'is' : 'is not'} served\n`,
    )
    return growth <= 0.05 && leftOver.length === 0 && rejections === 0 && bystanderServed ? 0 : 1
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
    process.stderr.write(`fuzz-kds: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  },
)
