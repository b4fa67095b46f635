import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ControlPlane } from '@holdfast/testkit'
import pg from 'pg'
import { documentOf } from '../load/load.js'
import { cpuSeconds, residentMiB } from '../scale/usage.js'
import { services } from '../services.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import { offeredAtLabel, stepLabel } from './fast-writer.js'
import { postgresCpu } from './postgres-cpu.js'

export interface WholeSizes {
  readonly seconds: number
  readonly zones: number
  readonly services: number
  readonly repeating: number
  readonly perSecond: number
}

export interface WholeReport {
  readonly sizes: WholeSizes
  readonly offered: number
  readonly offeredPerSecond: number
  /** Sent to the API of the first zone: of what waits for the answer to the request before, only the newest is. */
  readonly applied: number
  /** Rows that each control plane has written, and their age when they were seen in its database; the zone that changes first. */
  readonly planes: readonly {
    readonly name: string
    readonly written: number
    readonly perSecond: number
    readonly lagMs: { readonly p50: number; readonly p99: number; readonly most: number }
    readonly cpuSeconds: number
    readonly memoryMiB: { readonly before: number; readonly end: number }
  }[]
  readonly postgresCpuSeconds: number
  readonly caughtUpMs: number
  readonly differing: number
  readonly lastedMs: number
}

const seed = 20_261_202
const page = 1_000
const lookEveryMs = 50
/** Changes in one request at most: a larger one is no rollout, but a restore. */
const requestMax = 500
const catchUpMs = 120_000

/** The same with real zones: all control planes are processes with databases of their own, and the first zone's API takes the changes. */
export async function sustainedWhole(
  fresh: FreshDatabase,
  sizes: WholeSizes,
  progress: (what: string) => void,
  interruptedBy: AbortSignal,
): Promise<WholeReport> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sustained-'))
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, interruptedBy])
  const closers: (() => Promise<unknown>)[] = []
  const start = async (name: string, role: 'global' | 'zone', flags: readonly string[]): Promise<Seen> => {
    const { url } = await fresh()
    const shared = ['--gui', 'off', ...flags]
    const plane = new ControlPlane({
      ...{ name, role, databaseUrl: url, folder, flags: shared, signal, startTimeoutMs: 120_000 },
    })
    closers.push(() => plane.stop())
    await plane.start()
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    closers.unshift(() => client.end())
    return new Seen(plane, client)
  }
  try {
    const global = await start('global', 'global', ['--kds-tls', 'off', '--allow-unauthenticated-zone', '*'])
    const address = `grpc://127.0.0.1:${global.plane.ports.kds}`
    const zones: Seen[] = []
    for (let i = 1; i <= sizes.zones; i++) zones.push(await start(`zone-${i}`, 'zone', ['--global-address', address]))
    const [origin] = zones
    if (origin === undefined) throw new Error('there is no zone')
    const all = [origin, global, ...zones.slice(1)]
    const documents = services({ seed, zone: origin.plane.name, count: sizes.services }).map(documentOf) as Document[]
    for (let from = 0; from < documents.length; from += page)
      await apply(origin.plane, documents.slice(from, from + page), signal)
    for (const seen of all)
      await until(`${seen.plane.name} to have all`, async () => (await seen.served()) === sizes.services, 600_000, 100)
    progress(`${all.length} control planes have ${sizes.services} services with addresses`)

    for (const seen of all) await seen.begin()
    const postgres = await postgresCpu(origin.client)
    const postgresBefore = postgres()
    const startedMs = performance.now()
    const stopped = new AbortController()
    const watching = all.map((seen) => seen.watch(stopped.signal))
    const { steps, ...offers } = await offer(origin.plane, documents, sizes, signal)
    const offeredMs = performance.now() - startedMs
    for (const seen of all) seen.endOffering()
    const differing = async (): Promise<number> =>
      (await Promise.all(all.map((seen) => seen.differing(steps)))).reduce((sum, one) => sum + one, 0)
    await until('all to have the newest', async () => (await differing()) === 0, catchUpMs, 100).catch(() => {})
    const lastedMs = performance.now() - startedMs
    stopped.abort()
    await Promise.all(watching)
    return {
      sizes,
      ...offers,
      offeredPerSecond: (1_000 * offers.offered) / offeredMs,
      planes: all.map((seen) => seen.report(offeredMs)),
      postgresCpuSeconds: postgres() - postgresBefore,
      caughtUpMs: lastedMs - offeredMs,
      differing: await differing(),
      lastedMs,
    }
  } finally {
    done.abort()
    for (const close of closers.reverse()) await close().catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Document {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

async function offer(
  plane: ControlPlane,
  documents: readonly Document[],
  { seconds, perSecond, repeating }: WholeSizes,
  signal: AbortSignal,
): Promise<{ readonly offered: number; readonly applied: number; readonly steps: ReadonlyMap<string, number> }> {
  const waiting = new Map<string, Document>()
  const steps = new Map<string, number>()
  let [offered, applied] = [0, 0]
  let [hot, cold] = [0, 0]
  let request: Promise<void> | undefined
  const send = (): void => {
    if (request !== undefined || waiting.size === 0) return
    const some = [...waiting.values()].slice(0, requestMax)
    for (const { name } of some) waiting.delete(name)
    applied += some.length
    request = apply(plane, some, signal).finally(() => {
      request = undefined
    })
  }
  const startedMs = performance.now()
  for (let nowMs = startedMs; nowMs - startedMs < seconds * 1_000; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startedMs) * perSecond) / 1_000)
    while (offered < due) {
      const isHot = repeating > 0 && offered % 2 === 0
      const at = isHot ? hot++ % repeating : repeating + (cold++ % (documents.length - repeating))
      const document = documents[at]
      if (document === undefined) throw new Error(`there is no service ${at}`)
      const step = ++offered
      const label = { [offeredAtLabel]: String(Math.round(unixMs())), [stepLabel]: String(step) }
      // Whoever waits already goes on waiting in its place, with what is new.
      waiting.set(document.name, { ...document, labels: { ...document.labels, ...label } })
      steps.set(document.name, step)
    }
    send()
    await (request === undefined ? setTimeout(5) : Promise.race([request, setTimeout(20)]))
  }
  while (waiting.size > 0 || request !== undefined) {
    send()
    await request
  }
  return { offered, applied, steps }
}

