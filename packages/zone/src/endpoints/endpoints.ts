/** Where an address was learned of; the first that holds. */
export type EndpointSource = 'good' | 'learned' | 'configured'

export interface EndpointView {
  readonly address: string
  readonly source: EndpointSource
  /** `in use`: the session that there is goes over it. `good`: a session over it was in step. */
  readonly state: 'in use' | 'good' | 'failed' | 'untried'
  /** Attempts in a row that led to nothing. */
  readonly failures: number
  /** Since the start: sessions over it that were in step, and attempts that were not. */
  readonly sessions: number
  readonly attemptsFailed: number
  /** Why the last attempt failed, and when. */
  readonly lastError?: string | undefined
  readonly lastErrorAtMs?: number | undefined
  readonly lastInStepAtMs?: number | undefined
}

/** What outlives the process and its database. */
export interface RememberedEndpoints {
  /** The last list of which an address was proven. Never empty. */
  readonly addresses: readonly string[]
  /** The address over which a session was last in step. */
  readonly lastInStep?: string | undefined
}

interface Tried {
  failures: number
  sessions: number
  attemptsFailed: number
  lastError?: string
  lastErrorAtMs?: number
  lastInStepAtMs?: number
}

/**
 * The addresses of global that a zone may dial, and in which order (EMPTY):
 *
 *   learned ──a session over one of its addresses was in step──▶ good ──(a later learned list is proven)──▶ replaced
 *
 * A learned list is tried beside the last good one and takes its place only when it is proven. What the operator has
 * configured is always there. No list is ever empty, so there is always somebody to dial.
 */
export class Endpoints {
  readonly #configured: readonly string[]
  #good: readonly string[] = []
  #learned: readonly string[] = []
  #lastInStep: string | undefined
  #inUse: { readonly address: string; readonly inStep: boolean } | undefined
  #round: string[] = []
  /** Has said that it is about to stop: last in the next round. */
  #leaving: string | undefined
  readonly #tried = new Map<string, Tried>()

  /** @param configured at least one */
  constructor(configured: readonly string[]) {
    this.#configured = unique(configured)
  }

  get good(): RememberedEndpoints | undefined {
    return this.#good.length === 0 ? undefined : { addresses: this.#good, lastInStep: this.#lastInStep }
  }

  get inUse(): string | undefined {
    return this.#inUse?.address
  }

  /** What an earlier process has found good. */
  remember({ addresses, lastInStep }: RememberedEndpoints): void {
    this.#good = this.#allowed(addresses)
    this.#lastInStep = lastInStep !== undefined && this.#known().includes(lastInStep) ? lastInStep : undefined
  }

