import { parseArgs } from 'node:util'
import { numberOf } from '../number-flag.js'
import { documentOf, loadOf, type Shape, shapes, stepOf } from './load.js'

const usage = `usage: pnpm load [--shape SHAPE] [--services N] [--seed N] [--zone NAME] [--step N]

Prints MeshServices of zone NAME as YAML documents (JSON, a line each), for holdfastctl apply -f -.

  --shape SHAPE   ${shapes.join(', ')} (many-small)
  --services N    how many there are in all (1000)
  --seed N        the same seed gives the same services, to the byte (1)
  --zone NAME     whose they are (zone-1)
  --step N        only what step N of the churn changes, a hundredth of them; 0: all of them (0)
`

function main(): number {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string', default: 'many-small' },
      services: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      zone: { type: 'string', default: 'zone-1' },
      step: { type: 'string', default: '0' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  if (!(shapes as readonly string[]).includes(values.shape))
    throw new Error(`--shape must be one of ${shapes.join(', ')}, not ${values.shape}`)
  const options = {
    shape: values.shape as Shape,
    seed: numberOf('seed', values.seed, 0),
    zone: values.zone,
    services: numberOf('services', values.services, 1),
  }
  const step = numberOf('step', values.step, 0)
  for (const put of step === 0 ? loadOf(options) : stepOf(options, step))
    process.stdout.write(`---\n${JSON.stringify(documentOf(put))}\n`)
  return 0
}

try {
  process.exitCode = main()
} catch (error) {
  process.stderr.write(`load: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  process.exitCode = 2
}
