import { program } from '@holdfast/testkit'
import { type Column, columns, type Row, type Seen } from './row.js'
import { ask, metric, type Plane } from './stand/plane.js'
import type { Stand } from './stand/stand.js'
import { rewritten, type SteadyRows, steadyRows } from './watch/steady.js'
import type { Watch } from './watch/watch.js'

export interface Cell {
  readonly asked: string
  /** Undefined: nothing was asked. */
  readonly holds: boolean | undefined
  readonly seen: string
  readonly wrong: readonly string[]
}

export interface RowReport {
  readonly id: string
  readonly fault: string
  readonly cells: Readonly<Record<Column, Cell>>
  readonly figures: readonly string[]
  readonly standIn: string
  readonly found: string
  /** Why it could not be made or judged at all. */
  readonly failure?: string | undefined
  readonly tookMs: number
  readonly ok: boolean
}

/** A row that was asked for, and of which there is no report. */
export const neverRun = (row: Row): RowReport => notJudged(row, 'not run', 0)

/** A row that was not run to its end: nothing of it holds. */
export function notJudged(row: Row, failure: string, tookMs: number): RowReport {
  const cells = Object.fromEntries(
    columns.map((column): [Column, Cell] => [
      column,
      { asked: row.asked[column], holds: undefined, seen: '', wrong: [] },
    ]),
  ) as Record<Column, Cell>
  const { id, fault, standIn = '', found = '' } = row
  return { id, fault, standIn, found, cells, figures: [], failure, tookMs, ok: false }
}

/** What is noted before a fault, to be compared afterwards. */
export interface Before {
  readonly steady: ReadonlyMap<string, SteadyRows>
  readonly moved: number
  readonly reused: number
  readonly wrongNames: number
  readonly logBytes: ReadonlyMap<string, number>
  readonly answered: number
  readonly acknowledged: number
}

export async function before(stand: Stand, watch: Watch): Promise<Before> {
  return {
    steady: await allSteady(stand),
    moved: watch.memory.moved.length,
    reused: watch.memory.reused.length,
    wrongNames: wrongNames(watch).length,
    logBytes: new Map(stand.planes.map(({ name, process }) => [name, process.logBytes])),
    answered: answered(watch),
    acknowledged: watch.pace.acknowledged,
  }
}

