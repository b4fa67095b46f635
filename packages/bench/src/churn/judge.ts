/** What somebody was asked to do with one service of one zone. */
export interface Operation {
  /** Grows by one with each; said in the service, so that whoever is shown it knows how far it is. */
  readonly step: number
  readonly zone: string
  readonly name: string
  readonly does: 'put' | 'delete'
}

/** What a control plane has shown of a service. */
export interface Shown {
  readonly step: number
  /** Empty while it has none. */
  readonly vip: string
}

/** How long after it was sent an operation was shown by a control plane. */
export interface Lag {
  readonly plane: string
  readonly shownAtMs: number
  readonly lagMs: number
  /** Of the two zones that it had to pass between, one had no whole link for some of that time; since then it took so long. */
  readonly sinceWholeMs: number | undefined
}

interface Sent extends Operation {
  readonly atMs: number
}

interface Outage {
  readonly fromMs: number
  readonly toMs: number | undefined
}

/**
 * Looks on while services come, change and go, and says what must not be: no I/O and no clock, each event comes with its
 * time. A VIP belongs to its service for the whole run (its quarantine is longer), whichever control plane shows it.
 */
export class Judge {
  readonly violations: string[] = []
  readonly #vipOf = new Map<string, string>()
  readonly #ownerOf = new Map<string, string>()
  readonly #deletesOf = new Map<string, number>()
  /** By control plane and service. */
  readonly #seen = new Map<string, { readonly step: number; readonly isThere: boolean; readonly ends: number }>()
  /** Of each control plane and service, in the order in which they were sent. */
  readonly #pending = new Map<string, Sent[]>()
  readonly #outages = new Map<string, Outage[]>()
  readonly #planes: readonly string[]

  /** @param planes names of all that show services; a zone's is that of the zone */
  constructor(planes: readonly string[]) {
    this.#planes = planes
  }

  sent(operation: Operation, atMs: number): void {
    const key = keyOf(operation)
    if (operation.does === 'delete') this.#deletesOf.set(key, (this.#deletesOf.get(key) ?? 0) + 1)
    for (const plane of this.#planes) {
      const at = `${plane} ${key}`
      const pending = this.#pending.get(at) ?? []
      pending.push({ ...operation, atMs })
      this.#pending.set(at, pending)
    }
  }

  /** From now on nothing passes between this zone and global. */
  broken(zone: string, atMs: number): void {
    const outages = this.#outages.get(zone) ?? []
    outages.push({ fromMs: atMs, toMs: undefined })
    this.#outages.set(zone, outages)
  }

  whole(zone: string, atMs: number): void {
    const outages = this.#outages.get(zone) ?? []
    this.#outages.set(
      zone,
      outages.map((outage) => ({ ...outage, toMs: outage.toMs ?? atMs })),
    )
  }

  /** @returns how late each operation was that this settles */
  shown(
    plane: string,
    service: { readonly zone: string; readonly name: string },
    now: Shown,
    atMs: number,
  ): readonly Lag[] {
    const key = keyOf(service)
    const seen = this.#seenAt(plane, key)
    if (now.step < seen.step)
      this.violations.push(`MONO: ${plane} shows step ${now.step} of ${key} after step ${seen.step}`)
    this.#vipShown(plane, key, now.vip)
    this.#seen.set(`${plane} ${key}`, { ...seen, step: Math.max(seen.step, now.step), isThere: true })
    return this.#settled(plane, key, (sent) => sent.step <= now.step, atMs)
  }

  gone(plane: string, service: { readonly zone: string; readonly name: string }, atMs: number): readonly Lag[] {
    const key = keyOf(service)
    const seen = this.#seenAt(plane, key)
    const ends = seen.ends + (seen.isThere ? 1 : 0)
    if (ends > (this.#deletesOf.get(key) ?? 0))
      this.violations.push(`EMPTY: ${plane} lost ${key}, which nobody deleted`)
    this.#seen.set(`${plane} ${key}`, { ...seen, ends, isThere: false })
    const pending = this.#pending.get(`${plane} ${key}`) ?? []
    const last = pending.findLast(({ does }) => does === 'delete')?.step ?? -1
    return this.#settled(plane, key, (sent) => sent.step <= last, atMs)
  }

  /** What every control plane has to have in the end is not what this one has. */
  compare(plane: string, expected: ReadonlyMap<string, number>, found: ReadonlyMap<string, Shown>): readonly string[] {
    const differing = [...expected].flatMap(([key, step]) => {
      const there = found.get(key)
      if (there === undefined) return [`${plane} has no ${key}`]
      if (there.step !== step) return [`${plane} has step ${there.step} of ${key}, not ${step}`]
      return there.vip === this.#vipOf.get(key) && there.vip !== ''
        ? []
        : [
            `${plane} has ${key} at ${there.vip || 'no address'}, not at ${this.#vipOf.get(key) ?? 'none that was seen'}`,
          ]
    })
    return [
      ...differing,
      ...[...found.keys()].filter((key) => !expected.has(key)).map((key) => `${plane} has ${key} still`),
    ]
  }

  #seenAt(plane: string, key: string) {
    return this.#seen.get(`${plane} ${key}`) ?? { step: -1, isThere: false, ends: 0 }
  }

  #vipShown(plane: string, key: string, vip: string): void {
    const known = this.#vipOf.get(key)
    if (known !== undefined && vip !== known)
      this.violations.push(`VIP-1: ${plane} shows ${key} at ${vip || 'no address'} and not at ${known}`)
    if (vip === '') return
    const owner = this.#ownerOf.get(vip)
    if (owner !== undefined && owner !== key)
      this.violations.push(`VIP-3: ${plane} shows ${key} at ${vip}, which belongs to ${owner}`)
    if (known === undefined) this.#vipOf.set(key, vip)
    if (owner === undefined) this.#ownerOf.set(vip, key)
  }

  #settled(plane: string, key: string, isSettled: (sent: Sent) => boolean, atMs: number): readonly Lag[] {
    const at = `${plane} ${key}`
    const pending = this.#pending.get(at) ?? []
    this.#pending.set(
      at,
      pending.filter((sent) => !isSettled(sent)),
    )
    return pending.filter(isSettled).map((sent) => ({
      plane,
      shownAtMs: atMs,
      lagMs: atMs - sent.atMs,
      sinceWholeMs: this.#sinceWhole([sent.zone, plane], sent.atMs, atMs),
    }))
  }

  /** Undefined: the links of these zones were whole all the time. */
  #sinceWhole(zones: readonly string[], fromMs: number, toMs: number): number | undefined {
    const met = zones
      .flatMap((zone) => this.#outages.get(zone) ?? [])
      .filter((outage) => outage.fromMs <= toMs && (outage.toMs === undefined || outage.toMs >= fromMs))
    return met.length === 0 ? undefined : toMs - Math.max(...met.map((outage) => Math.min(outage.toMs ?? toMs, toMs)))
  }
}

export const keyOf = ({ zone, name }: { readonly zone: string; readonly name: string }): string => `${zone}/${name}`
