import type { HeldLease, LeaseRecord, LeaseStore } from '@holdfast/store'
import type { Logger } from 'pino'

export interface LeasesOptions {
  readonly store: LeaseStore
  /** New at every start of this process. */
  readonly holder: string
  /** Machine and process of this one, and whether the process of another place is known to have ended. */
  readonly place?: { readonly text: string; readonly isGone: (place: string) => boolean } | undefined
  readonly names: readonly string[]
  readonly log: Logger
  /** Milliseconds of a clock that only goes forward, and goes on while this process stands still. */
  readonly nowMs?: (() => number) | undefined
}

/** A holder that is not heard of for so long is taken over. With a look of the others, and a dial, below five seconds. */
export const leaseTtlMs = 3_000
const lookEveryMs = 500
/** A holder renews at every second look. */
const renewAfterMs = 900

/**
 * The leases of this process: what it may do because no other one does. Looked at and renewed in the background, for all
 * names in one statement. Time is measured from before the request was sent, so a lease is believed to be ours no longer
 * than the database says; a process that stood still finds all of its leases lapsed. What was begun before that is
 * fenced by the token.
 *
 *   free or lapsed ──take──▶ ours ──renewed──▶ ours ──not renewed in time──▶ lapsed ──▶ ours again, or another's
 */
export class Leases {
  readonly #options: LeasesOptions
  readonly #nowMs: () => number
  readonly #held = new Map<
    string,
    { readonly lease: HeldLease; readonly untilMs: number; readonly renewAtMs: number }
  >()
  readonly #listeners = new Set<() => void>()
  #others: ReadonlyMap<string, LeaseRecord> = new Map()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #closed = false
  #said = ''

  constructor(options: LeasesOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /** Has looked once when it resolves: who is alone has everything then. */
  async start(): Promise<void> {
    await this.look()
    this.#timer = setInterval(() => void this.look(), lookEveryMs)
  }

  /** The right to do this now; undefined: another process has it, or nobody can say. */
  held(name: string): HeldLease | undefined {
    const held = this.#held.get(name)
    return held !== undefined && this.#nowMs() < held.untilMs ? held.lease : undefined
  }

  /** Who is known to have it instead of this process. */
  other(name: string): Pick<LeaseRecord, 'holder' | 'heldForMs'> | undefined {
    return this.#held.has(name) ? undefined : this.#others.get(name)
  }

  /** A lease was gained or lost. Returns the way to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Gives back what is held, so that the next one does not have to wait. What was done with it must have ended. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    await this.#looking
    const names = [...this.#held.keys()]
    this.#held.clear()
    if (names.length > 0) await this.#options.store.release(this.#options.holder, names).catch(() => {})
  }

  /** Takes what is free and renews what is ours; never rejects. */
  look(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#looking ??= this.#lookOnce()
      .catch((error: unknown) => {
        if (!this.#closed) this.#options.log.warn({ err: error }, 'leases could not be renewed; trying again')
      })
      .finally(() => {
        this.#looking = undefined
        this.#tell()
      })
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    const { store, holder, place, names } = this.#options
    const records = new Map((await store.list()).map((record) => [record.name, record]))
    const isGone = ({ place: theirs }: LeaseRecord): boolean => theirs !== '' && place?.isGone(theirs) === true
    const gone = [...new Set([...records.values()].filter(isGone).map((record) => record.holder))]
    const startedMs = this.#nowMs()
    const wanted = names.filter((name) => {
      const record = records.get(name)
      if (record === undefined || record.expiresInMs <= 0 || gone.includes(record.holder)) return true
      return record.holder === holder && startedMs >= (this.#held.get(name)?.renewAtMs ?? 0)
    })
    const request = { holder, place: place?.text ?? '', names: wanted, ttlMs: leaseTtlMs, gone }
    const taken = wanted.length === 0 ? [] : await store.take(request)
    for (const lease of taken)
      this.#held.set(lease.name, { lease, untilMs: startedMs + leaseTtlMs, renewAtMs: startedMs + renewAfterMs })
    for (const name of wanted) if (!taken.some((lease) => lease.name === name)) this.#held.delete(name)
    for (const [name, record] of records)
      if (record.holder !== holder && !taken.some((lease) => lease.name === name)) this.#held.delete(name)
    this.#others = new Map([...records].filter(([, record]) => record.holder !== holder))
  }

  /** A lease that has only lapsed is told as well: nothing may be begun on it. */
  #tell(): void {
    const said = this.#options.names.map((name) => this.held(name)?.token ?? this.other(name)?.holder ?? '').join('\n')
    if (said === this.#said) return
    this.#said = said
    for (const listener of this.#listeners) listener()
  }
}
