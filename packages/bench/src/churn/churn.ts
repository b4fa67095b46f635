import { setMaxListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clearTimeout, setTimeout as startTimer } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import { ControlPlane, joinFlags, startTcpProxy, type TcpProxy } from '@holdfast/testkit'
import { documentOf } from '../load/load.js'
import { cpuSeconds, residentMiB } from '../scale/usage.js'
import { mulberry32, services } from '../services.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import { Judge, keyOf, type Lag, type Operation, type Shown } from './judge.js'
import { type Break, type Outage, outageOf, suffer } from './links.js'
import { idOf, shownOf, stepLabel, Watcher } from './watcher.js'
import { Workload } from './workload.js'

export interface ChurnSizes {
  /** May be a part of one. */
  readonly minutes: number
  readonly zones: number
  /** In all zones together. */
  readonly services: number
  readonly operationsPerSecond: number
  readonly cutsPerMinute: number
  readonly seed: number
}

/** Resident memory at one time, MiB. */
export interface Memory {
  readonly atMs: number
  readonly global: number
  readonly zones: readonly number[]
}

export interface ChurnReport {
  readonly sizes: ChurnSizes
  readonly operations: number
  /** Those that were not answered as they should be, and what was said. */
  readonly refused: readonly string[]
  readonly operationsPerSecond: number
  readonly cuts: Readonly<Record<Break, number>>
  /** Of all operations at all control planes, from when each was sent; times from the first change on. */
  readonly lags: readonly Lag[]
  readonly memory: readonly Memory[]
  /** CPU time while it churned, as a part of one core. */
  readonly cpu: { readonly global: number; readonly zones: number }
  readonly watches: { readonly events: number; readonly ended: number; readonly anew: number }
  readonly convergedMs: number
  readonly violations: readonly string[]
}

const memoryEveryMs = 5_000
const sayEveryMs = 60_000
/** More are not under way at once: who is asked too much answers late, and then fewer are asked. */
const underWayMax = 64
const convergeTimeoutMs = 300_000
const violationsMax = 100

/**
 * Real processes: a global and zones, each behind a link of its own that is cut by chance, while services come, change,
 * go and come back in all of them. Every control plane is watched by its API.
 */
