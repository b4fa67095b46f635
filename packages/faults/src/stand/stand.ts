import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ControlPlane,
  freePort,
  holdfastctl,
  type RedisServer,
  startRedis,
  startTcpProxy,
  type TcpProxy,
  until,
} from '@holdfast/testkit'
import type { Cluster } from './cluster.js'
import { isProven, type Plane, sessionOf } from './plane.js'

/** What stands, before anything happens to it. */
export interface Shape {
  readonly globals: number
  readonly zones: readonly string[]
  /** Hints between globals go through a Redis of the stand. */
  readonly redis: boolean
  /** False: zones prove nothing, on loopback; for what a proxy has to look into. */
  readonly tls: boolean
  readonly globalFlags: readonly string[]
  readonly zoneFlags: readonly string[]
  /** The version of before, with databases that it has made itself. */
  readonly starts: 'current' | 'previous'
}

export const twoAndTwo: Shape = {
  globals: 2,
  zones: ['east', 'west'],
  redis: true,
  tls: true,
  globalFlags: [],
  zoneFlags: [],
  starts: 'current',
}

export const sameShape = (one: Shape, other: Shape): boolean => JSON.stringify(one) === JSON.stringify(other)

/** Where the databases of each role are. */
export interface Clusters {
  readonly global: Cluster
  readonly zones: Cluster
}

/** What a stand is made of. */
export interface Ground {
  readonly clusters: Clusters
  readonly signal: AbortSignal
  /** The program of the version of before; fails with words where there is none. */
  previous(): Promise<string>
}

const startTimeoutMs = 180_000
const stepTimeoutMs = 180_000

/** Real processes with identity, a cable between any two of them that can be damaged, and databases of their own. */
export class Stand {
  readonly shape: Shape
  readonly clusters: Clusters
  readonly folder: string
  readonly signal: AbortSignal
  globals: readonly Plane[] = []
  zones: readonly Plane[] = []
  redis: RedisServer | undefined
  readonly #closers: (() => Promise<unknown>)[] = []

  /** The version of before, where the stand was started with it. */
  #program: string | undefined

  private constructor(shape: Shape, { clusters, signal }: Ground) {
    this.shape = shape
    this.clusters = clusters
    this.signal = signal
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-faults-'))
  }

  /** Everything is up, and every zone in step. */
  static async open(shape: Shape, ground: Ground): Promise<Stand> {
    const stand = new Stand(shape, ground)
    try {
      if (shape.starts === 'previous') stand.#program = await ground.previous()
      await stand.#open()
      return stand
    } catch (error) {
      await stand.close()
      throw error
    }
  }

  get planes(): readonly Plane[] {
    return [...this.globals, ...this.zones]
  }

  zone(name: string): Plane {
    const found = this.zones.find((zone) => zone.name === name)
    if (found === undefined) throw new Error(`there is no zone ${name} in this stand`)
    return found
  }

  global(index = 0): Plane {
    const found = this.globals[index]
    if (found === undefined) throw new Error(`there is no global ${index} in this stand`)
    return found
  }

  /** Whatever a row starts beside the stand; closed with it, the last one first. */
  own<T extends { close(): Promise<unknown> }>(thing: T): T {
    this.#closers.push(() => thing.close())
    return thing
  }

  /** Runs an operator's command at a global, or at the plane that is named. @returns what it printed */
  ctl(args: readonly string[], plane: Plane = this.global()): Promise<string> {
    return holdfastctl(plane.process.apiUrl, args, { signal: this.signal })
  }

  /** A bundle with which a zone joins through these cables. @returns its path */
  async bundle(zone: string, links: readonly TcpProxy[], at: Plane = this.global()): Promise<string> {
    const file = join(this.folder, `${zone}-${links[0]?.port ?? 0}.join.json`)
    const addresses = links.flatMap(({ port }) => ['--address', `grpcs://127.0.0.1:${port}`])
    await this.ctl(['zone', 'add', zone, ...addresses, '--out', file], at)
    return file
  }

