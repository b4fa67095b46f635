import type { Cell, RowReport } from '../judge.js'
import { type Column, columns } from '../row.js'
import type { StormReport } from '../storm/storm.js'
import { stormText } from './storm-text.js'

export interface Machine {
  readonly date: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
  readonly load: string
}

export interface Words {
  readonly machine: Machine
  readonly patience: number
  readonly full: boolean
  readonly storm?: StormReport | undefined
}

const mark = ({ holds }: Cell): string => (holds === undefined ? '' : holds ? '✔' : '✘')

/** What was asked, whether it holds, and the figure that was seen. */
export const cellText = (cell: Cell): string =>
  cell.asked === '–'
    ? '–'
    : [mark(cell), cell.asked === '✔' ? '' : cell.asked, cell.seen].filter((t) => t !== '').join(' ')

const inCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** `docs/fault-matrix.md`. Nothing in it says where it was made, only on what. */
export function markdown(reports: readonly RowReport[], { machine, patience, full, storm }: Words): string {
  const failed = reports.filter(({ ok }) => !ok)
  const row = (report: RowReport): string => {
    const cells = columns.map((column: Column) => inCell(cellText(report.cells[column])))
    const figures = report.failure === undefined ? report.figures : [report.failure, ...report.figures]
    return `| ${report.id} | ${inCell(report.fault)} | ${cells.join(' | ')} | ${inCell(figures.join('; '))} | ${inCell(report.standIn)} | ${report.ok ? 'holds' : '**does not hold**'} |`
  }
  const wrong = failed.flatMap((report) => [
    `- ${report.id}: ${inCell(report.failure ?? '')}`,
    ...columns.flatMap((column) =>
      report.cells[column].wrong.slice(0, 3).map((words) => `  - ${column}: ${inCell(words)}`),
    ),
  ])
  const found = reports.filter((report) => report.found !== '').map((report) => `- ${report.id}: ${report.found}`)
  return `# The fault matrix

Written by \`pnpm faults --write\` on ${machine.date}: ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}, load ${machine.load}.
${reports.length} rows, ${reports.length - failed.length} hold. Bounds in time are those of the columns times ${patience} (\`--patience\`)${full ? '' : '; faults last as long as it takes to see what comes of them (`--full`: as long as the fault says)'}.

Real processes of \`holdfast global\` and \`holdfast zone\` with identity, real PostgreSQL, a TCP proxy on each cable. During every row a
client in each zone resolves ten names a second and compares each answer with the first one, and writers apply changes (20 a second) and keep
what was acknowledged. After every row everybody has to agree and to have all of that, no address may have moved or have another owner, and
\`vip verify\` has to say so.

V: VIPs equal. W: unexpected writes 0 (rows of services that nobody changes are the very ones of before; where nothing is written
at all, rows are counted). D: unexpected deletes 0. Q: time until everybody has a change of everybody. B: bytes until a session was
proven. A: alarm (N: nothing may be told as wrong). L: last known good served throughout. –: not asked for.

| # | fault | V | W | D | Q | B | A | L | seen | stands in | |
| - | ----- | - | - | - | - | - | - | - | ---- | --------- | - |
${reports.map(row).join('\n')}
${wrong.length === 0 ? '' : `\n## What does not hold\n\n${wrong.join('\n')}\n`}${found.length === 0 ? '' : `\n## What was found with it\n\n${found.join('\n')}\n`}${storm === undefined ? '' : `\n${stormText(storm)}`}`
}
