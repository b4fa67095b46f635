import { findType, type Origin, wantsVip } from '@holdfast/model'
import type { HistoryRow, LedgerRow, Owner, Row } from '@holdfast/store'
import { ownerWords } from '@holdfast/vip'
import { holds } from './broken.js'
import type { Changes } from './shadow.js'

const ownerText = ({ kind, mesh, origin, namespace, displayName }: Owner): string =>
  `${kind} ${mesh}/${displayName}${namespace === '' ? '' : `.${namespace}`} of ${origin === '' ? 'global' : origin}`

const ownerOfRow = ({ type, mesh, origin, namespace, displayName }: Row): string =>
  ownerText({ kind: type, mesh, origin, namespace, displayName })

/** Clocks differ by up to two hours from the true time, each way: whoever counts the day of a quarantine may be so wrong. */
export const skewMaxMs = 2 * 3_600_000
const quarantineLeastMs = 24 * 3_600_000 - 2 * skewMaxMs

/** `zone a remembers ADDRESS for OWNER, which has ADDRESS here`, or `…; here OWNER has it`. */
const conflictParts = / remembers (\S+) for (?:.*, which has (\S+) here$)?/

type Claim = Pick<LedgerRow, keyof Owner | 'scope' | 'family' | 'generation' | 'address'>

interface Holder {
  readonly owner: string
  /** In how many stores its row is active now. */
  active: number
  /** Until when it was, anywhere. */
  untilMs: number
}

/** The ledger of a store before and after it was put back, the history of it that is left, and what all others have. */
interface PutBack {
  readonly before: readonly LedgerRow[]
  readonly now: readonly LedgerRow[]
  readonly history: readonly HistoryRow[]
  readonly elsewhere: readonly LedgerRow[]
}

/** What is known of all addresses in the whole world: who had one first, and who has had each, until when. */
export class AddressBook {
  /** The address of an owner, by family, owner and generation: one and the same for ever. */
  readonly #known = new Map<string, string>()
  readonly #newest = new Map<string, Claim>()
  /** Owners whose address was given up after its quarantine: the next one is a new one, with a generation of its own. */
  readonly #freed = new Set<string>()
  readonly #holder = new Map<string, Holder>()
  /** Owners and addresses about which witnesses said otherwise, and an operator went on. */
  readonly #contested = new Set<string>()
  /** Stores that were put back and have not compared with everybody since: their word on addresses does not count yet. */
  readonly #astray = new Set<Origin>()
  /** Of zones that were put back: addresses of their own of which they have lost all memory, and others have some. */
  readonly #lost = new Map<Origin, LedgerRow[]>()
  /** Of these zones: what was not in what they took back last, from a global that did not know what it had lost itself. */
  readonly #untold = new Map<Origin, readonly LedgerRow[]>()