  /** Another global on the stand's database. */
  async addGlobal(flags: readonly string[] = this.shape.globalFlags): Promise<Plane> {
    const { clusters, shape } = this
    const url = this.globals[0]?.url ?? (await clusters.global.database('global', this.#databases))
    const name = `global-${this.globals.length + 1}`
    const database = this.own(await startTcpProxy({ targetPort: clusters.global.port }))
    const open = shape.tls ? [] : ['--kds-tls', 'off', '--allow-unauthenticated-zone', '*']
    const redis = this.redis === undefined ? [] : ['--redis-url', this.redis.url]
    const process = await this.#process(name, 'global', through(url, database, name), [...open, ...redis, ...flags])
    await process.start()
    const plane: Plane = { name, process, cluster: clusters.global, url, database, links: [] }
    this.globals = [...this.globals, plane]
    return plane
  }

  /** Another zone with a cable to each global. It is started, and not waited for. */
  async addZone(name: string, options: { readonly url?: string; readonly flags?: readonly string[] } = {}) {
    const { clusters, shape } = this
    const url = options.url ?? (await clusters.zones.database(name, this.#databases))
    const links: TcpProxy[] = []
    for (const { process } of this.globals)
      links.push(this.own(await startTcpProxy({ targetPort: process.ports.kds ?? 0 })))
    const way = shape.tls
      ? ['--join', await this.bundle(name, links)]
      : links.flatMap(({ port }) => ['--global-address', `grpc://127.0.0.1:${port}`])
    const plane = await this.process(name, name, url, [...way, ...(options.flags ?? shape.zoneFlags)], links)
    this.zones = [...this.zones, plane]
    return plane
  }

  /** A process of a zone on a database, which counts for nothing in what is compared until it is one of `zones`. */
  async process(
    name: string,
    zone: string,
    url: string,
    flags: readonly string[],
    links: readonly TcpProxy[],
    { env = {}, wait = true }: { readonly env?: Readonly<Record<string, string>>; readonly wait?: boolean } = {},
  ): Promise<Plane> {
    const { clusters } = this
    const database = this.own(await startTcpProxy({ targetPort: clusters.zones.port }))
    const process = await this.#process(name, 'zone', through(url, database, name), flags, zone)
    if (wait) await process.start({ env })
    else await process.begin({ env })
    return { name, process, cluster: clusters.zones, url, database, links }
  }

  /** A global that counts for nothing in what is compared; it is started, and not waited for. */
  async globalProcess(name: string, databaseUrl: string): Promise<ControlPlane> {
    const process = await this.#process(name, 'global', databaseUrl, [])
    await process.begin()
    return process
  }

  /** Every zone was proven equal in a session. */
  async inStep(withinMs = stepTimeoutMs): Promise<void> {
    for (const zone of this.zones)
      await until(async () => isProven(await sessionOf(zone).catch(() => undefined)), {
        what: `${zone.name} to be proven`,
        withinMs,
        signal: this.signal,
      })
  }

  /** Every zone has a session. */
  async connected(withinMs = stepTimeoutMs): Promise<void> {
    for (const zone of this.zones)
      await until(async () => (await sessionOf(zone).catch(() => undefined))?.connected === true, {
        what: `${zone.name} to be connected`,
        withinMs,
        signal: this.signal,
      })
  }

  async close(): Promise<void> {
    for (const { process } of this.planes) process.send('SIGCONT')
    for (const close of this.#closers.splice(0).reverse()) await close().catch(() => undefined)
    rmSync(this.folder, { recursive: true, force: true })
  }

  get #databases(): { readonly empty: boolean } {
    return { empty: this.shape.starts === 'previous' }
  }

  /** The version of before, with which this stand began. */
  async previousProgram(): Promise<string> {
    if (this.#program === undefined) throw new Error('this stand did not begin with the version of before')
    return this.#program
  }

  /** A zone's process counts no longer. */
  forget(zone: Plane): void {
    this.zones = this.zones.filter((one) => one !== zone)
  }

  async #open(): Promise<void> {
    const { shape } = this
    mkdirSync(this.folder, { recursive: true })
    if (shape.redis)
      this.redis = await startRedis({ port: freePort() }).then(
        (server) => this.own(server),
        () => undefined,
      )
    for (let i = 0; i < shape.globals; i++) await this.addGlobal()
    for (const name of shape.zones) await this.addZone(name)
    await this.inStep()
  }

  async #process(
    name: string,
    role: 'global' | 'zone',
    databaseUrl: string,
    flags: readonly string[],
    zone?: string,
  ): Promise<ControlPlane> {
    const { folder, signal } = this
    const ports = {
      api: freePort(),
      diagnostics: freePort(),
      ...(role === 'global' ? { kds: freePort() } : { dns: freePort() }),
    }
    const process = new ControlPlane({
      ...{ name, role, databaseUrl, folder, flags, signal, startTimeoutMs, ports },
      zone: zone ?? (role === 'global' ? 'global' : name),
      program: this.#program,
    })
    this.#closers.push(() => process.kill())
    return process
  }
}

/** The same database by way of a cable, and with a name by which the database can tell whose connection it is. */
export function through(url: string, cable: TcpProxy, name: string): string {
  const changed = new URL(url)
  changed.port = String(cable.port)
  changed.searchParams.set('application_name', name)
  return changed.href
}
