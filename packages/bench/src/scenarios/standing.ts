import { performance } from 'node:perf_hooks'
import { openStore } from '@holdfast/store'
import pg from 'pg'
import pino from 'pino'
import { count, exactly, ms, ratio, type Section, theSame } from '../report.js'
import { calm, type Mesh } from '../stand/mesh.js'
import type { Plane } from '../stand/plane.js'
import { type Counts, inWords, Statements, total } from '../statements.js'

interface Taken {
  readonly statements: Counts
  readonly tookMs: number
}

/** What is done with a store that has so many services, with nothing else going on. */
export interface StandingFigures {
  readonly services: number
  /** Another process of global opens the same store: migrations looked at, everything counted once, history judged. */
  readonly start: Taken
  readonly verify: Taken & { readonly differences: number }
  readonly page: Taken & { readonly items: number; readonly bareMs: number }
  readonly get: Taken
}

const pageMax = 1_000

export async function standingFigures({ global, east, west }: Mesh, services: number): Promise<StandingFigures> {
  await calm([global, east, west])
  const { store } = global
  const opened = new Statements()
  const startMs = performance.now()
  const second = await openStore({
    databaseUrl: global.url,
    role: 'global',
    name: '',
    programVersion: '0.1.0',
    log: pino({ level: 'silent' }),
    onStatement: opened.note,
    listen: false,
  })
  const start = { statements: opened.all(), tookMs: performance.now() - startMs }
  await second.close()

  const differences = await taken(global, () => store.vip.verifyLocal())
  const page = await taken(global, () => store.read.list({ type: 'MeshService', offset: 0, limit: pageMax }))
  const [first] = page.value.items
  if (first === undefined) throw new Error('the page of services is empty')
  const one = await taken(global, () => store.read.get(first))
  return {
    services,
    start,
    verify: { ...differences.taken, differences: differences.value.length },
    page: { ...page.taken, items: page.value.items.length, bareMs: await barePage(global.url) },
    get: one.taken,
  }
}

const takes = 3

/** The first meets empty caches and does not count; of the others the quickest. */
async function taken<T>(plane: Plane, work: () => Promise<T>): Promise<{ readonly taken: Taken; readonly value: T }> {
  await work()
  let quickest: { readonly taken: Taken; readonly value: T } | undefined
  for (let take = 0; take < takes; take++) {
    const startMs = performance.now()
    const { value, statements } = await plane.statements.of(work)
    const tookMs = performance.now() - startMs
    if (quickest === undefined || tookMs < quickest.taken.tookMs) quickest = { taken: { statements, tookMs }, value }
  }
  if (quickest === undefined) throw new Error('nothing was taken')
  return quickest
}

/** The same rows by one query on a connection of its own, and as JSON. */
async function barePage(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    let tookMs = 0
    for (let i = 0; i < 2; i++) {
      const startMs = performance.now()
      const { rows } = await client.query(
        `select * from resources where type = 'MeshService' and not deleted order by mesh, export_name limit ${pageMax}`,
      )
      JSON.stringify(rows)
      tookMs = performance.now() - startMs
    }
    return tookMs
  } finally {
    await client.end()
  }
}

export function standingSection(figures: readonly StandingFigures[]): Section {
  const same = (what: string, of: (f: StandingFigures) => Taken) =>
    theSame(
      `statements of ${what}, whatever N`,
      figures.map((f) => inWords(of(f).statements)),
    )
  return {
    id: 'standing',
    title: `A global that stands: opened by another process, verified, a page of ${count(pageMax)} and one service read`,
    columns: ['services', 'open', 'SQL', 'verify', 'SQL', 'page', 'SQL', 'bare', 'ratio', 'get', 'SQL'],
    rows: figures.map((f) => [
      count(f.services),
      ms(f.start.tookMs),
      count(total(f.start.statements)),
      ms(f.verify.tookMs),
      count(total(f.verify.statements)),
      ms(f.page.tookMs),
      count(total(f.page.statements)),
      ms(f.page.bareMs),
      ratio(f.page.tookMs / f.page.bareMs),
      ms(f.get.tookMs),
      count(total(f.get.statements)),
    ]),
    notes: [],
    gates: [
      same('an opening', (f) => f.start),
      same('vip verify', (f) => f.verify),
      same('a page', (f) => f.page),
      ...figures.flatMap((f) => [
        exactly(`differences that vip verify finds at N = ${count(f.services)}`, f.verify.differences, 0),
        exactly(`statements of one get at N = ${count(f.services)}`, total(f.get.statements), 1),
      ]),
    ],
    figures,
  }
}