/** Everything is settled; judges what the row has seen and what the observers have. */
export async function judge(
  row: Row,
  seen: Seen,
  was: Before,
  stand: Stand,
  watch: Watch,
): Promise<Pick<RowReport, 'cells' | 'figures'>> {
  const wrong: Record<Column, string[]> = { V: [], W: [], D: [], Q: [], B: [], A: [], L: [] }
  for (const column of columns) wrong[column].push(...(seen.wrong?.[column] ?? []))

  const steady = await allSteady(stand)
  const changed = [...steady].flatMap(([name, rows]) => rewritten(name, was.steady.get(name) ?? rows, rows))
  if (row.mayRewrite !== true) wrong.W.push(...changed)
  wrong.D.push(...changed.filter((words) => words.endsWith('is not there')))
  wrong.V.push(...watch.memory.moved.slice(was.moved), ...watch.memory.reused.slice(was.reused))
  wrong.V.push(...(await verified(stand)))
  const names = wrongNames(watch).slice(was.wrongNames)
  wrong.L.push(...names)
  wrong.V.push(...names.filter((words) => /: \d/.test(words)))
  const said = errorsSaid(stand, was)
  if (row.asked.A === 'N') wrong.A.push(...said.now, ...(await standing(stand)))
  else if (row.asked.A.startsWith('Y') && seen.alarm === undefined) wrong.A.push('no alarm was raised')
  if (seen.converged !== undefined && seen.converged.ms > seen.converged.boundMs)
    wrong.Q.push(`${seconds(seen.converged.ms)}, allowed are ${seconds(seen.converged.boundMs)}`)
  if (seen.bytes !== undefined && seen.bytes.most > seen.bytes.bound)
    wrong.B.push(`${seen.bytes.most} bytes, allowed are ${seen.bytes.bound}`)

  const shown: Record<Column, string> = {
    V: `${watch.memory.addresses} addresses`,
    W: '',
    D: `${watch.pace.acknowledged - was.acknowledged} acknowledged`,
    Q: seen.converged === undefined ? '' : seconds(seen.converged.ms),
    B: seen.bytes === undefined ? '' : `${seen.bytes.most} B`,
    A: seen.alarm ?? '',
    L: `${answered(watch) - was.answered} answers`,
  }
  const cells = Object.fromEntries(
    columns.map((column): [Column, Cell] => {
      const asked = row.asked[column]
      const isAsked = asked !== '–'
      const words = wrong[column]
      return [
        column,
        { asked, holds: isAsked ? words.length === 0 : undefined, seen: shown[column], wrong: isAsked ? words : [] },
      ]
    }),
  ) as Record<Column, Cell>
  const before = said.before.map((words) => `the version of before says: ${words}`)
  return { cells, figures: [...seen.figures, ...before] }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function allSteady(stand: Stand): Promise<ReadonlyMap<string, SteadyRows>> {
  const rows = new Map<string, SteadyRows>()
  for (const plane of [...stand.globals.slice(0, 1), ...stand.zones]) rows.set(plane.name, await steadyRows(plane))
  return rows
}

const wrongNames = (watch: Watch): readonly string[] =>
  [...watch.clients].flatMap(([zone, client]) => client.wrong.map((words) => `in ${zone}: ${words}`))

const answered = (watch: Watch): number =>
  [...watch.clients.values()].reduce((sum, client) => sum + client.counts.answered, 0)

/** `vip verify`: ledger, API, every zone and its names. */
async function verified(stand: Stand): Promise<readonly string[]> {
  const said = await ask<{
    readonly agree: boolean
    readonly complete: boolean
    readonly disagreements: readonly unknown[]
  }>(stand.global(), 'GET', '/_holdfast/vips/verify')
  if (said.agree && said.complete) return []
  return [`vip verify: ${said.complete ? '' : 'not complete; '}${JSON.stringify(said.disagreements).slice(0, 400)}`]
}

/** Errors in the logs, by who wrote them: what the version of before says is seen, and cannot be mended in this one. */
function errorsSaid(
  stand: Stand,
  was: Before,
): { readonly now: readonly string[]; readonly before: readonly string[] } {
  const said = stand.planes.flatMap(({ name, process }) =>
    process
      .logByProgram(was.logBytes.get(name) ?? 0)
      .filter(({ line }) => line.level >= 50)
      .map((by) => ({ now: by.program === program, words: `${name}: ${by.line.msg}` })),
  )
  const words = (now: boolean) => [...new Set(said.filter((one) => one.now === now).map((one) => one.words))]
  return { now: words(true), before: words(false) }
}

/** What is still told of as wrong although nothing is. */
async function standing(stand: Stand): Promise<readonly string[]> {
  const above: string[] = []
  for (const plane of stand.planes)
    for (const name of standingAlarms) {
      const value = await metric(plane, name)
      if (value > 0) above.push(`${plane.name}: ${name} is ${value}`)
    }
  return above
}

/** Gauges of the alerts in deploy/prometheus that are above 0 while something is wrong. */
const standingAlarms = [
  'holdfast_holds',
  'holdfast_refused',
  'holdfast_refused_by_peer',
  'holdfast_kds_diverged',
  'holdfast_vips_pending',
  'holdfast_recovering',
  'holdfast_dns_faults',
] as const

/** Evidence of an alarm: the first line of a log since then that says so. */
export function logged(plane: Plane, fromByte: number, words: RegExp): string | undefined {
  return plane.process.log(fromByte).find(({ level, msg }) => level >= 40 && words.test(msg))?.msg
}
