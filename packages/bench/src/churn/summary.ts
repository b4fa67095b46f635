import { count, exactly, ms, type Section } from '../report.js'
import type { Panel } from '../time-plot.js'
import type { ChurnReport, Memory } from './churn.js'
import type { Lag } from './judge.js'

const minuteMs = 60_000

export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? 0 }
}

/** Operations whose way was whole all the time. */
const undisturbed = (lags: readonly Lag[]): readonly number[] =>
  lags.flatMap(({ lagMs, sinceWholeMs }) => (sinceWholeMs === undefined ? [lagMs] : []))
/** Of the others: how long after their way was whole again. */
const afterOutages = (lags: readonly Lag[]): readonly number[] =>
  lags.flatMap(({ sinceWholeMs }) => (sinceWholeMs === undefined ? [] : [sinceWholeMs]))

const median = (values: readonly number[]): number => spreadOf(values).p50
const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)

/** Memory in the second sixth of the run and in the last: the first is for warming up. */
function growthOf(
  memory: readonly Memory[],
  of: (one: Memory) => number,
): { readonly early: number; readonly late: number } {
  const sixth = Math.max(1, Math.floor(memory.length / 6))
  const part = (from: number): number => median(memory.slice(from, from + sixth).map(of))
  return { early: part(Math.min(sixth, memory.length - 1)), late: part(memory.length - sixth) }
}

export function churnSection(report: ChurnReport): Section {
  const { sizes, lags, memory, cuts, cpu, watches, violations, refused } = report
  const whole = spreadOf(undisturbed(lags))
  const after = spreadOf(afterOutages(lags))
  const global = growthOf(memory, (one) => one.global)
  const zones = growthOf(memory, (one) => sum(one.zones))
  const spread = ({ p50, p99, most }: Spread): string => `p50 ${ms(p50)}, p99 ${ms(p99)}, at most ${ms(most)}`
  const grown = ({ early, late }: { early: number; late: number }): string =>
    `${early.toFixed(0)} → ${late.toFixed(0)} MiB (${((late / early - 1) * 100).toFixed(1)} %)`
  const isCount = (what: string, of: readonly string[]) => exactly(what, of.length, 0)
  return {
    id: 'churn',
    title: `${sizes.minutes} minutes of churn: a global and ${sizes.zones} zones, links cut by chance`,
    columns: ['what', 'measured'],
    rows: [
      ['services', count(sizes.services)],
      ['operations', `${count(report.operations)}, ${report.operationsPerSecond.toFixed(1)} a second`],
      [
        'links cut',
        Object.entries(cuts)
          .map(([how, times]) => `${how} ${times}`)
          .join(', '),
      ],
      [`shown elsewhere, the way whole (${count(whole.count)})`, spread(whole)],
      [`… after the way was whole again (${count(after.count)})`, spread(after)],
      ['memory of global, second sixth → last sixth', grown(global)],
      ['… of all zones together', grown(zones)],
      ['CPU', `global ${(cpu.global * 100).toFixed(1)} %, all zones ${(cpu.zones * 100).toFixed(1)} % of a core`],
      ['watches', `${count(watches.events)} events, ${watches.ended} ended, ${watches.anew} begun anew`],
      ['the same everywhere after the last operation', ms(report.convergedMs)],
    ],
    notes: [...violations, ...refused].slice(0, 20),
    gates: [isCount('violations', violations), isCount('operations refused', refused)],
    figures: { ...report, lags: { whole, after }, memory: { global, zones } },
  }
}

/** Lag and memory over the minutes. */
export function churnPanels({ lags, memory, sizes }: ChurnReport): readonly Panel[] {
  const minutes = Array.from({ length: Math.ceil(sizes.minutes) }, (_, i) => i)
  const byMinute = grouped(lags)
  const points = (of: (some: readonly Lag[]) => readonly number[], value: (spread: Spread) => number) =>
    minutes.flatMap((minute) => {
      const spread = spreadOf(of(byMinute.get(minute) ?? []))
      return spread.count === 0 ? [] : [{ minute: minute + 0.5, value: value(spread) }]
    })
  const over = (of: (one: Memory) => number) => memory.map((one) => ({ minute: one.atMs / minuteMs, value: of(one) }))
  return [
    {
      title: 'lag, ms',
      logarithmic: true,
      series: [
        { what: 'p50, the way whole', points: points(undisturbed, ({ p50 }) => p50) },
        { what: 'p99, the way whole', points: points(undisturbed, ({ p99 }) => p99) },
        { what: 'p99, after an outage', points: points(afterOutages, ({ p99 }) => p99) },
      ],
    },
    {
      title: 'resident memory, MiB',
      logarithmic: false,
      series: [
        { what: 'global', points: over(({ global }) => global) },
        { what: 'largest zone', points: over(({ zones }) => Math.max(...zones)) },
        { what: 'smallest zone', points: over(({ zones }) => Math.min(...zones)) },
      ],
    },
  ]
}

const minuteOf = ({ shownAtMs }: Lag): number => Math.floor(shownAtMs / minuteMs)

function grouped(lags: readonly Lag[]): ReadonlyMap<number, readonly Lag[]> {
  const by = new Map<number, Lag[]>()
  for (const lag of lags) {
    const minute = minuteOf(lag)
    const some = by.get(minute) ?? []
    some.push(lag)
    by.set(minute, some)
  }
  return by
}
