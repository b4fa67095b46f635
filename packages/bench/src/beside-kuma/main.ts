import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hasKuma } from '@holdfast/testkit'
import { numberOf } from '../number-flag.js'
import { asText, count, ms, type Section } from '../report.js'
import { startServer } from '../stand/server.js'
import { ServerCounts } from './counts.js'
import { type MeasureSizes, measure, type SideFigures, type Window } from './measure.js'
import { holdfastSide, kumaSide } from './side.js'

const usage = `usage: HOLDFAST_KUMA_CP=/path/to/kuma-cp pnpm beside-kuma [--services N] [--single N] [--window-seconds N] [--json]

The same mesh of a global and two zones twice, of Kuma's control planes and of ours, one after the other on the same machine
and the same PostgreSQL, and the same requests to both: how long things take, what doing nothing and a reconnect cost.

  --services N        MeshServices, all of the first zone (5000)
  --single N          changes, and new services, one after the other (5)
  --window-seconds N  of nothing, and of a reconnect (60)
  --limit-seconds N   for anything that is waited for (300)
  --json              the figures as one line of JSON
`

const time = (value: number | undefined, limitSeconds: number): string =>
  value === undefined ? `not in ${limitSeconds} s` : ms(value)
const each = (values: readonly number[], digits: number): string =>
  values.map((value) => value.toFixed(digits)).join(' / ')

function section(sides: readonly SideFigures[], sizes: MeasureSizes): Section {
  const row = (what: string, of: (side: SideFigures) => string): readonly string[] => [what, ...sides.map(of)]
  const within = (of: (side: SideFigures) => number | undefined) => (side: SideFigures) =>
    time(of(side), sizes.limitSeconds)
  const percent = ({ cpuSeconds }: Window): string =>
    each(
      cpuSeconds.map((value) => (value / sizes.windowSeconds) * 100),
      1,
    )
  const windowRows = (what: string, of: (side: SideFigures) => Window): readonly (readonly string[])[] => [
    row(`${what}: CPU s`, (side) => each(of(side).cpuSeconds, 1)),
    row(`${what}: CPU s of PostgreSQL`, (side) => of(side).databaseCpuSeconds.toFixed(1)),
    row(`${what}: rows written`, (side) => of(side).rows.map(count).join(' / ')),
    row(`${what}: bytes up, down`, (side) => `${count(of(side).bytesUp)}, ${count(of(side).bytesDown)}`),
  ]
  return {
    id: 'beside-kuma',
    title: `${count(sizes.services)} services of one zone, a global and two zones`,
    columns: ['what (global / zone-1 / zone-2)', ...sides.map(({ product }) => product)],
    rows: [
      row('PUT of all, one by one', (side) => ms(side.putMs)),
      row(
        '… until all are in the other zone',
        within(({ arrivedMs }) => arrivedMs),
      ),
      row(
        '… until all have an address there',
        within(({ addressedMs }) => addressedMs),
      ),
      row(
        'a change, until it is in the other zone',
        within(({ changeMs }) => changeMs),
      ),
      row(
        'a new service, until it is there',
        within(({ newcomer }) => newcomer.seenMs),
      ),
      row(
        '… until it has an address there',
        within(({ newcomer }) => newcomer.addressedMs),
      ),
      row('idle: % of a core', ({ idle }) => percent(idle)),
      ...windowRows(`idle for ${sizes.windowSeconds} s`, ({ idle }) => idle),
      ...windowRows(`with a reconnect in ${sizes.windowSeconds} s`, ({ reconnect }) => reconnect),
      row('reconnect of both zones, until quiet', ({ reconnect }) => time(reconnect.quietMs, sizes.windowSeconds)),
      row('services with another address afterwards', ({ reconnect }) => count(reconnect.moved)),
      row('resident MiB', ({ residentMiB }) => each(residentMiB, 0)),
    ],
    notes: [],
    gates: [],
    figures: sides,
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '5000' },
      single: { type: 'string', default: '5' },
      'window-seconds': { type: 'string', default: '60' },
      'limit-seconds': { type: 'string', default: '300' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  if (!hasKuma()) return 2
  const sizes = {
    services: numberOf('services', values.services),
    single: numberOf('single', values.single),
    windowSeconds: numberOf('window-seconds', values['window-seconds']),
    limitSeconds: numberOf('limit-seconds', values['limit-seconds']),
  }
  const startedMs = performance.now()
  const progress = (what: string): void => {
    const load = loadavg()[0]?.toFixed(1)
    process.stderr.write(
      `${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${what} (load ${load})\n`,
    )
  }
  const interrupted = new AbortController()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-beside-kuma-'))
  progress('starting PostgreSQL')
  const server = await startServer()
  try {
    const counts = await ServerCounts.open((await server.fresh()).url)
    const figures: SideFigures[] = []
    const open = [() => kumaSide(server.empty), () => holdfastSide(server.fresh, folder, interrupted.signal)]
    for (const start of open) {
      const side = await start()
      try {
        figures.push(await measure(side, counts, sizes, progress))
      } finally {
        await side.close()
      }
    }
    await counts.close()
    const machine = {
      cores: availableParallelism(),
      cpu: cpus()[0]?.model ?? 'unknown',
      node: process.version,
      postgresql: server.version,
      load: loadavg()[0],
    }
    if (values.json === true) process.stdout.write(`${JSON.stringify({ machine, sizes, figures })}\n`)
    else process.stdout.write(`${JSON.stringify(machine)}\n\n${asText([section(figures, sizes)])}`)
    return 0
  } finally {
    interrupted.abort()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`beside-kuma: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  },
)
