import { parseArgs } from 'node:util'
import { killNine } from './kill-nine/rounds.js'
import { Stage } from './stage.js'

const { values } = parseArgs({
  options: { times: { type: 'string', default: '10' }, writes: { type: 'string', default: '20' } },
  strict: true,
})

const interrupted = new AbortController()
const onSignal = (name: NodeJS.Signals): void => interrupted.abort(new Error(`interrupted by ${name}`))
process.on('SIGINT', onSignal).on('SIGTERM', onSignal)

const startedMs = performance.now()
const say = (text: string): void => {
  process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${text}\n`)
}
const stage = new Stage(interrupted.signal)
let status = 1
try {
  const { times, writes } = values
  say(`killing global, east and west with SIGKILL, ${times} times each, under writes on all three`)
  const report = await killNine(stage, {
    ...{ times: Number(times), writes: Number(writes) },
    ...{ signal: interrupted.signal, say },
  })
  status = report.ok ? 0 : 1
  process.stdout.write(`${JSON.stringify(report)}\n`)
} catch (error) {
  process.stderr.write(`it did not get to its end: ${(error as Error).message}\n`)
} finally {
  await stage.close().catch((error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`)
    status = 1
  })
}
process.exit(status)
