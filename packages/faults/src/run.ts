import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, judge, notJudged, type RowReport } from './judge.js'
import { columns, type Row } from './row.js'
import { Cluster } from './stand/cluster.js'
import { type Clusters, type Shape, Stand, sameShape } from './stand/stand.js'
import { Turn } from './turn.js'
import { Watch } from './watch/watch.js'

export interface RunOptions {
  readonly rows: readonly Row[]
  readonly patience: number
  readonly full: boolean
  readonly changesPerSecond: number
  readonly signal: AbortSignal
  /** Where the program of the version of before is, built first if need be. */
  readonly previous: () => Promise<string>
  readonly say: (text: string) => void
  /** Told of each row when it is over. */
  readonly done?: (report: RowReport) => void
  /** Where the logs of a row that does not hold are kept; nowhere unless said. */
  readonly logs?: string | undefined
}

const settleTimeoutMs = 240_000

/** Runs each row until it is told to stop, one after the other; a stand goes on to the next row that wants such a one, unless something was wrong. */
export async function runRows(options: RunOptions): Promise<readonly RowReport[]> {
  const ground = new Ground(options)
  const reports: RowReport[] = []
  try {
    for (const row of options.rows) {
      if (options.signal.aborted) break
      options.say(`${row.id}: ${row.fault}`)
      const report = await runRow(row, ground, options)
      // What was interrupted says nothing of the row.
      if (options.signal.aborted) break
      reports.push(report)
      options.done?.(report)
      options.say(`${row.id}: ${report.ok ? 'holds' : 'DOES NOT HOLD'}${wrongOf(report)}`)
    }
  } finally {
    await ground.close()
  }
  return reports
}

const wrongOf = (report: RowReport): string =>
  [report.failure ?? [], ...columns.flatMap((c) => report.cells[c].wrong.map((words) => `${c}: ${words}`))]
    .flat()
    .slice(0, 12)
    .map((words) => `\n      ${words}`)
    .join('')

async function runRow(row: Row, ground: Ground, { patience, full, say }: RunOptions): Promise<RowReport> {
  const startedMs = performance.now()
  const tookMs = (): number => Math.round(performance.now() - startedMs)
  const base = { id: row.id, fault: row.fault, standIn: row.standIn ?? '', found: row.found ?? '' }
  try {
    const { stand, watch } = await ground.stand(row)
    const turn = new Turn({ stand, watch, patience, full, say: (text) => say(`   ${text}`) })
    await watch.settle(settleTimeoutMs)
    const was = await before(stand, watch)
    watch.pace.go()
    const seen = await row.run(turn)
    await watch.pace.rest()
    await watch.settle(settleTimeoutMs)
    const { cells, figures } = await judge(row, seen, was, stand, watch)
    const ok = columns.every((column) => cells[column].holds !== false)
    if (!ok) ground.keepLogs(row.id)
    if (!ok || row.own === true) await ground.clear(row.own === true)
    return { ...base, cells, figures, ok, tookMs: tookMs() }
  } catch (error) {
    const failure = `not run to its end: ${error instanceof Error ? error.message : String(error)}`
    say(ground.lastWords())
    ground.keepLogs(row.id)
    await ground.clear(true)
    return notJudged(row, failure, tookMs())
  }
}

/** The databases and the stand that is up. */
class Ground {
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-faults-postgres-'))
  readonly #options: RunOptions
  #clusters: Clusters | undefined
  #made = 0
  #current: { readonly shape: Shape; readonly stand: Stand; readonly watch: Watch } | undefined

  constructor(options: RunOptions) {
    this.#options = options
  }

  async stand(row: Row): Promise<{ readonly stand: Stand; readonly watch: Watch }> {
    const { changesPerSecond, signal, previous } = this.#options
    if (this.#current !== undefined && row.own !== true && sameShape(this.#current.shape, row.shape))
      return this.#current
    await this.clear(false)
    const clusters = await this.#running()
    const stand = await Stand.open(row.shape, { clusters, signal, previous })
    try {
      await row.prepare?.(stand)
      const watch = await Watch.start(stand, { changesPerSecond })
      this.#current = { shape: row.shape, stand, watch }
      return this.#current
    } catch (error) {
      this.#options.say(wordsOf(stand))
      await stand.close()
      throw error
    }
  }

  /** The stand comes down. @param clusters also the servers, whatever has become of them */
  async clear(clusters: boolean): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await current?.watch.close()
    await current?.stand.close()
    if (!clusters) return
    const { global, zones } = this.#clusters ?? {}
    this.#clusters = undefined
    for (const cluster of [global, zones]) await cluster?.stop().catch(() => undefined)
  }

  /** The logs of the stand that is up, under the name of the row that it failed. */
  keepLogs(id: string): void {
    const { logs } = this.#options
    if (logs === undefined || this.#current === undefined) return
    mkdirSync(join(logs, id), { recursive: true })
    for (const { name, process } of this.#current.stand.planes)
      copyFileSync(process.logFile, join(logs, id, `${name}.log`))
  }

  lastWords(): string {
    return this.#current === undefined ? '' : wordsOf(this.#current.stand)
  }

  async close(): Promise<void> {
    await this.clear(true)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #running(): Promise<Clusters> {
    if (this.#clusters !== undefined) return this.#clusters
    const { signal } = this.#options
    const folder = join(this.#folder, String(++this.#made))
    const clusters = { global: new Cluster('global', folder, signal), zones: new Cluster('zones', folder, signal) }
    this.#clusters = clusters
    await clusters.global.start()
    await clusters.zones.start()
    return clusters
  }
}

/** The end of each log, for whoever has to find out. */
const wordsOf = (stand: Stand): string =>
  stand.planes
    .map(({ name, process }) => `--- ${name}\n${process.lastLog(6)}`)
    .join('\n')
    .slice(0, 8_000)