  /**
   * A store was put back. What nobody else has heard of never was; the rest is known as before, and the store has to come
   * back to it.
   *
   * @param owned whose addresses it gives
   */
  putBack(store: Origin, { before, now, history, elsewhere }: PutBack, owned: readonly Origin[], nowMs: number): void {
    if (!this.#astray.has(store)) for (const row of before) if (isInForce(row)) this.#leave(row, nowMs)
    this.#astray.add(store)
    const canonical = elsewhere.filter((row) => row.scope === 'canonical')
    const named = new Set(canonical.map(ownerText))
    // Who remembers another address, of a life that was lost too, has not heard of this one.
    const isKnown = (row: LedgerRow): boolean =>
      this.#known.get(`${familyOwner(row)} ${row.generation}`) === row.address
    const heard = new Set(canonical.filter(isKnown).map(ownerText))
    // Of an owner that it had given up everywhere it is the only one to remember that there ever was one.
    const past = [...this.#newest.values()].filter((row) => owned.includes(row.origin))
    for (const row of [...before, ...past])
      if (row.scope === 'canonical' && !heard.has(ownerText(row))) this.#forget(row)
    this.#forgetUnheard({ now, history, elsewhere }, owned)
    for (const row of now) {
      if (row.scope !== 'canonical' || named.has(ownerText(row))) continue
      this.#noteGivenSince(row, canonical)
      this.#checkSame(store || 'global', row)
    }
    // What it has given up since the backup it has lost as well: what others still have of it, it gives anew.
    const left = new Set([...now, ...history].map(claimOf))
    const lost = canonical.filter((row) => row.origin === store && !left.has(claimOf(row)))
    if (store !== '') this.#lost.set(store, [...(this.#lost.get(store) ?? []), ...lost])
  }

  /**
   * A backup of a life that was lost everywhere since is put back: what it has was forgotten by all who could have told whoever
   * gives the addresses, and has given this one to another. Either may have it.
   */
  #noteGivenSince(row: LedgerRow, elsewhere: readonly LedgerRow[]): void {
    if (this.#known.has(`${familyOwner(row)} ${row.generation}`)) return
    if (elsewhere.some(({ address }) => address === row.address)) this.#contested.add(row.address).add(ownerText(row))
  }

  /**
   * Of an owner that others have heard of, a family or a generation that nobody but a store that was put back has had never
   * was either: it gives it once more, and another address with it, from another pool or because the one before was given up.
   */
  #forgetUnheard({ now, history, elsewhere }: Omit<PutBack, 'before'>, owned: readonly Origin[]): void {
    const left = new Map<string, Claim>()
    for (const row of [...history, ...elsewhere, ...now])
      if (row.scope === 'canonical' && row.generation >= (left.get(familyOwner(row))?.generation ?? 0))
        left.set(familyOwner(row), row)
    const held = new Set(now.map(familyOwner))
    for (const [key, newest] of this.#newest) {
      if (!owned.includes(newest.origin)) continue
      const last = left.get(key)
      if (last === undefined) this.#forget(newest)
      if (last === undefined || newest.generation <= last.generation) continue
      for (let generation = newest.generation; generation > last.generation; generation--)
        this.#known.delete(`${key} ${generation}`)
      const holder = this.#holder.get(newest.address)
      if (newest.address !== last.address && holder?.owner === ownerText(newest) && holder.active === 0)
        this.#holder.delete(newest.address)
      this.#newest.set(key, last)
      // That it had given up the one before it may still know.
      if (!held.has(key) && history.some((row) => claimOf(row) === claimOf(last))) this.#freed.add(key)
    }
  }

  /**
   * A zone that was put back has taken back what global keeps of it. A global that recovers hears all others before
   * (docs/decisions/0140); one that was put back too and does not know it returns what it has left.
   *
   * @param left the ledger of such a global; undefined: it knows what it has lost, or has lost nothing
   */
  tookBack(zone: Origin, left: Iterable<LedgerRow> | undefined): void {
    if (left === undefined) {
      this.#untold.delete(zone)
      return
    }
    const told = new Set([...left].map(claimOf))
    this.#untold.set(
      zone,
      (this.#lost.get(zone) ?? []).filter((row) => !told.has(claimOf(row))),
    )
  }

  /** It is ready, and gives addresses to what has none: of what nobody has told it as one that never knew of its loss. */
  goesOn(zone: Origin): void {
    for (const row of this.#untold.get(zone) ?? []) this.#contested.add(row.address).add(ownerText(row))
    this.#untold.delete(zone)
  }

  /**
   * It has heard everybody: what its ledger says is what it stands for. Of what it gives itself only global can tell it, and
   * where nothing told global either that there was more (docs/decisions/0060, 0012), it has written on: each of these
   * owners may have either address, and either may have the address, as if an operator had gone on.
   */
  comesBack(store: Origin, rows: Iterable<LedgerRow>, isUnnoticed: boolean, nowMs: number): void {
    if (!this.#astray.delete(store)) return
    if (isUnnoticed) for (const row of this.#lost.get(store) ?? []) this.#contested.add(row.address).add(ownerText(row))
    this.#lost.delete(store)
    for (const row of rows) {
      if (row.scope === 'canonical') this.#checkSame(store || 'global', row)
      if (isInForce(row)) this.#enter(store, row, nowMs)
    }
  }

  /**
   * An operator of global was told who has which address here and not elsewhere, and goes on: from then on each of these
   * owners may have either, and either may have the address. Who refuses the other one keeps what he has.
   */
  decided(conflicts: readonly string[]): void {
    for (const conflict of conflicts) {
      const [, remembered, known] = conflictParts.exec(conflict) ?? []
      for (const address of [remembered, known]) if (address !== undefined) this.#contested.add(address)
      for (const row of this.#newest.values())
        if (conflict.includes(` for ${ownerWords(row)}, `) || conflict.includes(` for ${ownerWords(row)}; `))
          this.#contested.add(ownerText(row))
    }
  }

  isContested(owner: Owner): boolean {
    return this.#contested.has(ownerText(owner))
  }

  #forget(row: Claim): void {
    const key = familyOwner(row)
    for (let generation = this.#newest.get(key)?.generation ?? 0; generation >= 0; generation--)
      this.#known.delete(`${key} ${generation}`)
    this.#newest.delete(key)
    this.#freed.delete(key)
    const holder = this.#holder.get(row.address)
    if (holder?.owner === ownerText(row) && holder.active === 0) this.#holder.delete(row.address)
  }

  /** VIP-2 and VIP-3 across all control planes. How many addresses their own control plane has given up. */
  follow(store: Origin, changes: Changes['ledger'], nowMs: number): number {
    let freed = 0
    if (this.#astray.has(store)) {
      // Whether it may is asked again when it has come back; that it has is known to whoever heard of it.
      for (const { before, after } of changes)
        if (after === undefined && before?.blockId !== undefined && before.scope === 'canonical')
          this.#freed.add(familyOwner(before))
      return freed
    }
    const where = store || 'global'
    for (const { before } of changes) if (isInForce(before)) this.#leave(before, nowMs)
    for (const { before, after } of changes)
      if (after === undefined && before?.blockId !== undefined && before.scope === 'canonical') {
        this.#free(where, before, nowMs)
        freed++
      }
    for (const { after } of changes) {
      if (after?.scope === 'canonical') this.#checkSame(where, after)
      if (isInForce(after)) this.#enter(store, after, nowMs)
    }
    return freed
  }

  #checkSame(where: string, row: LedgerRow): void {
    const key = familyOwner(row)
    const known = this.#known.get(`${key} ${row.generation}`)
    const newest = this.#newest.get(key)
    const isNew = newest === undefined || row.generation > newest.generation
    const before = known ?? (isNew && !this.#freed.has(key) ? newest?.address : undefined) ?? row.address
    holds(
      before === row.address || this.isContested(row),
      'VIP-2',
      () => `${where}: ${ownerText(row)} had ${before} and has ${row.address}, and nobody asked for it`,
    )
    this.#known.set(`${key} ${row.generation}`, row.address)
    if (!isNew) return
    this.#newest.set(key, row)
    this.#freed.delete(key)
  }

  /** Given up, and whether that was not too early. */
  #free(where: string, row: LedgerRow, nowMs: number): void {
    this.#freed.add(familyOwner(row))
    if (this.#contested.has(row.address)) return
    const holder = this.#holder.get(row.address)
    const restedMs = holder === undefined || holder.owner !== ownerText(row) ? undefined : this.#restedMs(holder, nowMs)
    holds(
      restedMs === undefined || restedMs >= quarantineLeastMs,
      'VIP-3',
      () => `${where}: ${row.address} is given up ${(restedMs ?? 0) / 1000} s after it was ${ownerText(row)}'s`,
    )
  }

  #restedMs(holder: Holder, nowMs: number): number {
    return holder.active > 0 ? 0 : nowMs - holder.untilMs
  }

  #leave(row: LedgerRow, nowMs: number): void {
    const holder = this.#holder.get(row.address)
    if (holder?.owner !== ownerText(row)) return
    holder.active--
    holder.untilMs = nowMs
  }

  #enter(store: Origin, row: LedgerRow, nowMs: number): void {
    if (this.#contested.has(row.address)) return
    const owner = ownerText(row)
    const holder = this.#holder.get(row.address)
    if (holder?.owner === owner) {
      holder.active++
      return
    }
    const restedMs = holder === undefined ? undefined : this.#restedMs(holder, nowMs)
    holds(
      restedMs === undefined || restedMs >= quarantineLeastMs,
      'VIP-3',
      () =>
        `${store || 'global'}: ${row.address} is ${owner}'s, ${(restedMs ?? 0) / 1000} s after it was ${holder?.owner}'s`,
    )
    this.#holder.set(row.address, { owner, active: 1, untilMs: nowMs })
  }
}

/** VIP-1 and VIP-5 within one control plane, at every revision. */
export class LocalAddresses {
  readonly #where: string
  readonly #own: Origin
  readonly #rowsAt = new Map<string, Map<string, LedgerRow>>()
  readonly #booked = new Map<string, Map<string, string>>()
  readonly #services = new Map<string, Map<string, Row>>()
  readonly #toCheck = new Set<string>()

  constructor(where: string, own: Origin) {
    this.#where = where
    this.#own = own
  }

  follow({ rows, ledger }: Pick<Changes, 'rows' | 'ledger'>): void {
    for (const { key, before } of ledger) {
      if (before === undefined) continue
      this.#rowsAt.get(placeOf(before))?.delete(key)
      if (!isInForce(before)) continue
      this.#booked.get(ownerText(before))?.delete(key)
      this.#toCheck.add(ownerText(before))
    }
    for (const { key, after } of ledger) {
      if (after === undefined) continue
      const rowsAt = entryOf(this.#rowsAt, placeOf(after))
      const [other] = rowsAt.values()
      holds(
        other === undefined,
        'VIP-1',
        () =>
          `${this.#where}: ${after.address} is ${ownerText(after)}'s and ${other === undefined ? '' : ownerText(other)}'s`,
      )
      rowsAt.set(key, after)
      if (!isInForce(after)) continue
      entryOf(this.#booked, ownerText(after)).set(key, after.address)
      this.#toCheck.add(ownerText(after))
    }
    for (const { key, before, after } of rows) {
      if (isService(before)) {
        this.#services.get(ownerOfRow(before))?.delete(key)
        this.#toCheck.add(ownerOfRow(before))
      }
      if (isService(after)) {
        entryOf(this.#services, ownerOfRow(after)).set(key, after)
        this.#toCheck.add(ownerOfRow(after))
      }
    }
  }

  check(): void {
    for (const owner of this.#toCheck) this.#check(owner)
    this.#toCheck.clear()
  }

  #check(owner: string): void {
    const booked = [...(this.#booked.get(owner)?.values() ?? [])].sort()
    const services = [...(this.#services.get(owner)?.values() ?? [])]
    for (const row of services) {
      const served = [...(row.vips?.addresses ?? [])].sort()
      holds(
        booked.join() === served.join(),
        'VIP-5',
        () => `${this.#where}: ${owner} is shown with ${list(served)}, the ledger has ${list(booked)}`,
      )
      const type = findType(row.type)
      const mayBeSilent = row.origin !== this.#own || type === undefined || !wantsVip(type, row.labels)
      holds(
        served.length > 0 || mayBeSilent || row.pendingReason !== undefined,
        'VIP-5',
        () => `${this.#where}: ${owner} has no VIP and does not say why`,
      )
    }
    holds(
      services.length > 0 || booked.length === 0,
      'VIP-5',
      () => `${this.#where}: ${list(booked)} is active for ${owner}, who is not there`,
    )
  }
}

const familyOwner = (row: Claim): string => `${row.family} ${ownerText(row)}`
const claimOf = (row: Claim): string => `${familyOwner(row)} ${row.generation} ${row.address}`
const placeOf = ({ scope, address }: LedgerRow): string => `${scope} ${address}`
const isInForce = (row: LedgerRow | undefined): row is LedgerRow => row?.scope === 'canonical' && row.state === 'active'
const isService = (row: Row | undefined): row is Row =>
  row !== undefined && !row.deleted && findType(row.type)?.vipKind === true

function entryOf<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = new Map<string, V>()
  map.set(key, made)
  return made
}

const list = (addresses: readonly string[]): string => (addresses.length === 0 ? 'nothing' : addresses.join(', '))
