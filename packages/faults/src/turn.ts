import { byHand, rowsWritten } from '@holdfast/store/testing'
import { until } from '@holdfast/testkit'
import { isProven, type PeerState, type Plane, putService, sessionOf } from './stand/plane.js'
import type { Stand } from './stand/stand.js'
import type { Watch } from './watch/watch.js'

export interface TurnOptions {
  readonly stand: Stand
  readonly watch: Watch
  /** By how much a bound of the matrix is stretched on this machine. */
  readonly patience: number
  /** Faults that last take as long as the matrix says; otherwise as long as it takes to see what comes of them. */
  readonly full: boolean
  readonly say: (text: string) => void
}

/** What a quiet fault has cost. */
export interface Quiet {
  /** Rows written, those apart that whoever connects may write; by control plane and table. */
  readonly rows: Readonly<Record<string, number>>
  readonly wrong: readonly string[]
}

const patientMs = 180_000

/** What a row has in its hands while it runs. */
export class Turn {
  readonly stand: Stand
  readonly watch: Watch
  readonly full: boolean
  readonly say: (text: string) => void
  readonly #patience: number
  #probes = 1

  constructor({ stand, watch, patience, full, say }: TurnOptions) {
    this.stand = stand
    this.watch = watch
    this.full = full
    this.say = say
    this.#patience = patience
  }

  /** A bound of the matrix, as it counts on this machine. */
  bound(ms: number): number {
    return ms * this.#patience
  }

  /** Waits for a level that must come; whether in time is judged by figures. */
  until(what: string, level: () => boolean | Promise<boolean>, withinMs = patientMs): Promise<void> {
    const { signal } = this.stand
    return until(async () => Promise.resolve(level()).catch(() => false), { what, withinMs, signal })
  }

  /** As long as the fault lasts; the observers go on. */
  async last(ms: number): Promise<void> {
    const { signal } = this.stand
    const endMs = performance.now() + ms
    await until(() => performance.now() >= endMs, {
      what: 'the fault to have lasted',
      withinMs: ms + patientMs,
      signal,
    })
  }

  /** @returns how long it took, in ms */
  async timed(work: () => Promise<unknown>): Promise<number> {
    const startedMs = performance.now()
    await work()
    return performance.now() - startedMs
  }

  /** The session that a zone has, once it has one. */
  async session(zone: Plane): Promise<string> {
    return (await this.#sessionWhere(zone, (peer) => peer.connected))?.sessionId ?? ''
  }

  /** Waits until the zone has another session than that. */
  async reconnected(zone: Plane, before: string): Promise<void> {
    await this.#sessionWhere(zone, (peer) => peer.connected && peer.sessionId !== before)
  }

  /**
   * Waits until the zone was proven equal in another session than that; while much is written that takes until nobody
   * writes for a moment. @returns the session as it is then
   */
  proven(zone: Plane, before: string): Promise<PeerState> {
    return this.#sessionWhere(zone, (peer) => isProven(peer) && peer.sessionId !== before)
  }

  /**
   * With the writers at rest and everything settled: does the fault, waits until all is settled again and counts what was
   * written. The writers go on afterwards.
   */
  async quietly(fault: () => Promise<void>): Promise<Quiet> {
    const { watch, stand } = this
    await watch.pace.rest()
    await watch.settle(patientMs)
    await this.#calm()
    const before = await this.#rows()
    await fault()
    await watch.settle(patientMs)
    const after = await this.#rows()
    watch.pace.go()
    const rows: Record<string, number> = {}
    for (const [where, count] of after) {
      const more = count - (before.get(where) ?? 0)
      if (more > 0) rows[where] = more
    }
    void stand
    return { rows, wrong: Object.entries(rows).map(([where, count]) => `${count} rows written: ${where}`) }
  }

  /**
   * One change in each zone from now on until every store has it, whatever else is written: the time that the slowest took.
   * @param zones those that are there
   */
  async converged(zones: readonly Plane[] = this.stand.zones): Promise<number> {
    return this.timed(async () => {
      const port = ++this.#probes
      for (const zone of zones)
        await this.until(`${zone.name} to take a change`, async () => {
          await putService(zone, `probe-${zone.name}`, port)
          return true
        })
      for (const plane of this.stand.planes)
        await this.until(`${plane.name} to have a change of each zone`, async () => {
          const has = await probes(plane)
          return zones.every(({ name }) => has.get(`probe-${name}`) === port)
        })
    })
  }

  async #sessionWhere(zone: Plane, isSo: (peer: PeerState) => boolean): Promise<PeerState> {
    let found: PeerState | undefined
    await this.until(`${zone.name} to have such a session`, async () => {
      const session = await sessionOf(zone)
      found = typeof session?.sessionId === 'string' && isSo(session) ? session : undefined
      return found !== undefined
    })
    if (found === undefined) throw new Error(`${zone.name} has no session`)
    return found
  }

  /** Everything that follows a change has been written. */
  async #calm(): Promise<void> {
    let before = ''
    let sinceMs = performance.now()
    await this.until('nothing to be written any more', async () => {
      const now = JSON.stringify([...(await this.#rows())])
      if (now !== before) sinceMs = performance.now()
      before = now
      return performance.now() - sinceMs > 700
    })
  }

  async #rows(): Promise<ReadonlyMap<string, number>> {
    const { globals, zones } = this.stand
    const rows = new Map<string, number>()
    for (const plane of [...globals.slice(0, 1), ...zones])
      for (const [table, count] of Object.entries(await rowsWritten(plane.url)))
        rows.set(`${plane.name} ${table}`, count)
    return rows
  }
}

/** The port of each zone's probe, as a store has it. */
async function probes(plane: Plane): Promise<ReadonlyMap<string, number>> {
  const rows = await byHand<{ name: string; port: number }>(
    plane.url,
    `select display_name as name, (convert_from(spec, 'UTF8')::jsonb -> 'ports' -> 0 ->> 'port')::integer as port
     from resources where type = 'MeshService' and not deleted and starts_with(display_name, 'probe-')`,
  )
  return new Map(rows.map(({ name, port }) => [name, port]))
}
