import { type Origin, upTypes } from '@holdfast/model'
import type { MemoryStore, RecoveryItem, Row } from '@holdfast/store'
import { holds, LawBroken } from './broken.js'
import type { Change } from './shadow.js'
import { entryKey } from './truth.js'

const sentUp: ReadonlySet<string> = new Set(upTypes())
const nameOf = (origin: Origin): string => origin || 'global'
const isLive = (row: Row | undefined): row is Row => row !== undefined && !row.deleted

interface Owed {
  readonly key: string
  readonly mesh: string
  readonly type: string
  readonly name: string
  /** Who has it. */
  readonly givers: ReadonlySet<Origin>
}

/** A peer of a store that was put back, which had all that this had said up to a revision, and no part of anything more. */
export interface Witness {
  readonly store: MemoryStore
  readonly through: number
}

interface Old {
  /** Those that were there when the store had been put back: older than what they would take away. */
  readonly tombstones: ReadonlySet<Row>
  /** What each witness had that had heard more than is left. Whoever had not may hear of what went before the backup. */
  readonly witnesses: Map<Origin, ReadonlySet<string>>
  /** What is left ends here. */
  readonly revision: number
  /** Who had heard more than what is left, whole or to the beginning of a range. */
  readonly further: readonly Witness[]
}

/**
 * What a store that was put back may lose, and what it may not. DUR: what somebody else still has comes back, unless it is
 * deleted here afterwards, or an operator goes on without it. EMPTY: that it is missing here takes it from nobody. Both
 * count on whoever had heard the store to the end of something: from the middle of a range nobody can tell that more
 * is gone than what comes next.
 */
export class Losses {
  /**
   * What was there before a store was put back and is not there since, by store: nobody was told that it went. With it, in
   * which life of its store it was missed first.
   */
  readonly #missing = new Map<Origin, Map<string, number>>()
  /** How often each store was put back. */
  readonly #lives = new Map<Origin, number>()
  /** What its store owns, had, and has to get back, by store and entry key. */
  readonly #owed = new Map<Origin, Map<string, Owed>>()
  readonly #old = new Map<Origin, Old>()
  /**
   * New stores in the place of lost ones that do not know it: who had followed the old one is no proof of it once somebody has
   * followed the new one (decision 0012), so nothing has to come back before it is found out.
   */
  readonly #unaware = new Set<Origin>()
  /** The logs of such stores: whoever is put back to a backup of one knows as little as it did. */
  readonly #unawareLogs = new Set<string>()

