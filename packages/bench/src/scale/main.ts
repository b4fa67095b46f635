import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { numberOf } from '../number-flag.js'
import { asText, count, ms, type Section } from '../report.js'
import { startServer } from '../stand/server.js'
import { type ScaleFigures, scale } from './scale.js'

const usage = `usage: pnpm scale [--services N] [--zones N] [--idle-seconds N] [--json]

What a global of so many services costs, in processes of their own on a durable PostgreSQL: filling it, telling a new zone
everything, doing nothing, verifying, reading, starting, and many zones that dial at once over TLS.

  --services N      MeshServices, all of one zone (67760)
  --zones N         stub zones that dial at once (100)
  --idle-seconds N  how long nothing is done (60)
  --json            the figures as one line of JSON
`

const mib = (value: number): string => `${value.toFixed(0)} MiB`

const section = (f: ScaleFigures): Section => ({
  id: 'scale',
  title: `A global of ${count(f.services)} services, in processes of their own`,
  columns: ['what', 'goal', 'measured', 'beside it'],
  rows: [
    [
      'applied in one zone, in pages of 10,000',
      '',
      ms(f.filled.appliedMs),
      `peak of global ${mib(f.filled.globalPeakMiB)}`,
    ],
    ['… until global has all, with VIPs', '', ms(f.filled.everywhereMs), ''],
    [
      'full sync of a new zone',
      '≤ 64 MiB above idle',
      ms(f.fullSync.tookMs),
      `global ${mib(f.fullSync.globalMoreMiB)} more, the zone ${mib(f.fullSync.zoneMoreMiB)}`,
    ],
    [
      'idle',
      '< 1 % of a core',
      `global ${f.idle.globalCorePercent.toFixed(2)} %`,
      `zone ${f.idle.zoneCorePercent.toFixed(2)} %, global ${mib(f.idle.globalMiB)}`,
    ],
    ['vip verify', '≤ 10 s with 5 zones', ms(f.verify.tookMs), `${f.verify.zones} zones`],
    ['a page of 1,000', '≤ 3 × bare', ms(f.http.pageMs), `bare query and JSON ${ms(f.http.barePageMs)}`],
    [
      'gets a second',
      '≥ 1/2 of bare',
      count(Math.round(f.http.getsPerSecond)),
      `bare route ${count(Math.round(f.http.bareGetsPerSecond))}`,
    ],
    [
      'a get right after a change',
      '',
      ms(f.http.getAfterChangeMs.median),
      `at most ${ms(f.http.getAfterChangeMs.most)}`,
    ],
    ['start of global', '≤ 3 s', ms(f.start.tookMs), ''],
    [
      `${f.zones} zones dial at once over TLS`,
      '≤ 3 s, ≤ 256 KiB, loop ≤ 100 ms',
      ms(f.dial.slowestMs),
      `median ${ms(f.dial.medianMs)}, ${count(f.dial.bytes)} B, loop ${ms(f.dial.loopMostMs)}`,
    ],
    ...f.memory.at.map(({ zones, miB }) => [
      `memory of global with ${zones} stub zones beside two`,
      zones === 50 ? '≤ 600 MiB' : '',
      mib(miB),
      '',
    ]),
  ],
  notes: [],
  gates: [],
  figures: f,
})

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '67760' },
      zones: { type: 'string', default: '100' },
      'idle-seconds': { type: 'string', default: '60' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const sizes = {
    services: numberOf('services', values.services),
    zones: numberOf('zones', values.zones),
    idleSeconds: numberOf('idle-seconds', values['idle-seconds']),
  }
  const startedMs = performance.now()
  const progress = (what: string): void => {
    process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
  }
  progress('starting PostgreSQL')
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
  const server = await startServer()
  try {
    const figures = await scale(server.fresh, sizes, progress, interrupted.signal)
    const machine = {
      cores: availableParallelism(),
      node: process.version,
      postgresql: server.version,
      load: loadavg()[0],
    }
    if (values.json === true) process.stdout.write(`${JSON.stringify({ machine, figures })}\n`)
    else process.stdout.write(`${JSON.stringify(machine)}\n\n${asText([section(figures)])}`)
    return 0
  } finally {
    await server.stop()
  }
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`scale: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  },
)
