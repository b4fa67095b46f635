import { parseArgs } from 'node:util'
import { Story } from './report.js'
import { Stage } from './stage.js'
import { act } from './story.js'
import { keptText } from './tables.js'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, keep: { type: 'boolean' } }, strict: true })

const interrupted = new AbortController()
const onSignal = (name: NodeJS.Signals): void => interrupted.abort(new Error(`interrupted by ${name}`))
process.on('SIGINT', onSignal).on('SIGTERM', onSignal)

const story = new Story()
const stage = new Stage(interrupted.signal)
let status = 1
try {
  const { report, planes } = await act(stage, story, interrupted.signal)
  status = report.ok ? 0 : 1
  if (!report.ok)
    for (const { what } of story.checks.filter((c) => !c.held)) process.stderr.write(`not true: ${what}\n`)
  if (values.keep === true) {
    process.stdout.write(keptText(planes))
    await new Promise<void>((resolve) => {
      if (interrupted.signal.aborted) resolve()
      interrupted.signal.addEventListener('abort', () => resolve(), { once: true })
      // Keeps the process: an AbortSignal alone does not.
      setInterval(() => undefined, 60_000)
    })
  }
  await stage.close()
  story.step(report.ok ? 'everything stopped; all of it was true' : 'everything stopped')
  if (values.json === true) process.stdout.write(`${JSON.stringify(report)}\n`)
} catch (error) {
  process.stderr.write(`the demo did not get to its end: ${(error as Error).message}\n`)
  status = 1
} finally {
  await stage.close().catch((error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`)
    status = 1
  })
}
process.exit(status)