  /**
   * @param lost what was there, and at which revision it ended
   * @param heard who had everything through a position, and who was in the middle of a range that began there
   */
  putBack(
    store: MemoryStore,
    { rows: before, revision: endedAt }: { readonly rows: readonly Row[]; readonly revision: number },
    { witnesses, interrupted }: Readonly<Record<'witnesses' | 'interrupted', readonly Witness[]>>,
    isNew: boolean,
  ): void {
    const origin = store.identity.name
    const earlier = this.#old.get(origin)
    const life = this.lifeOf(origin) + 1
    this.#lives.set(origin, life)
    const { epoch } = store.image.head
    if (isNew) this.#unawareLogs.add(epoch)
    if (this.#unawareLogs.has(epoch)) this.#unaware.add(origin)
    const now = [...store.image.rows.values()]
    const live = new Set(now.filter(isLive).map(placeOf))
    const missing = new Map(this.#missing.get(origin))
    const owed = new Map(this.#owed.get(origin))
    const copies = new Map(witnesses.map((witness) => [witness.store.identity.name, livePlaces(witness.store)]))
    // Whose position is beyond what is left knows that there was more.
    const ahead = witnesses.filter(({ through }) => through > store.image.head.revision)
    // Of two memories the one that has followed further counts: it has heard what became of what the other one has.
    const furthest = ahead.reduce((most, { through }) => Math.max(most, through), 0)
    const best = ahead.filter(({ through }) => through === furthest).map((one) => one.store.identity.name)
    // Who is in the middle of a range that began further on had heard by then what was gone, and remembers that it went.
    // That it only lacks something says nothing: it may never have been offered it.
    // So does who had heard more than was left the last time, if nothing was written since: it is the same log.
    const later = [...interrupted, ...(earlier?.revision === endedAt ? earlier.further : [])].filter(
      ({ through }) => through > furthest,
    )
    const gone = new Set(later.flatMap((one) => [...deletedPlaces(one.store)]))
    for (const row of before) {
      const place = placeOf(row)
      if (!isLive(row) || live.has(place)) continue
      if (!missing.has(place)) missing.set(place, life)
      if (row.origin !== origin || (origin !== '' && !sentUp.has(row.type))) continue
      const givers = ahead.map((one) => one.store.identity.name).filter((name) => copies.get(name)?.has(place) === true)
      if (gone.has(place)) continue
      if (best.some((name) => givers.includes(name))) owed.set(place, { ...idOf(row), givers: new Set(givers) })
    }
    for (const place of live) {
      missing.delete(place)
      owed.delete(place)
    }
    this.#missing.set(origin, missing)
    this.#owed.set(origin, owed)
    this.#old.set(origin, {
      revision: store.image.head.revision,
      further: [...ahead, ...later].filter(({ through }) => through > store.image.head.revision),
      tombstones: new Set(now.filter((row) => row.deleted)),
      witnesses: new Map(
        ahead.map(({ store: { identity } }): [Origin, ReadonlySet<string>] => [
          identity.name,
          copies.get(identity.name) ?? new Set(),
        ]),
      ),
    })
    // Whoever would give it back may be the one that has lost it.
    this.#givesNot(origin, () => true)
  }

  /** A witness was put back itself, to where it had heard a peer up to `through`: what it has forgotten it does not testify. */
  remembers(witness: MemoryStore, peer: Origin, through: number | undefined): void {
    const old = this.#old.get(peer)
    if (old?.witnesses.has(witness.identity.name) !== true) return
    if (through === undefined || through <= old.revision) old.witnesses.delete(witness.identity.name)
    else old.witnesses.set(witness.identity.name, livePlaces(witness))
  }

  /** A copy was changed by hand: its holder does not know any more that it is what it was offered (`asOffered`). */
  spoiled(giver: Origin, key: string): void {
    this.#givesNot(giver, (_, one) => one.key === key)
  }

  /**
   * What its own people have let go because its origin lacked it (`hold approve`) is gone there: that is no reason to lose
   * it (docs/decisions/0090), and others may have it, but this one has nothing to give back.
   */
  letGo(giver: Origin, rows: readonly Change<Row>[]): void {
    for (const { before, after } of rows)
      if (isLive(before) && !isLive(after) && before.holdId !== undefined) {
        const gone = placeOf(before)
        this.#givesNot(giver, (place) => place === gone)
      }
  }

  #givesNot(giver: Origin, which: (place: string, owed: Owed) => boolean): void {
    for (const owed of this.#owed.values())
      for (const [place, one] of owed) {
        if (!which(place, one) || !one.givers.has(giver)) continue
        const givers = new Set([...one.givers].filter((name) => name !== giver))
        if (givers.size === 0) owed.delete(place)
        else owed.set(place, { ...one, givers })
      }
  }

  /** It recovers. */
  foundOut(store: Origin): void {
    this.#unaware.delete(store)
  }

  follow(store: Origin, rows: readonly Change<Row>[]): void {
    const missing = this.#missing.get(store)
    if (missing === undefined) return
    for (const { before, after } of rows) {
      const row = after ?? before
      if (row === undefined) continue
      const place = placeOf(row)
      if (isLive(after)) {
        missing.delete(place)
        this.#owed.get(store)?.delete(place)
      }
      // Its own people have decided since.
      else if (isLive(before)) this.#owed.get(store)?.delete(place)
    }
  }

  /** Which life of a store this is: the first one is 0. */
  lifeOf(store: Origin): number {
    return this.#lives.get(store) ?? 0
  }

  /**
   * A copy goes although its sender only lacks it: whoever lost it has nothing to say about it. What was on its way when
   * the sender was put back was read before that, and is as true as it was.
   *
   * @param saidIn which life of its sender the session speaks of that took it away; undefined: no session did
   */
  checkGone(
    store: MemoryStore,
    rows: readonly Change<Row>[],
    {
      senderOf,
      saidIn,
    }: { readonly senderOf: (origin: Origin) => MemoryStore | undefined; readonly saidIn: number | undefined },
  ): void {
    if (this.#missing.size === 0) return
    const own = store.identity.name
    for (const { before, after } of rows) {
      if (!isLive(before) || isLive(after) || before.origin === own || before.holdId !== undefined) continue
      const sender = senderOf(before.origin)
      if (sender === undefined) continue
      const from = sender.identity.name
      const old = this.#old.get(from)
      const isWitness = old?.witnesses.get(own)?.has(placeOf(before)) === true
      const missedIn = this.#missing.get(from)?.get(placeOf(before))
      if (missedIn === undefined || !isWitness || (saidIn !== undefined && saidIn < missedIn)) continue
      // A mesh that is deleted takes along what is in it.
      if (before.mesh !== '' && !hasMesh(store, before.mesh)) continue
      const tombstone = [...sender.image.rows.values()].find((row) => row.deleted && placeOf(row) === placeOf(before))
      // Of after the store was put back: what it takes away is older than it.
      if (tombstone !== undefined && old?.tombstones.has(tombstone) !== true) continue
      throw new LawBroken(
        'EMPTY',
        `${nameOf(own)}: ${entryKey(before)} of ${nameOf(before.origin)} went, because ${nameOf(from)} was put back to before it was there`,
      )
    }
  }

  /** An operator of global goes on without what is open; undefined: without whatever zones that are missing have. */
  gaveUp(open: readonly RecoveryItem[] | undefined): void {
    const owed = this.#owed.get('')
    if (owed === undefined) return
    if (open === undefined) owed.clear()
    else
      for (const [place, one] of owed)
        if (open.some(({ type, mesh, name }) => type === one.type && mesh === one.mesh && name === one.name))
          owed.delete(place)
  }

  /** Nobody waits for a zone that came after the backup and that no other one knows of. */
  endedBy(zones: readonly Origin[]): void {
    for (const [place, { givers }] of this.#owed.get('') ?? [])
      if (![...givers].some((giver) => zones.includes(giver))) this.#owed.get('')?.delete(place)
  }

  /** What a zone has not taken back, or has kept in its place, it names: `TYPE KEY`, perhaps with the reason. */
  told(zone: Origin, words: readonly string[]): void {
    for (const place of this.#missing.get(zone)?.keys() ?? []) {
      const key = place.slice(zone.length + 1)
      if (!words.some((word) => word === key || word.startsWith(`${key}: `))) continue
      this.#owed.get(zone)?.delete(place)
      this.#missing.get(zone)?.delete(place)
    }
  }

  /** DUR: in the end everything is back that anybody could give back. */
  check(stores: readonly MemoryStore[]): void {
    for (const store of stores.filter(({ identity }) => !this.#unaware.has(identity.name)))
      for (const { key, mesh } of this.#owed.get(store.identity.name)?.values() ?? [])
        holds(
          mesh !== '' && !hasMesh(store, mesh),
          'DUR',
          () => `${nameOf(store.identity.name)} was put back and never got back ${key}, which others had`,
        )
  }
}

const placeOf = (row: Row): string => `${row.origin} ${entryKey(row)}`
const idOf = (row: Row): Omit<Owed, 'givers'> => ({
  key: entryKey(row),
  mesh: row.mesh,
  type: row.type,
  name: row.name,
})
const livePlaces = ({ image }: MemoryStore): ReadonlySet<string> =>
  new Set([...image.rows.values()].filter(isLive).map(placeOf))
const deletedPlaces = ({ image }: MemoryStore): ReadonlySet<string> =>
  new Set([...image.rows.values()].filter((row) => row.deleted).map(placeOf))
const hasMesh = ({ image }: MemoryStore, mesh: string): boolean =>
  [...image.rows.values()].some((row) => row.type === 'Mesh' && row.name === mesh && isLive(row))
