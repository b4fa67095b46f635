import { writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { neverRun } from './judge.js'
import { shuffled } from './order.js'
import { previousRef, previousVersion } from './previous.js'
import { markdown } from './report/markdown.js'
import { save, saved, savedStorm, saveStorm } from './report/saved.js'
import { rows } from './rows/index.js'
import { runRows } from './run.js'
import { storm } from './storm/storm.js'

const usage = `usage: pnpm faults [F01 …] [--quick] [--order SEED] [--full] [--patience N] [--write] [--json]

Makes the faults of the matrix with real processes, sockets and databases, and says of each what it asks for.
  --quick        the cheapest and most telling rows
  --order SEED   in an order that follows from the seed
  --full         faults last as long as the matrix says
  --patience N   bounds in time are stretched so many times (default 3)
  --previous REF the commit that is the version of before (F26, F27, F28): the last tag unless said otherwise
  --save DIR     each report is kept there, one file a row, and the last storm
  --from DIR     runs nothing: the table of what is kept there; a row without a report counts as failed
  --logs DIR     the logs of rows that do not hold are kept there
  --write        the table goes to docs/fault-matrix.md
  --storm        instead: faults two at a time over three globals and five zones, with --minutes N (30) and --seed N (1)
  --json         every report as one JSON array on standard output instead of the table
Exit status 1 if a row does not hold or could not be made.
`
const page = fileURLToPath(new URL('../../../docs/fault-matrix.md', import.meta.url))

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      order: { type: 'string' },
      full: { type: 'boolean' },
      patience: { type: 'string', default: '3' },
      changes: { type: 'string', default: '20' },
      write: { type: 'boolean' },
      storm: { type: 'boolean' },
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean' },
      previous: { type: 'string', default: previousRef() },
      logs: { type: 'string' },
      save: { type: 'string' },
      from: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const unknown = positionals.filter((id) => rows.every((row) => row.id !== id))
  if (unknown.length > 0) {
    process.stderr.write(`there is no row ${unknown.join(', ')}; there are ${rows.map(({ id }) => id).join(' ')}\n`)
    return 2
  }
  const chosen = rows.filter(({ id, quick }) =>
    positionals.length > 0 ? positionals.includes(id) : values.quick !== true || quick === true,
  )
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
  const startedMs = performance.now()
  const say = (text: string): void => {
    process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${text}\n`)
  }
  if (values.storm === true) {
    const report = await storm({
      ...{ seed: Number(values.seed), minutes: Number(values.minutes), changesPerSecond: Number(values.changes) },
      ...{ signal: interrupted.signal, say },
    })
    if (values.save !== undefined) saveStorm(values.save, report)
    process.stdout.write(`${JSON.stringify(report)}\n`)
    say(`${report.violations.length} violations`)
    return report.violations.length === 0 ? 0 : 1
  }
  const patience = Number(values.patience)
  const ran =
    values.from === undefined
      ? await runRows({
          rows: values.order === undefined ? chosen : shuffled(chosen, Number(values.order)),
          patience,
          full: values.full === true,
          changesPerSecond: Number(values.changes),
          signal: interrupted.signal,
          logs: values.logs,
          previous: previousVersion(values.previous, { signal: interrupted.signal, say }),
          say,
          done: (report) => {
            if (values.save !== undefined) save(values.save, report, Date.now())
          },
        })
      : saved(values.from)
  const missing = values.from === undefined ? [] : chosen.filter(({ id }) => ran.every((report) => report.id !== id))
  const reports = [...ran, ...missing.map(neverRun)].sort((one, other) => one.id.localeCompare(other.id))
  const table = markdown(reports, {
    patience,
    full: values.full === true,
    storm: values.from === undefined ? undefined : savedStorm(values.from),
    machine: {
      date: new Date().toISOString().slice(0, 10),
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.versions.node,
      load: loadavg()[0]?.toFixed(1) ?? '?',
    },
  })
  if (values.write === true) writeFileSync(page, table)
  process.stdout.write(values.json === true ? `${JSON.stringify(reports)}\n` : table)
  say(`${reports.filter(({ ok }) => ok).length} of ${reports.length} rows hold`)
  return !interrupted.signal.aborted && reports.every(({ ok }) => ok) ? 0 : 1
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`faults: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  },
)