export async function churn(
  fresh: FreshDatabase,
  sizes: ChurnSizes,
  say: (what: string) => void,
  interruptedBy: AbortSignal,
): Promise<ChurnReport> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-churn-'))
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, interruptedBy])
  const closers: (() => Promise<unknown>)[] = []
  const plane = async (name: string, role: 'global' | 'zone', flags: readonly string[]): Promise<ControlPlane> => {
    const { url } = await fresh()
    const process = new ControlPlane({ name, role, databaseUrl: url, folder, flags, signal, startTimeoutMs: 120_000 })
    closers.push(() => process.stop())
    await process.start()
    return process
  }
  try {
    const global = await plane('global', 'global', [])
    const links = new Map<string, TcpProxy>()
    const zones = new Map<string, ControlPlane>()
    for (let i = 1; i <= sizes.zones; i++) {
      const name = `zone-${i}`
      const link = await startTcpProxy({ targetPort: global.ports.kds ?? 0 })
      closers.push(() => link.close())
      links.set(name, link)
      zones.set(name, await plane(name, 'zone', await joinFlags(global, name, { port: link.port, folder, signal })))
    }
    say(`a global and ${zones.size} zones have started`)
    return await new Churn(sizes, { global, zones, links }, say, signal).run(done)
  } finally {
    done.abort()
    for (const close of closers.reverse()) await close().catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Mesh {
  readonly global: ControlPlane
  readonly zones: ReadonlyMap<string, ControlPlane>
  readonly links: ReadonlyMap<string, TcpProxy>
}

class Churn {
  readonly #sizes: ChurnSizes
  readonly #mesh: Mesh
  readonly #say: (what: string) => void
  readonly #signal: AbortSignal
  readonly #judge: Judge
  readonly #workload: Workload
  readonly #lags: Lag[] = []
  readonly #memory: Memory[] = []
  readonly #refused: string[] = []
  readonly #cuts = { reset: 0, fin: 0, freeze: 0, refuse: 0 }
  readonly #underWay = new Set<Promise<void>>()
  /** The last request about each service: the next one waits for its answer. */
  readonly #lastOf = new Map<string, Promise<void>>()
  #operations = 0
  #beganMs = 0
  #isRecording = false
  #told = 0

  constructor(sizes: ChurnSizes, mesh: Mesh, say: (what: string) => void, signal: AbortSignal) {
    this.#sizes = sizes
    this.#mesh = mesh
    this.#say = say
    this.#signal = signal
    this.#judge = new Judge(['global', ...mesh.zones.keys()])
    const zones = [...mesh.zones.keys()]
    const servicesPerZone = Math.max(1, Math.round(sizes.services / zones.length))
    this.#workload = new Workload({ seed: sizes.seed, zones, servicesPerZone })
  }

  async run(done: AbortController): Promise<ChurnReport> {
    const watchers = this.#planes().map(([name, plane]) => this.#watcher(name, plane))
    const watching = Promise.all(watchers.map((watcher) => watcher.run()))
    // Whatever ends a watch ends the run; it is awaited in the end.
    watching.catch((error: unknown) => done.abort(error))
    await Promise.all(watchers.map(({ synced }) => synced))
    for (const operation of this.#workload.first()) await this.#send(operation)
    await Promise.all(this.#underWay)
    const convergedFirstMs = await this.#converged()
    this.#say(`${this.#sizes.services} services are everywhere after ${Math.round(convergedFirstMs)} ms`)

    this.#beganMs = performance.now()
    this.#isRecording = true
    this.#operations = 0
    const cpuBefore = this.#cpu()
    // A timer and not AbortSignal.timeout: that one, known only to what `any` made of it, is collected before its time.
    const time = new AbortController()
    const timer = startTimer(() => time.abort(), this.#sizes.minutes * 60_000)
    const stopped = AbortSignal.any([this.#signal, time.signal])
    setMaxListeners(0, stopped)
    await Promise.all([this.#operate(stopped), this.#cut(stopped), this.#remember(stopped)])
    clearTimeout(timer)
    this.#signal.throwIfAborted()
    const tookMs = performance.now() - this.#beganMs
    const cpuAfter = this.#cpu()
    await Promise.all(this.#underWay)
    const convergedMs = await this.#converged()
    const differing = await this.#differing()
    const { agree, disagreements } = await ask<{ agree: boolean; disagreements: readonly unknown[] }>(
      this.#mesh.global,
      '/_holdfast/vips/verify',
    )
    done.abort()
    await watching
    const counts = watchers.map((watcher) => watcher.counts)
    const sum = (of: 'events' | 'ended' | 'anew'): number => counts.reduce((all, each) => all + each[of], 0)
    return {
      sizes: this.#sizes,
      operations: this.#operations,
      refused: this.#refused,
      operationsPerSecond: this.#operations / (tookMs / 1_000),
      cuts: this.#cuts,
      lags: this.#lags,
      memory: this.#memory,
      cpu: {
        global: (cpuAfter.global - cpuBefore.global) / (tookMs / 1_000),
        zones: (cpuAfter.zones - cpuBefore.zones) / (tookMs / 1_000),
      },
      watches: { events: sum('events'), ended: sum('ended'), anew: sum('anew') },
      convergedMs,
      violations: [
        ...this.#judge.violations.slice(0, violationsMax),
        ...differing,
        ...(agree ? [] : [`vip verify: ${JSON.stringify(disagreements).slice(0, 1_000)}`]),
      ],
    }
  }

  #planes(): readonly (readonly [string, ControlPlane])[] {
    return [['global', this.#mesh.global], ...this.#mesh.zones]
  }

  #watcher(name: string, plane: ControlPlane): Watcher {
    const record = (lags: readonly Lag[]): void => {
      if (!this.#isRecording) return
      for (const lag of lags) this.#lags.push({ ...lag, shownAtMs: lag.shownAtMs - this.#beganMs })
    }
    const watched = {
      shown: (service: { zone: string; name: string }, now: Shown) =>
        record(this.#judge.shown(name, service, now, performance.now())),
      gone: (service: { zone: string; name: string }) => record(this.#judge.gone(name, service, performance.now())),
    }
    return new Watcher(plane.apiUrl, watched, this.#signal)
  }

  async #operate(stopped: AbortSignal): Promise<void> {
    const everyMs = 1_000 / this.#sizes.operationsPerSecond
    let saidMs = this.#beganMs
    for (let n = 0; !stopped.aborted; n++) {
      await this.#send(this.#workload.next())
      const nowMs = performance.now()
      if (nowMs - saidMs > sayEveryMs) {
        saidMs = nowMs
        this.#progress(nowMs)
      }
      await pause(Math.max(0, this.#beganMs + (n + 1) * everyMs - nowMs), stopped)
    }
  }

  #progress(nowMs: number): void {
    const minutes = Math.round((nowMs - this.#beganMs) / 60_000)
    const cuts = Object.values(this.#cuts).reduce((all, each) => all + each, 0)
    const { global = 0 } = this.#memory.at(-1) ?? {}
    this.#say(
      `minute ${minutes} of ${this.#sizes.minutes}: ${this.#operations} operations, ${cuts} cuts, global ${global.toFixed(0)} MiB, ` +
        `${this.#judge.violations.length} violations, ${this.#refused.length} refused`,
    )
    for (const violation of this.#judge.violations.slice(this.#told)) this.#say(violation)
    this.#told = this.#judge.violations.length
  }

  /** Sends it once there is room, in the order of each service; does not wait for the answer. */
  async #send(operation: Operation): Promise<void> {
    while (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay)
    const key = keyOf(operation)
    const before = this.#lastOf.get(key)
    const request = (async () => {
      await before
      this.#judge.sent(operation, performance.now())
      const refusal = await perform(this.#mesh.zones.get(operation.zone), operation, this.#sizes.seed).catch(
        (error: unknown) => `no answer: ${String(error)}`,
      )
      if (refusal === undefined) this.#operations++
      else this.#refused.push(`${operation.does} ${key}: ${refusal}`)
    })()
    this.#lastOf.set(key, request)
    this.#underWay.add(request)
    void request.finally(() => {
      this.#underWay.delete(request)
      if (this.#lastOf.get(key) === request) this.#lastOf.delete(key)
    })
  }

  async #cut(stopped: AbortSignal): Promise<void> {
    const chance = mulberry32(this.#sizes.seed + 1)
    const broken = new Map<string, Promise<void>>()
    while (!stopped.aborted) {
      // Exponential: cuts know nothing of each other.
      await pause((-Math.log(1 - chance()) * 60_000) / this.#sizes.cutsPerMinute, stopped)
      if (stopped.aborted) break
      const links = [...this.#mesh.links]
      const [zone, link] = links[Math.floor(chance() * links.length)] ?? []
      const outage = outageOf(chance(), chance())
      if (zone === undefined || link === undefined || broken.has(zone)) continue
      this.#cuts[outage.how]++
      broken.set(
        zone,
        this.#outage(zone, link, outage, stopped).then(() => {
          broken.delete(zone)
        }),
      )
    }
    await Promise.all(broken.values())
  }

  /** From when it begins until the zone is told things again: a zone waits between its attempts. */
  async #outage(name: string, link: TcpProxy, outage: Outage, stopped: AbortSignal): Promise<void> {
    const zone = this.#mesh.zones.get(name)
    const { accepted } = link.counts()
    this.#judge.broken(name, performance.now())
    await suffer(link, outage, stopped)
    const isBack = async (): Promise<boolean> =>
      (outage.how === 'freeze' || link.counts().accepted > accepted) && zone !== undefined && (await isProven(zone))
    await until(`${name} to be back`, isBack, convergeTimeoutMs, 100)
    this.#judge.whole(name, performance.now())
  }

  async #remember(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      this.#memory.push({
        atMs: performance.now() - this.#beganMs,
        global: residentMiB(pidOf(this.#mesh.global)),
        zones: [...this.#mesh.zones.values()].map((zone) => residentMiB(pidOf(zone))),
      })
      await pause(memoryEveryMs, stopped)
    }
  }

  #cpu(): { readonly global: number; readonly zones: number } {
    const zones = [...this.#mesh.zones.values()].reduce((all, zone) => all + cpuSeconds(pidOf(zone)), 0)
    return { global: cpuSeconds(pidOf(this.#mesh.global)), zones }
  }

  /** How long it takes from now until every control plane has exactly what it should. */
  async #converged(): Promise<number> {
    const startedMs = performance.now()
    let differing: readonly string[] = []
    const isThere = async (): Promise<boolean> => {
      differing = await this.#differing()
      return differing.length === 0
    }
    // What differs in the end is told as a violation by who looks afterwards.
    await until('all control planes to have the same', isThere, convergeTimeoutMs, 500).catch(() => {
      this.#say(`not the same everywhere: ${differing.slice(0, 3).join('; ')}`)
    })
    return performance.now() - startedMs
  }

  async #differing(): Promise<readonly string[]> {
    const all = await Promise.all(
      this.#planes().map(async ([name, plane]) =>
        this.#judge.compare(name, this.#workload.expected, await allOf(plane)),
      ),
    )
    return all.flat().slice(0, violationsMax)
  }
}

const pageSize = 1_000

async function allOf(plane: ControlPlane): Promise<ReadonlyMap<string, Shown>> {
  const found = new Map<string, Shown>()
  for (let path: string | null = `/meshes/default/meshservices?size=${pageSize}`; path !== null; ) {
    const page: Page = await ask<Page>(plane, path)
    for (const item of page.items) found.set(keyOf(idOf(item)), shownOf(item))
    path = page.next === null ? null : new URL(page.next).pathname + new URL(page.next).search
  }
  return found
}

interface Page {
  readonly items: readonly Parameters<typeof idOf>[0][]
  readonly next: string | null
}

/** @returns what was said, if it was not done */
async function perform(
  zone: ControlPlane | undefined,
  { step, name, does }: Operation,
  seed: number,
): Promise<string | undefined> {
  if (zone === undefined) return 'there is no such zone'
  const url = `${zone.apiUrl}/meshes/default/meshservices/${name}`
  const response = await (does === 'delete'
    ? fetch(url, { method: 'DELETE' })
    : fetch(url, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(documentFor(zone.name, name, step, seed)),
      }))
  const text = await response.text()
  return response.ok ? undefined : `${response.status} ${text.slice(0, 300)}`
}

function documentFor(zone: string, name: string, step: number, seed: number): object {
  const [put] = services({ seed, zone, count: 1, from: step })
  if (put === undefined) throw new Error('no service was made')
  const labels = {
    'kuma.io/mesh': 'default',
    'kuma.io/origin': 'zone',
    app: name,
    [stepLabel]: String(step),
  }
  return { ...documentOf(put), name, labels }
}

async function ask<T>(plane: ControlPlane, path: string): Promise<T> {
  const response = await fetch(`${plane.apiUrl}${path}`)
  const body = await response.text()
  if (!response.ok) throw new Error(`${plane.name}: GET ${path} answered ${response.status}: ${body.slice(0, 500)}`)
  return JSON.parse(body) as T
}

async function isProven(zone: ControlPlane): Promise<boolean> {
  const { peers } = await ask<{ readonly peers: readonly { connected: boolean; bytesToProven?: number }[] }>(
    zone,
    '/_holdfast/sync',
  )
  return peers[0]?.connected === true && peers[0].bytesToProven !== undefined
}

const pidOf = ({ name, pid }: ControlPlane): number => {
  if (pid === undefined) throw new Error(`${name} does not run`)
  return pid
}

/** Until then, or until the run ends. */
const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined)
}