async function apply(plane: ControlPlane, documents: readonly Document[], signal: AbortSignal): Promise<void> {
  const response = await fetch(`${plane.apiUrl}/_apply`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(documents.map((one) => ({ ...one, labels: { ...one.labels, 'kuma.io/origin': 'zone' } }))),
    signal,
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`_apply answered ${response.status}: ${text.slice(0, 500)}`)
}

/** What stands in the database of a control plane, as it comes. */
class Seen {
  readonly plane: ControlPlane
  readonly client: pg.Client
  readonly #lagMs: number[] = []
  #revision = 0
  #written = 0
  #writtenWhile = 0
  #cpuBefore = 0
  #memoryBefore = 0

  constructor(plane: ControlPlane, client: pg.Client) {
    this.plane = plane
    this.client = client
  }

  async served(): Promise<number> {
    const { rows } = await this.client.query<{ n: number }>(
      "select count(*)::integer as n from resources where type = 'MeshService' and not deleted and length(vips) > 0",
    )
    return rows[0]?.n ?? 0
  }

  async begin(): Promise<void> {
    const { rows } = await this.client.query<{ revision: string }>('select revision from store_head')
    this.#revision = Number(rows[0]?.revision)
    this.#cpuBefore = cpuSeconds(this.#pid)
    this.#memoryBefore = residentMiB(this.#pid)
  }

  /** Looks at what was written, until then and once more. A look costs what is measured, so it is a range of an index. */
  async watch(stopped: AbortSignal): Promise<void> {
    for (let isLast = false; ; isLast = stopped.aborted) {
      const { rows } = await this.client.query<{ revision: string; at: string | null }>(
        `select revision, labels ->> '${offeredAtLabel}' as at from resources where revision > $1 and type = 'MeshService'`,
        [this.#revision],
      )
      const nowMs = unixMs()
      this.#written += rows.length
      for (const { revision, at } of rows) {
        this.#revision = Math.max(this.#revision, Number(revision))
        if (at !== null) this.#lagMs.push(nowMs - Number(at))
      }
      if (isLast) return
      await setTimeout(lookEveryMs)
    }
  }

  endOffering(): void {
    this.#writtenWhile = this.#written
  }

  async differing(steps: ReadonlyMap<string, number>): Promise<number> {
    // A step is said of one service only.
    const { rows } = await this.client.query<{ step: string }>(
      `select labels ->> '${stepLabel}' as step from resources
       where type = 'MeshService' and not deleted and labels ? '${stepLabel}'`,
    )
    const found = new Set(rows.map(({ step }) => Number(step)))
    return [...steps.values()].filter((step) => !found.has(step)).length
  }

  report(offeredMs: number): WholeReport['planes'][number] {
    const sorted = this.#lagMs.sort((a, b) => a - b)
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
    return {
      name: this.plane.name,
      written: this.#written,
      perSecond: (1_000 * this.#writtenWhile) / offeredMs,
      lagMs: { p50: at(0.5), p99: at(0.99), most: at(1) },
      cpuSeconds: cpuSeconds(this.#pid) - this.#cpuBefore,
      memoryMiB: { before: this.#memoryBefore, end: residentMiB(this.#pid) },
    }
  }

  get #pid(): number {
    const { pid, name } = this.plane
    if (pid === undefined) throw new Error(`${name} does not run`)
    return pid
  }
}

const unixMs = (): number => performance.timeOrigin + performance.now()
