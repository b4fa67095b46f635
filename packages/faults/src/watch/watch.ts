import { broken, NameClient, Pace, unlike, until, type View, VipMemory, viewOf, Writer } from '@holdfast/testkit'
import { isInStep, type Plane, peersOf, putService } from '../stand/plane.js'
import type { Stand } from '../stand/stand.js'
import { hostname, steadyNames } from './steady.js'

export interface WatchOptions {
  /** Of all writers together. */
  readonly changesPerSecond: number
  /** Zones that are watched and written at; those of the stand unless said otherwise. */
  readonly zones?: readonly string[]
}

/** Names asked by each client ten times a second. */
const namesPerRound = 1
const livingMax = 40
const answerTimeoutMs = 10_000

/** What goes on while rows run: a client of names in each zone, writers at each control plane, and a memory of every address. */
export class Watch {
  readonly stand: Stand
  readonly clients: ReadonlyMap<string, NameClient>
  readonly writers: readonly Writer[]
  readonly pace: Pace
  readonly memory = new VipMemory()

  private constructor(stand: Stand, { changesPerSecond }: WatchOptions) {
    this.stand = stand
    this.clients = new Map(
      stand.zones.map(({ name }) => [name, new NameClient({ mayEnd: true, perRound: namesPerRound })]),
    )
    const { signal } = stand
    const [first, ...others] = stand.globals.map(({ process }) => process)
    const options = { livingMax, answerTimeoutMs }
    const atGlobal = first === undefined ? [] : [new Writer(first, signal, { ...options, others })]
    this.writers = [...atGlobal, ...stand.zones.map(({ process }) => new Writer(process, signal, options))]
    this.pace = new Pace(this.writers, changesPerSecond)
  }

  /** Everybody has the steady services and their names are asked for from here on; the writers still rest. */
  static async start(stand: Stand, options: WatchOptions): Promise<Watch> {
    const watch = new Watch(stand, options)
    for (const zone of stand.zones) {
      for (const name of steadyNames(zone.name)) await putService(zone, name)
      await putService(zone, `probe-${zone.name}`, 1)
    }
    await watch.settle(120_000)
    for (const zone of stand.zones) {
      const client = watch.clients.get(zone.name)
      await client?.ask(zone.process.ports.dns)
      const names = stand.zones.flatMap(({ name: origin }) =>
        steadyNames(origin).map((service) => hostname(service, origin, zone.name)),
      )
      await client?.watch(names)
    }
    return watch
  }

  /**
   * Waits until everybody is in step, says the same, and has what was acknowledged. The writers have to rest.
   * @throws Error with what is still different at the bound
   */
  async settle(withinMs: number): Promise<void> {
    const { stand } = this
    let differing: readonly string[] = []
    const isSettled = async (): Promise<boolean> => {
      try {
        differing = await this.differences()
      } catch (error) {
        differing = [(error as Error).message]
      }
      return differing.length === 0
    }
    await until(isSettled, { what: 'all to agree', withinMs, signal: stand.signal }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}: ${differing.slice(0, 5).join('; ')} (${differing.length} in all)`)
    })
  }

  /** What keeps them from being settled, in words; addresses that are seen are remembered. */
  async differences(): Promise<readonly string[]> {
    const { stand } = this
    const away = await outOfStep(stand.planes)
    if (away.length > 0) return away
    const views: ReadonlyMap<string, View> = new Map(
      await Promise.all(stand.planes.map(async ({ name, process }) => [name, await viewOf(process)] as const)),
    )
    this.memory.note(views)
    return [...[...views].flatMap(([name, view]) => broken(name, view, this.writers)), ...unlike(views)]
  }

  async close(): Promise<void> {
    await this.pace.end().catch(() => undefined)
    for (const client of this.clients.values()) await client.close()
  }
}

async function outOfStep(planes: readonly Plane[]): Promise<readonly string[]> {
  const said = await Promise.all(
    planes.map(async (plane) => {
      const peers = await peersOf(plane)
      return peers
        .filter((peer) => plane.links.length > 0 || peer.connected)
        .filter((peer) => !isInStep(peer))
        .map((peer) => `${plane.name} is not in step with ${peer.peer || 'global'}`)
    }),
  )
  return said.flat()
}
