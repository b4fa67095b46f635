import { atMost, count, exactly, ms, type Section } from '../report.js'
import type { SustainedReport } from './sustained.js'
import type { WholeReport } from './whole.js'

const perSecond = (value: number): string => `${count(Math.round(value))}/s`
const micros = (value: number): string => `${count(Math.round(value))} µs`
const mib = (value: number): string => `${value.toFixed(0)} MiB`

export function sustainedSection(r: SustainedReport): Section {
  const { sizes, told, lagMs, memoryMiB, cpuMicros, cores, bare } = r
  return {
    id: 'sustained',
    title: `Sustained changes of ${count(sizes.services)} services through a global to ${sizes.listeners} stub zones, ${sizes.seconds} s`,
    columns: ['what', 'goal', 'measured', 'beside it'],
    rows: [
      [
        'offered by one more stub zone',
        `${perSecond(sizes.perSecond)}`,
        perSecond(r.offeredPerSecond),
        count(r.offered),
      ],
      [
        'rows committed at global',
        '≥ 2,500/s',
        perSecond(r.committedPerSecond),
        `bare SQL ${perSecond(bare.rowsPerSecond)}, ${count(r.commits)} commits`,
      ],
      [
        'rows told to each zone',
        '≥ 2,500/s',
        perSecond(told.leastPerSecond),
        `${count(told.least)} to ${count(told.most)}`,
      ],
      ['overtaken before they were committed', '', count(r.coalesced), ''],
      ['age when a zone has it, p50', '', ms(lagMs.p50), ''],
      ['… p99', '', ms(lagMs.p99), `at most ${ms(lagMs.most)}`],
      ['until all had the newest, after the last', '', ms(r.caughtUpMs), ''],
      [
        'memory of global before, middle, end',
        'flat',
        [memoryMiB.before, memoryMiB.middle, memoryMiB.end].map(mib).join(', '),
        `at most ${mib(memoryMiB.most)}`,
      ],
      [
        'CPU for each row: global, PostgreSQL',
        '',
        `${micros(cpuMicros.global)}, ${micros(cpuMicros.postgres)}`,
        `the same bytes bare ${ms(bare.streamMs)}`,
      ],
      [
        'cores: global, PostgreSQL',
        '',
        `${cores.global.toFixed(2)}, ${cores.postgres.toFixed(2)}`,
        `writer ${cores.writer.toFixed(2)}, zones ${cores.listeners.toFixed(2)}`,
      ],
    ],
    notes: [],
    gates: [
      exactly('services of zones that are not the newest in the end', r.differing, 0),
      exactly('refused', r.refused, 0),
      exactly('proofs that did not agree', r.divergences, 0),
      exactly('sessions that began again', r.reconnects, 0),
      atMost('rows told to a zone, for as many committed', told.most, r.committed),
    ],
    figures: r,
  }
}

export function wholeSection(r: WholeReport): Section {
  const { sizes } = r
  const row = ({ name, written, perSecond: rate, lagMs, cpuSeconds, memoryMiB }: WholeReport['planes'][number]) => [
    name,
    perSecond(rate),
    count(written),
    ms(lagMs.p50),
    ms(lagMs.p99),
    ms(lagMs.most),
    micros((1e6 * cpuSeconds) / Math.max(1, written)),
    `${mib(memoryMiB.before)}, ${mib(memoryMiB.end)}`,
  ]
  return {
    id: 'sustained-whole',
    title: `Sustained changes of ${count(sizes.services)} services through a global and ${sizes.zones} zones as processes, ${sizes.seconds} s`,
    columns: ['control plane', 'rows', 'in all', 'age p50', 'p99', 'at most', 'CPU a row', 'memory'],
    rows: r.planes.map(row),
    notes: [
      `offered ${perSecond(r.offeredPerSecond)} (${count(r.offered)}), applied ${count(r.applied)}; goal ≥ 1,000/s everywhere`,
      `all had the newest ${ms(r.caughtUpMs)} after the last; PostgreSQL: ${r.postgresCpuSeconds.toFixed(1)} s of CPU`,
      'age: from when it was offered until it was seen in the database, which is looked at every 50 ms',
    ],
    gates: [exactly('services that are not the newest in the end', r.differing, 0)],
    figures: r,
  }
}
