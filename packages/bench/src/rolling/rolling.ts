import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { isMoving } from '@holdfast/peer'
import { ControlPlane } from '@holdfast/testkit'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import { GlobalProcess } from './processes.js'
import { StubZone } from './stub-zone.js'
import { WholeZone } from './whole-zone.js'

export interface RollingSizes {
  readonly globals: number
  /** Stubs, which share what they are told. */
  readonly zones: number
  /** Beside them: programs with databases of their own. */
  readonly wholeZones: number
  /** In all zones together; each zone has its share. */
  readonly services: number
  readonly changesPerSecond: number
}

export interface RollingReport {
  readonly zones: number
  readonly wholeZones: number
  readonly services: number
  /** As they were made, on the clock. */
  readonly changesPerSecond: number
  readonly restarts: readonly { readonly name: string; readonly stopMs: number; readonly startMs: number }[]
  /** Of a processor, while it was changed, restarted and looked at: all stubs with what makes the changes, and all globals with their starts. */
  readonly cpuSeconds: { readonly lasted: number; readonly stubs: number; readonly globals: number }
  readonly reconnects: number
  /** Of them, after the global had said that it was about to stop. */
  readonly movedOnRequest: number
  /** Age of the oldest change of the probe that a zone had not got, at its worst; before the restarts and during them. */
  readonly stalenessBeforeMs: number
  readonly stalenessMs: number
  readonly staleness99Ms: number
  /** Reconnects in which half of all resources or more came again, changes meanwhile apart. */
  readonly fullSyncs: number
  readonly resourcesPerReconnectMost: number
  readonly bytesPerReconnectMost: number
  readonly vipsChanged: number
  readonly vipsDiffering: number
}

const probe = 'probe'
const probeEveryMs = 50
/** Changes of one zone in one commit: a rollout seldom changes one service alone. */
const perCommit = 5
/** What a busy machine has missed is made up for, no more than so much of it between two changes of the probe. */
const madeUpMs = 1_000
const turnEveryMs = 20
const lookEveryMs = 25
const lookAtWholeEveryMs = 100
const startTimeoutMs = 120_000

