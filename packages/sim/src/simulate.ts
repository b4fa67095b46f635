import { stepSession } from '@holdfast/kds'
import { type Image, MemoryStore, type MemoryStoreOptions, type recoveryWaits } from '@holdfast/store'
import { type Law, LawBroken, type Violation } from './broken.js'
import { idleReconnect, othersHearAtOnce, othersInStep, settled, type Time } from './calm.js'
import { Clock, Scope, WallClock } from './clock.js'
import { type Cuts, noCuts } from './cuts.js'
import { calm, LocalWeather, type Storm, stormOf, strike, strikeKuma, tamper, type World } from './faults.js'
import { hookCover, PolicyHook } from './hooks.js'
import { KumaZone } from './kuma-zone.js'
import { Laws } from './laws.js'
import { skewMaxMs } from './ledger-laws.js'
import { Link, type Queue, type Stream } from './network.js'
import { ControlPlane } from './node.js'
import { Random } from './random.js'
import { GlobalRecovery } from './recovering.js'
import { type Setting, settingOf, settingText } from './setting.js'
import { Workload } from './workload.js'

/** A bug that is put in front of the real parts, to see whether a law notices. */
export interface Planted {
  readonly store?: (options: MemoryStoreOptions) => MemoryStore
  readonly step?: (inner: typeof stepSession) => typeof stepSession
  /** When a global that recovers goes on by itself. */
  readonly waits?: typeof recoveryWaits
  /** What global says to all zones goes through one queue. */
  readonly oneQueue?: boolean
}

export interface SimulationOptions {
  readonly seed: number
  /** Instead of as many as the seed has. */
  readonly zones?: number | undefined
  readonly cuts?: Cuts | undefined
  readonly planted?: Planted
  /** Errors get their stack traces; otherwise only the one that ends the run. */
  readonly stacks?: boolean
  /** Gets one line per event. */
  readonly story?: (line: string) => void
}

export interface Outcome {
  readonly seed: number
  readonly violation: Violation | undefined
  readonly steps: number
  readonly virtualMs: number
  readonly setting: Setting
  readonly counts: Laws['counts'] & { readonly acts: number; readonly faults: number }
}

const startMs = Date.UTC(2026, 0, 1)
/** a, b, … z, aa, ab, … */
const zoneName = (at: number): string =>
  (at < 26 ? '' : String.fromCharCode(96 + Math.floor(at / 26))) + String.fromCharCode(97 + (at % 26))
/** Of zones that speak plain Kuma KDS. */
const kumaNames = ['north', 'south'] as const
/** With these few addresses a zone's services want the same ones all the time, which in a /20 they hardly ever do. */
const smallBlocksOf = (at: number): readonly string[] => [`241.64.${at}.0/27`]
/** For each message: a heartbeat still gets through before the peer is given up. */
const slowReaderMs = 4_000
const changesBesideSlow = 3
/** Until an operator looks who asks for a name. */
const adoptsMs = [1_000, 20_000] as const
/** Of each answer, in a world that has echoes. */
const echoChance = 0.3
/** So many services, made at random, are more than a small block has room for. */
const crowdMax = 40
/** Of each store: a restore takes one of them. */
const backupsMax = 3
/** More than this never happens in a seed that ends; a machine that talks to itself for ever does. */
const stepsMax = 400_000