  /**
   * What global says now.
   * @returns `same`, `refused` with the reason, `learned` (to be proven), or `adopted`: the session that there is proves it
   */
  learn(addresses: readonly string[]): { readonly outcome: 'same' | 'refused' | 'learned' | 'adopted'; why: string } {
    const allowed = this.#allowed(addresses)
    if (allowed.length === 0)
      return {
        outcome: 'refused',
        why:
          addresses.length === 0
            ? 'it is empty'
            : 'all of it is plaintext (grpc://), and this zone was configured to dial with TLS (grpcs://)',
      }
    if (sameList(allowed, this.#learned)) return { outcome: 'same', why: '' }
    this.#learned = allowed
    this.#forgetStrangers()
    const known = new Set(this.#known())
    this.#round = this.#round.filter((address) => known.has(address))
    if (sameSet(allowed, this.#good)) return { outcome: 'same', why: '' }
    if (this.#inUse?.inStep === true && this.#adopts(this.#inUse.address)) return { outcome: 'adopted', why: '' }
    return { outcome: 'learned', why: '' }
  }

  /** The next address to dial. A round has every address once; the one that was last in step comes first. */
  next(chance: () => number): string {
    if (this.#round.length === 0) this.#round = this.#newRound(chance)
    const address = this.#round.shift() ?? this.#configured[0] ?? ''
    this.#inUse = { address, inStep: false }
    return address
  }

  /** Whether somebody is left whom this round has not tried. */
  get roundGoesOn(): boolean {
    return this.#round.length > 0
  }

  /** @returns whether what is to be remembered has changed; `adopted`: the learned list has become the good one */
  proven(nowMs: number): { readonly changed: boolean; readonly adopted: boolean } {
    if (this.#inUse === undefined) return { changed: false, adopted: false }
    const { address } = this.#inUse
    this.#inUse = { address, inStep: true }
    this.#round = []
    const tried = this.#of(address)
    tried.failures = 0
    tried.sessions++
    tried.lastInStepAtMs = nowMs
    const adopted = this.#adopts(address)
    // The list that it stood in may have been replaced since it was dialled.
    const isNews = this.#lastInStep !== address && this.#known().includes(address)
    if (isNews) this.#lastInStep = address
    const changed = adopted || isNews
    return { changed, adopted }
  }

  /** Whoever is at the address in use is about to stop. */
  left(): void {
    this.#leaving = this.#inUse?.address
    this.#round = []
  }

  /** The session over the address in use has ended, or never came about. */
  ended(reason: string, nowMs: number): void {
    if (this.#inUse === undefined) return
    const tried = this.#of(this.#inUse.address)
    if (!this.#inUse.inStep) {
      tried.failures++
      tried.attemptsFailed++
    }
    tried.lastError = reason
    tried.lastErrorAtMs = nowMs
    this.#inUse = undefined
  }

  view(): readonly EndpointView[] {
    return this.#known().map((address) => {
      const tried = this.#tried.get(address)
      const { failures, sessions, attemptsFailed, lastError, lastErrorAtMs, lastInStepAtMs } = tried ?? untried
      return {
        address,
        source: this.#sourceOf(address),
        state: this.#stateOf(address, failures, lastInStepAtMs),
        failures,
        sessions,
        attemptsFailed,
        lastError,
        lastErrorAtMs,
        lastInStepAtMs,
      }
    })
  }

  #stateOf(address: string, failures: number, lastInStepAtMs: number | undefined): EndpointView['state'] {
    if (this.#inUse?.address === address && this.#inUse.inStep) return 'in use'
    if (failures > 0) return 'failed'
    return lastInStepAtMs !== undefined || this.#lastInStep === address ? 'good' : 'untried'
  }

  #sourceOf(address: string): EndpointSource {
    if (this.#good.includes(address)) return 'good'
    return this.#learned.includes(address) ? 'learned' : 'configured'
  }

  /** The learned list takes the place of the good one once one of its addresses has worked. */
  #adopts(address: string): boolean {
    if (!this.#learned.includes(address) || sameList(this.#learned, this.#good)) return false
    this.#good = this.#learned
    this.#forgetStrangers()
    return true
  }

  /**
   * One of each source in turn, so that a long list of dead addresses keeps nobody from the configured one; within a
   * source in random order, so that the zones of a global that is gone do not all come to the same replica.
   */
  #newRound(chance: () => number): string[] {
    const sources = [this.#good, this.#configured, this.#learned].map((list) => shuffled(list, chance))
    const order: string[] = this.#lastInStep === undefined ? [] : [this.#lastInStep]
    for (let i = 0; sources.some((list) => i < list.length); i++)
      for (const list of sources) order.push(...list.slice(i, i + 1))
    const leaving = this.#leaving
    this.#leaving = undefined
    const round = unique(order)
    return leaving === undefined || !round.includes(leaving)
      ? [...round]
      : [...round.filter((address) => address !== leaving), leaving]
  }

  #known(): readonly string[] {
    return unique([...this.#good, ...this.#learned, ...this.#configured])
  }

  /** A zone that dials with TLS is not talked out of it. */
  #allowed(addresses: readonly string[]): readonly string[] {
    const secure = this.#configured.every((address) => address.startsWith('grpcs:'))
    return unique(addresses).filter((address) => !secure || address.startsWith('grpcs:'))
  }

  #forgetStrangers(): void {
    const known = new Set(this.#known())
    for (const address of this.#tried.keys())
      if (!known.has(address) && address !== this.#inUse?.address) this.#tried.delete(address)
  }

  #of(address: string): Tried {
    const found = this.#tried.get(address) ?? { ...untried }
    this.#tried.set(address, found)
    return found
  }
}

const untried: Tried = { failures: 0, sessions: 0, attemptsFailed: 0 }

const unique = (list: readonly string[]): readonly string[] => [...new Set(list)]
const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((address, i) => address === b[i])
const sameSet = (a: readonly string[], b: readonly string[]): boolean => sameList([...a].sort(), [...b].sort())

/** Fisher and Yates. */
function shuffled(list: readonly string[], chance: () => number): readonly string[] {
  const order = [...list]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(chance() * (i + 1))
    const [a, b] = [order[i], order[j]]
    if (a !== undefined && b !== undefined) [order[i], order[j]] = [b, a]
  }
  return order
}