/** Restarts all globals of one database, one after the other, while zones change what they have. */
export async function rolling(
  fresh: FreshDatabase,
  sizes: RollingSizes,
  say: (what: string) => void,
): Promise<RollingReport> {
  const { url } = await fresh()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rolling-'))
  const globals = Array.from({ length: sizes.globals }, (_, i) => new GlobalProcess(`global-${i + 1}`, url, folder))
  const zones: StubZone[] = []
  const whole: WholeZone[] = []
  const done = new AbortController()
  let load: Load | undefined
  try {
    for (const global of globals) await global.start()
    const addresses = globals.map(({ kdsPort }) => `grpc://127.0.0.1:${kdsPort}`)
    for (let i = 0; i < sizes.zones; i++) zones.push(new StubZone(`zone-${i + 1}`, addresses))
    for (const zone of zones) await zone.start()
    for (let i = 0; i < sizes.wholeZones; i++) {
      const name = `whole-${i + 1}`
      const flags = [...['--gui', 'off'], ...addresses.flatMap((address) => ['--global-address', address])]
      const { url: databaseUrl } = await fresh()
      const signal = done.signal
      const zone = new WholeZone(
        new ControlPlane({ name, role: 'zone', databaseUrl, folder, flags, signal, startTimeoutMs }),
      )
      whole.push(zone)
      await zone.process.start()
    }
    await until('all zones to be proven', () => zones.every((zone) => zone.isProven))
    const all = await services(zones, whole, sizes.services)
    say(`${zones.length} stubs and ${whole.length} whole zones with ${all} services are in step`)

    const before = (await zones[0]?.vips()) ?? {}
    load = new Load(zones, whole, sizes)
    const [cpuBefore, beganMs] = [process.cpuUsage(), performance.now()]
    let globalsCpu = -sum(globals.map((global) => global.cpuSeconds))
    load.start()
    await pause(3_000)
    const stalenessBeforeMs = load.takeWorst()
    const restarts: { name: string; stopMs: number; startMs: number }[] = []
    for (const global of globals) {
      globalsCpu += global.cpuSeconds
      const stopMs = Math.round(await global.stop())
      const startMs = Math.round(await global.start())
      restarts.push({ name: global.name, stopMs, startMs })
      say(`${global.name} was restarted: ${stopMs} ms to stop, ${startMs} ms until it was ready`)
      await until('all zones to be proven', () => zones.every((zone) => zone.isProven))
      await pause(1_000)
    }
    const { staleness, changesPerSecond } = await load.stop()
    const lasted = (performance.now() - beganMs) / 1_000
    const { user, system } = process.cpuUsage(cpuBefore)
    globalsCpu += sum(globals.map((global) => global.cpuSeconds))
    await until('all zones to be proven', () => zones.every((zone) => zone.isProven))
    for (const zone of whole) await until(`${zone.name} to be proven`, () => zone.isProven())
    const after = await agreed([...zones, ...whole])
    const again = zones.flatMap(({ sessions }) => sessions.slice(1))
    return {
      zones: zones.length,
      wholeZones: whole.length,
      services: all,
      changesPerSecond: Math.round(changesPerSecond),
      restarts,
      cpuSeconds: {
        lasted: Math.round(lasted),
        stubs: Math.round((user + system) / 1e6),
        globals: Math.round(globalsCpu),
      },
      reconnects: again.length,
      movedOnRequest: again.filter(({ after: reason }) => isMoving(reason)).length,
      stalenessBeforeMs: Math.round(stalenessBeforeMs),
      stalenessMs: Math.round(staleness.at(-1) ?? 0),
      staleness99Ms: Math.round(staleness[Math.floor(staleness.length * 0.99)] ?? 0),
      fullSyncs: again.filter(({ received }) => received >= all / 2).length,
      resourcesPerReconnectMost: Math.max(0, ...again.map(({ received }) => received)),
      bytesPerReconnectMost: Math.max(0, ...again.map(({ bytes }) => bytes)),
      vipsChanged: Object.entries(before).filter(([key, vip]) => after.first[key] !== vip).length,
      vipsDiffering: after.differing,
    }
  } finally {
    await load?.stop()
    await Promise.allSettled(zones.map((zone) => zone.close()))
    await Promise.allSettled(whole.map((zone) => zone.process.stop()))
    done.abort()
    await Promise.allSettled(globals.map((global) => global.stop()))
    for (const global of globals) global.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @returns how many there are, the probe among them, once every zone has all of them with their addresses */
async function services(zones: readonly StubZone[], whole: readonly WholeZone[], count: number): Promise<number> {
  const [first] = zones
  await first?.put(probe, 1)
  for (let i = 0; i < count; i++) await zones[i % zones.length]?.put(`service-${i}`, 1)
  await until('all services to be everywhere', async () => {
    if (zones.some((zone) => zone.services !== count + 1)) return false
    for (const zone of [...zones, ...whole]) {
      const vips = Object.values(await zone.vips())
      if (vips.length !== count + 1 || vips.some((vip) => vip === '')) return false
    }
    return true
  })
  return count + 1
}

/** Addresses that all zones say, once they do; what they still disagree about after a while. */
async function agreed(
  zones: readonly (StubZone | WholeZone)[],
): Promise<{ readonly first: Readonly<Record<string, string>>; readonly differing: number }> {
  const endMs = performance.now() + 20_000
  for (;;) {
    const [first = {}, ...others] = await Promise.all(zones.map((zone) => zone.vips()))
    const differing = others.reduce(
      (sum, vips) => sum + Object.entries(first).filter(([key, vip]) => vips[key] !== vip).length,
      0,
    )
    if (differing === 0 || performance.now() > endMs) return { first, differing }
    await pause(200)
  }
}

/** Changes at a steady pace, a probe that every zone is watched for, and the zones' sessions. */
class Load {
  readonly #zones: readonly StubZone[]
  readonly #whole: readonly WholeZone[]
  readonly #sizes: RollingSizes
  readonly #stop = new AbortController()
  /** When each version of the probe was written. */
  readonly #writtenAtMs: number[] = [0, performance.now()]
  readonly #staleness: number[] = []
  #worstMs = 0
  #changes = 0
  #commits = 0
  #startedMs = 0
  #running: Promise<unknown> | undefined
  #result: Promise<{ staleness: number[]; changesPerSecond: number }> | undefined

  constructor(zones: readonly StubZone[], whole: readonly WholeZone[], sizes: RollingSizes) {
    this.#zones = zones
    this.#whole = whole
    this.#sizes = sizes
  }

  start(): void {
    this.#startedMs = performance.now()
    this.#running = Promise.all([this.#change(), this.#watch(), ...this.#whole.map((zone) => this.#watchWhole(zone))])
  }

  takeWorst(): number {
    const worst = this.#worstMs
    this.#worstMs = 0
    this.#staleness.length = 0
    return worst
  }

  stop(): Promise<{ staleness: number[]; changesPerSecond: number }> {
    this.#result ??= this.#end()
    return this.#result
  }

  async #end(): Promise<{ staleness: number[]; changesPerSecond: number }> {
    const lastedMs = performance.now() - this.#startedMs
    this.#stop.abort()
    await this.#running
    return { staleness: this.#staleness.sort((a, b) => a - b), changesPerSecond: (1_000 * this.#changes) / lastedMs }
  }

  async #change(): Promise<void> {
    const { changesPerSecond, services: count } = this.#sizes
    let nextProbeMs = 0
    while (!this.#stop.signal.aborted) {
      const nowMs = performance.now()
      if (nowMs >= nextProbeMs) {
        nextProbeMs = nowMs + probeEveryMs
        await this.#zones[0]?.put(probe, this.#writtenAtMs.length)
        this.#writtenAtMs.push(performance.now())
        this.#changes++
      }
      let turnAtMs = nowMs
      const due = Math.floor(((nowMs - this.#startedMs) * changesPerSecond) / 1_000)
      const most = Math.min(due, this.#changes + Math.ceil((madeUpMs * changesPerSecond) / 1_000))
      while (this.#changes < most && !this.#stop.signal.aborted) {
        // A store in memory answers at once: without a turn of the loop now and then no socket would be read meanwhile. But where
        // a turn takes long, one for each commit would be the rate.
        if (performance.now() - turnAtMs > turnEveryMs) {
          await setImmediate()
          turnAtMs = performance.now()
        }
        await this.#changeSome(this.#commits++, Math.min(perCommit, most - this.#changes), count)
      }
      await pause(5)
    }
  }

  /** Each commit is of the next zone, and of the next of its services. */
  async #changeSome(commit: number, some: number, count: number): Promise<void> {
    const { length } = this.#zones
    const zone = commit % length
    const own = Math.floor((count - zone - 1) / length) + 1
    const first = Math.floor(commit / length) * perCommit
    const numbers = new Set(Array.from({ length: Math.min(some, own) }, (_, k) => zone + length * ((first + k) % own)))
    const port = 2 + (this.#changes % 60_000)
    await this.#zones[zone]?.putAll([...numbers].map((number) => ({ name: `service-${number}`, port })))
    this.#changes += numbers.size
  }

  async #watch(): Promise<void> {
    const [origin] = this.#zones
    while (!this.#stop.signal.aborted) {
      let turnAtMs = performance.now()
      for (const zone of this.#zones) {
        // When a session began is known by its first look: one that comes late takes changes for what was there before.
        zone.look(this.#changes)
        if (zone !== origin) this.#saw(zone.versionOf(probe, origin?.name ?? ''))
        if (performance.now() - turnAtMs > turnEveryMs) {
          await setImmediate()
          turnAtMs = performance.now()
        }
      }
      await pause(lookEveryMs)
    }
  }

  /** It answers over HTTP: what it had when it was asked is what it is judged by. */
  async #watchWhole(zone: WholeZone): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#saw(await zone.versionOf(probe, this.#zones[0]?.name ?? ''))
      await zone.isProven()
      await pause(lookAtWholeEveryMs)
    }
  }

  #saw(version = 0): void {
    // The next version is the oldest that it has not got.
    const writtenAtMs = this.#writtenAtMs[version + 1]
    const staleMs = writtenAtMs === undefined ? 0 : performance.now() - writtenAtMs
    this.#staleness.push(staleMs)
    this.#worstMs = Math.max(this.#worstMs, staleMs)
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