/** Runs one seed: a storm, then calm, then the laws that can only be judged at the end. */
export function simulate(options: SimulationOptions): Outcome {
  const { stackTraceLimit } = Error
  // Refusals are errors, a hundred in each seed, and nobody reads their stacks; for an assertion the seed is run again.
  Error.stackTraceLimit = options.stacks === true ? stackTraceLimit : 0
  try {
    const outcome = simulated(options)
    return outcome.violation?.law !== 'ASSERT' || options.stacks === true ? outcome : again(options, stackTraceLimit)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function again(options: SimulationOptions, stackTraceLimit: number): Outcome {
  Error.stackTraceLimit = stackTraceLimit
  const { story: _, ...silent } = options
  return simulated({ ...silent, stacks: true })
}

function simulated(options: SimulationOptions): Outcome {
  const run = new Run(options)
  let violation: Violation | undefined
  try {
    run.run()
  } catch (error) {
    violation = { ...broken(error), step: run.steps, atMs: run.virtualMs }
    options.story?.(`${violation.law} is broken: ${violation.message}`)
  }
  const { steps, virtualMs, setting } = run
  return { seed: options.seed, violation, steps, virtualMs, setting, counts: run.counts }
}

/** Everything else that is thrown is an assertion of the program. */
function broken(error: unknown): { readonly law: Law; readonly message: string } {
  if (error instanceof LawBroken) return { law: error.law, message: error.message }
  if (error instanceof Error) return { law: 'ASSERT', message: error.stack ?? error.message }
  throw error
}

class Run {
  readonly laws: Laws
  steps = 0
  readonly #clock = new Clock(startMs)
  readonly #world = new Scope()
  readonly #random: Random
  /** One for each store: the first of its processes. */
  readonly #nodes: ControlPlane[] = []
  readonly #globals: ControlPlane[] = []
  readonly #kumas: KumaZone[] = []
  readonly #weathers: LocalWeather[] = []
  readonly #links = new Map<string, Link>()
  readonly #unreachable = new Set<string>()
  readonly #workload: Workload
  readonly setting: Setting
  readonly #weatherScope = new Scope(this.#world)
  #initialise: (() => void) | undefined
  /** The zone that reads slowly, and whether it does now. */
  #slow: string | undefined
  #isOver = false
  #hook: PolicyHook | undefined
  #isCalm = false
  readonly #backups = new Map<string, Image[]>()
  #acts = 0
  #faults = 0
  readonly #options: SimulationOptions
  readonly #queue: Queue | undefined

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = new Random(`holdfast/${options.seed}`)
    const { story } = options
    const trace = story === undefined ? undefined : (line: () => string): void => this.#tell(line)
    this.laws = new Laws(
      () => this.#nodes,
      () => this.#kumas,
      trace,
    )
    this.#queue = options.planted?.oneQueue === true ? { doneMs: 0 } : undefined
    this.setting = settingOf(this.#random.fork('setting'), options.cuts ?? noCuts, options.zones)
    const { zones, smallBlocks, has } = this.setting
    this.#tell(() => settingText(this.setting))
    this.#workload = new Workload(this.#random.fork('workload'), { liars: has.has('liars') })
    this.#nodes.push(this.#node('', []))
    for (const node of this.#globals) node.siblings = this.#globals
    // What a Kuma's list leaves out is kept for a minute of global's clock.
    if (has.has('kumas') && !has.has('clocks')) this.#addKumas(this.#random.fork('kumas'))
    for (let at = 0; at < zones; at++) this.#nodes.push(this.#node(zoneName(at), smallBlocks ? smallBlocksOf(at) : []))
  }

  get counts(): Outcome['counts'] {
    return { ...this.laws.counts, acts: this.#acts, faults: this.#faults }
  }

  get virtualMs(): number {
    return this.#clock.nowMs - startMs
  }

  run(): void {
    const { global } = this
    const { has } = this.setting
    this.laws.begin()
    for (const node of this.#processes) node.start()
    for (const kuma of this.#kumas) kuma.start()
    if (this.#initialise === undefined) this.#workload.prepare(global)
    else this.#startLate(global, this.#initialise)
    if (this.#isHooked) this.#hook = this.#startHook(global)
    if (this.#losesStores) this.#startRecovery(global)
    if (has.has('zoneWipes')) this.#adoptNow(global, this.#random.fork('adopter'))
    this.#storm()
    if (has.has('slowReader')) this.#slow = this.#random.fork('slow reader').pick(this.#zoneNodes)?.name
    this.#calm()
    const time = { advance: (ms: number) => this.#until(this.#clock.nowMs + ms), nowMs: () => this.#clock.nowMs }
    if (this.#slow !== undefined) this.#readsSlowly(this.#slow, time)
    settled(this.#nodes, this.#kumas, this.laws, time)
    if (this.#aftermath()) settled(this.#nodes, this.#kumas, this.laws, time)
    // What an idle reconnect says is counted.
    this.#isOver = true
    idleReconnect(this.#nodes, this.#kumas, this.#links, this.laws, time)
  }

  /** Zones come to a global that was never initialised, and wait. */
  #startLate(global: ControlPlane, initialise: () => void): void {
    this.#until(this.#clock.nowMs + this.#random.fork('late start').between(500, 20_000))
    initialise()
    this.laws.changed(global)
    for (const process of this.#globals) process.initialised()
    this.#workload.prepare(global)
    this.#tell(() => 'global is initialised')
  }

  #startRecovery(global: ControlPlane): void {
    new GlobalRecovery({
      global,
      clock: this.#clock,
      scope: this.#world,
      random: this.#random.fork('recovery'),
      isCalm: () => this.#isCalm,
      zoneCount: this.setting.zones,
      gaveUp: (open) => this.laws.gaveUp(open),
      decided: (conflicts) => this.laws.decided(conflicts),
      endsBy: (zones) => this.laws.endedBy(zones),
      tell: (line) => this.#tell(line),
      waitsOf: this.#options.planted?.waits,
    })
  }

  /** An operator of global looks now and then who asks for the name of a store that is gone, and gives it to that one. */
  #adoptNow(global: ControlPlane, random: Random): void {
    this.#clock.after(random.between(...adoptsMs), this.#world, () => {
      const claims = [...global.store.image.zones.values()].filter(
        (zone) => zone.claimantStoreId !== undefined && !this.#keepsItsName(zone),
      )
      if (this.#globals.some((process) => process.running))
        for (const { name } of claims) {
          const deed = this.#attempt(() => {
            const { storeId } = global.store.adoptZone(name, 'simulation')
            return `zone ${name} is adopted by its new store ${storeId.slice(0, 8)}`
          })
          this.laws.changed(global)
          this.#tell(() => deed)
        }
      this.#adoptNow(global, random)
    })
  }

  /**
   * The product takes no name from a zone that is connected (409). One that is away in a storm may lose its name by mistake.
   * When all is calm the operator has looked: a store that is there keeps its name, whatever a slow link still brings of one
   * that is gone.
   */
  #keepsItsName({ name, storeId }: { readonly name: string; readonly storeId?: string | undefined }): boolean {
    const isThere = this.#zoneNodes.some((zone) => zone.name === name && zone.store.identity.storeId === storeId)
    return (this.#isCalm && isThere) || this.#globals.some((process) => process.running && process.sessions.has(name))
  }

  #backUp(node: ControlPlane): string {
    const backups = this.#backups.get(node.name) ?? []
    // The sessions of then have long ended when it is put back, and no heartbeat says otherwise.
    const backup: Image = { ...node.store.snapshot(), sessions: new Map() }
    this.#backups.set(node.name, [...backups, backup].slice(-backupsMax))
    return `a backup of ${node.name || 'global'} at revision ${node.store.image.head.revision}`
  }

  #putBack(node: ControlPlane, random: Random): string {
    const backup = random.pick(this.#backups.get(node.name) ?? [])
    if (backup === undefined) return `nothing: there is no backup of ${node.name || 'global'}`
    const lost = node.store.image.head
    const fileRemembers = this.#replace(node, backup, random)
    return `${node.name || 'global'} is put back from revision ${lost.revision} to ${backup.head.revision}${fileRemembers}`
  }

  /** A new database in the place of the old one: whoever has set it up knows nothing of what was lost. */
  #wipe(random: Random): string {
    const { global } = this
    const { identity, nowMs, image } = global.store
    const fresh = new MemoryStore({ identity, nowMs, hexDigits: (length) => random.hex(length) })
    fresh.initialise({ actor: 'simulation', random: random.bytes(5) })
    return `global loses its store at revision ${image.head.revision}${this.#replace(global, fresh.snapshot(), random, {})}`
  }

  /** A new database in the place of a zone's: another store, which asks for the name of the one that is gone. */
  #wipeZone(node: ControlPlane, random: Random): string {
    const { identity, nowMs, image } = node.store
    const storeId = random.uuid()
    const fresh = new MemoryStore({
      identity: { ...identity, storeId },
      nowMs,
      hexDigits: (length) => random.hex(length),
    })
    fresh.initialise({ actor: 'simulation', random: random.bytes(5) })
    const { revision } = image.head
    this.#replace(node, fresh.snapshot(), random, { storeId })
    return `${node.name} loses its store at revision ${revision}, and gets the new one ${storeId.slice(0, 8)}`
  }

  /** All processes end, another image is there, and after a while they are started again. Whether a file beside it tells. */
  #replace(node: ControlPlane, image: Image, random: Random, fresh?: { readonly storeId?: string }): string {
    const { store } = node
    const lost = store.image.head
    for (const process of node.siblings) {
      process.crash()
      process.timesPutBack++
      this.#clock.after(random.between(100, 10_000), this.#weatherScope, () => process.start())
    }
    // Whose name is another store's is found out; a new global is asked by nobody whether it is the old one.
    const isUnaware = fresh !== undefined && fresh.storeId === undefined
    this.laws.putBack(node, () => store.restore(image, fresh?.storeId), isUnaware)
    const hasFile = random.chance(0.4) && fresh?.storeId === undefined
    if (hasFile) store.judge([{ from: 'file', witness: 'the high-water file', cursor: lost }])
    this.laws.changed(node)
    if (fresh !== undefined && node.role === 'global') this.#hook?.sweep()
    return hasFile ? ', and its file remembers' : ''
  }

  get #losesStores(): boolean {
    const { has } = this.setting
    return has.has('restores') || has.has('wipes') || has.has('zoneWipes')
  }

  /** When its clock is set back, global takes what it has put off for later than it is: hooks are for worlds without that. */
  get #isHooked(): boolean {
    return this.setting.has.has('hooks') && !this.setting.has.has('clocks')
  }

  #startHook(global: ControlPlane): PolicyHook {
    const hook = new PolicyHook({
      store: global.store,
      clock: this.#clock,
      scope: this.#world,
      random: this.#random.fork('hook'),
      asks: () => this.#globals.some((process) => process.running),
      write: (act) => {
        try {
          act()
        } catch (error) {
          if (!this.laws.isExpected(error)) throw error
        }
        this.laws.changed(global)
      },
      judged: (outcomes) => {
        for (const outcome of outcomes) this.laws.counts[outcome === 'published' ? 'published' : 'withheld']++
      },
    })
    hook.start()
    return hook
  }

  /** What nobody is told of is found all the same. Whether there was anything. */
  #aftermath(): boolean {
    const { has } = this.setting
    const random = this.#random.fork('aftermath')
    if (has.has('lostHints')) {
      for (const weather of this.#weathers) weather.storm = { ...calm, losesHint: 1 }
      for (const [at, node] of this.#nodes.entries()) {
        const deed = this.#attempt(() => this.#workload.act(node, random.fork(`act ${at}`)))
        this.#tell(() => `nobody is told: ${node.name || 'global'}: ${deed}`)
      }
    }
    if (has.has('tamper')) this.#tamper(random)
    if (has.has('days')) this.#laterDays(random.fork('days'))
    return has.has('lostHints') || has.has('tamper') || has.has('days')
  }

  /** A block gets crowded and is cleared out; a day later what rested there may go to others, unless somebody is away. */
  #laterDays(random: Random): void {
    const zones = this.#nodes.filter((node) => node.role === 'zone')
    const zone = random.pick(zones)
    if (zone === undefined) return
    const away = random.chance(0.4) ? random.pick(zones.filter((other) => other !== zone)) : undefined
    const wait = (ms: number): void => this.#until(this.#clock.nowMs + ms)
    this.#mass(zone, () => this.#workload.fill(zone, random.fork('fill'), crowdMax))
    wait(random.between(100, 8_000))
    if (away !== undefined) {
      this.#unreachable.add(away.name)
      this.#links.get(away.name)?.cut()
      this.#tell(() => `${away.name} is away`)
    }
    this.#mass(zone, () => this.#workload.clearOut(zone, random.fork('clear out')))
    wait(random.between(2_000, 30_000))
    this.#clock.pass(25 * 3_600_000)
    this.#tell(() => 'a day passes')
    for (const node of this.#processes) node.upkeep()
    this.#mass(zone, () => this.#workload.fill(zone, random.fork('fill again'), crowdMax))
    // Its own process hears of its own commits, whatever hints get lost.
    for (const session of zone.sessions.values()) session.requestLease()
    this.#unreachable.clear()
  }

  /** ISO: one zone that takes seconds for each message keeps nobody else from coming into step. */
  #readsSlowly(name: string, time: Time): void {
    const link = this.#links.get(name)
    if (link !== undefined) link.slowMs = slowReaderMs
    this.#tell(() => `${name} reads slowly`)
    // Half-open streams of the storm are noticed after a minute or so: here they would be taken for what the slow one does.
    for (const zone of this.#zoneNodes) if (zone.name !== name) zone.disconnect()
    for (const kuma of this.#kumas) kuma.disconnect()
    othersInStep(name, this.#nodes, this.#kumas, this.laws, time)
    const random = this.#random.fork('beside a slow reader')
    for (let at = 0; at < changesBesideSlow; at++) {
      for (const node of this.#nodes) {
        const deed = this.#attempt(() => this.#workload.act(node, random.fork(`act ${at} ${node.name}`)))
        this.#tell(() => `beside a slow reader: ${node.name || 'global'}: ${deed}`)
      }
      othersHearAtOnce(name, this.#nodes, this.#kumas, this.laws, time)
    }
    this.#slow = undefined
    for (const one of this.#links.values()) one.slowMs = 0
  }

  get #zoneNodes(): readonly ControlPlane[] {
    return this.#nodes.filter((node) => node.role === 'zone')
  }

  get #processes(): readonly ControlPlane[] {
    return this.#nodes.flatMap((node) => node.siblings)
  }

  get global(): ControlPlane {
    const [global] = this.#nodes
    if (global === undefined) throw new Error('sim: a world without a global')
    return global
  }

  #node(name: string, wantedCidrs: readonly string[]): ControlPlane {
    const random = this.#random.fork(`node ${name}`)
    const { planted } = this.#options
    const make = planted?.store ?? ((options: MemoryStoreOptions) => new MemoryStore(options))
    const role = name === '' ? 'global' : 'zone'
    const walls = this.#walls(name === '' ? this.setting.replicas : 1, random)
    const [wall] = walls
    if (wall === undefined) throw new Error('sim: a control plane without a process')
    const store = make({
      identity: { role, name, storeId: random.uuid() },
      nowMs: () => wall.nowMs,
      hexDigits: (length) => random.hex(length),
      ...(role === 'global' && this.#isHooked ? { hooks: hookCover } : {}),
    })
    const bytes = random.bytes(5)
    const initialise = (): void => void store.initialise({ actor: 'simulation', random: bytes })
    if (role === 'global' && this.setting.has.has('lateStart')) this.#initialise = initialise
    else initialise()
    if (wantedCidrs.length > 0) store.adoptBlocks(wantedCidrs)
    const processes = walls.map((clock, replica) => this.#process(name, replica, store, clock, wantedCidrs))
    const [node] = processes
    if (node === undefined) throw new Error('sim: a control plane without a process')
    store.failCommits(() => node.weather.commitFailure())
    if (name === '') this.#globals.push(...processes)
    return node
  }

  #walls(count: number, random: Random): readonly WallClock[] {
    return Array.from({ length: count }, (_, at) => {
      const wall = new WallClock(this.#clock)
      if (this.setting.has.has('clocks')) wall.skewMs = random.fork(`clock ${at}`).between(-skewMaxMs, skewMaxMs)
      return wall
    })
  }

  #process(
    name: string,
    replica: number,
    store: MemoryStore,
    wall: WallClock,
    wantedCidrs: readonly string[],
  ): ControlPlane {
    const random = this.#random.fork(`process ${name} ${replica}`)
    const weather = new LocalWeather(random.fork('weather'))
    this.#weathers.push(weather)
    return new ControlPlane({
      name,
      replica,
      store,
      clock: this.#clock,
      wall,
      random,
      world: this.#world,
      weather,
      watch: this.laws,
      step: this.#options.planted?.step?.(stepSession) ?? stepSession,
      wantedCidrs,
      pageBytes: this.setting.pageBytes,
      dial: (zone, sessionId) => this.#dial(zone, sessionId),
      looksBack: this.#losesStores,
    })
  }

  #addKumas(random: Random): void {
    for (const name of kumaNames.slice(0, random.between(1, kumaNames.length)))
      this.#kumas.push(
        new KumaZone({
          name,
          clock: this.#clock,
          random: random.fork(name),
          world: this.#world,
          watch: this.laws,
          dial: (zone, stream, sessionId) => this.#dialPlain(zone, stream, sessionId),
        }),
      )
  }

  /** Each stream arrives at whichever process of global it is led to. */
  #dialPlain(zone: KumaZone, stream: Stream, sessionId: string): Link | undefined {
    const random = this.#random.fork(`link ${sessionId}`)
    const global = random.pick(this.#globals.filter((process) => process.running))
    if (this.#unreachable.has(zone.name) || global === undefined) return undefined
    const link = new Link(this.#clock, random, this.#world, stream)
    link.queue = this.#queue
    this.#clock.after(random.between(5, 60), link.scope, () => {
      const met = (): void => this.#clock.after(random.between(5, 60), link.scope, () => zone.opened(link, stream))
      if (global.acceptPlain(link, zone.name, sessionId, met) === undefined) link.cut()
    })
    return link
  }

  /** Both streams arrive one after the other; the headers come back when global has them. */
  #dial(zone: ControlPlane, sessionId: string): Link | undefined {
    const random = this.#random.fork(`link ${sessionId}`)
    const global = random.pick(this.#globals.filter((process) => process.running))
    if (this.#unreachable.has(zone.name) || global === undefined) return undefined
    const link = new Link(this.#clock, random, this.#world)
    this.#links.set(zone.name, link)
    link.queue = this.#queue
    if (this.#slow === zone.name) link.slowMs = slowReaderMs
    if (this.setting.has.has('echoes') && !this.#isOver) link.echo = { chance: echoChance, random: random.fork('echo') }
    this.#clock.after(random.between(5, 60), link.scope, () => {
      if (global.accept(link, zone.name, sessionId) === undefined) return link.cut()
      this.#clock.after(random.between(5, 60), link.scope, () => zone.headers(link))
    })
    return link
  }

  #storm(): void {
    const random = this.#random.fork('storm')
    const { stormMs, paceMs, spreadMs, has } = this.setting
    const endMs = this.#clock.nowMs + stormMs
    const storm: Storm = stormOf(random)
    for (const weather of this.#weathers) weather.storm = storm
    const scope = this.#weatherScope
    const [pace, spread] = [random.fork('pace'), random.fork('spread')]
    // Each act and each fault has a chance of its own: without one of them the others are what they were.
    const work = (): void => {
      this.#act(this.#acts++)
      this.#clock.after(pace.between(10, paceMs), scope, work)
    }
    const fault = (): void => {
      this.#fault(this.#faults++)
      this.#clock.after(spread.between(100, spreadMs), scope, fault)
    }
    this.#clock.after(pace.between(0, 200), scope, work)
    this.#clock.after(spread.between(0, spreadMs), scope, fault)
    this.#until(endMs)
    scope.close()
    if (has.has('tamper')) this.#tamper(random.fork('tamper'))
  }

  #act(at: number): void {
    if (this.#options.cuts?.acts?.includes(at) === false) return
    const random = this.#random.fork(`act ${at}`)
    const node = random.pick(this.#nodes)
    if (node === undefined) return
    const deed = this.#attempt(() => this.#workload.act(node, random))
    this.#tell(() => `act ${at}: ${node.name || 'global'}: ${deed}`)
    this.#kumaActs(random.fork('kuma'), `act ${at}`)
  }

  #kumaActs(random: Random, what: string): void {
    const kuma = random.pick(this.#kumas)
    if (kuma?.running !== true || random.chance(0.5)) return
    const deed = kuma.act(random)
    this.#tell(() => `${what}: ${kuma.name}, a Kuma zone: ${deed}`)
  }

  #fault(at: number): void {
    if (this.#options.cuts?.faults?.includes(at) === false) return
    const what = strike(this.#faultWorld, this.#random.fork(`fault ${at}`))
    this.#tell(() => `fault ${at}: ${what}`)
    const random = this.#random.fork(`fault ${at} kuma`)
    const kuma = random.pick(this.#kumas)
    if (kuma === undefined || random.chance(0.6)) return
    const befalls = strikeKuma(kuma, this.#faultWorld, random)
    this.#tell(() => `fault ${at}: ${kuma.name}, a Kuma zone: ${befalls}`)
  }

  #mass(node: ControlPlane, act: () => string): void {
    const deed = this.#attempt(act)
    this.#tell(() => `${node.name || 'global'}: ${deed}`)
  }

  get #faultWorld(): World {
    return {
      globals: this.#globals,
      zones: this.#nodes.filter((node) => node.role === 'zone'),
      links: this.#links,
      unreachable: this.#unreachable,
      // With the storm everything of it is over, and what was down or away is there again.
      after: (delayMs, run) => this.#clock.after(delayMs, this.#weatherScope, run),
      pass: (ms) => this.#clock.pass(ms),
      clearOut: (node, random) => this.#mass(node, () => this.#workload.clearOut(node, random)),
      fill: (node, random) => this.#mass(node, () => this.#workload.fill(node, random)),
      backUp: (node) => this.#backUp(node),
      putBack: (node, random) => this.#putBack(node, random),
      wipe: (random) => this.#wipe(random),
      wipeZone: (node, random) => this.#wipeZone(node, random),
      has: this.setting.has,
    }
  }

  /** A change that its database refused has not happened; whoever made it saw an error. */
  #attempt(act: () => string): string {
    try {
      return act()
    } catch (error) {
      if (!this.laws.isExpected(error)) throw error
      return (error as Error).message
    }
  }

  #tamper(random: Random): void {
    const zone = random.pick(this.#nodes.filter((node) => node.role === 'zone'))
    const what = zone === undefined ? undefined : tamper(zone.store, random)
    if (zone === undefined || what === undefined) return
    this.laws.tamperedWith(zone, what)
    this.#tell(() => `${zone.name}: somebody changes the copy of ${what} by hand`)
  }

  #calm(): void {
    this.#isCalm = true
    for (const weather of this.#weathers) weather.storm = calm
    this.#unreachable.clear()
    for (const node of this.#processes) node.start()
    for (const kuma of this.#kumas) {
      kuma.calm()
      kuma.start()
    }
    this.#hook?.calm()
    this.#tell(() => 'the storm is over')
  }

  #until(atMs: number): void {
    while (this.#clock.step(atMs)) {
      this.steps++
      if (this.steps > stepsMax) throw new LawBroken('ASSERT', `more than ${stepsMax} steps: somebody talks to himself`)
    }
  }

  #tell(line: () => string): void {
    this.#options.story?.(
      `${String(this.steps).padStart(6)} ${(this.virtualMs / 1000).toFixed(3).padStart(9)} ${line()}`,
    )
  }
}
