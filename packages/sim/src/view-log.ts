import type { Cursor } from '@holdfast/kds'
import type { Entries } from './truth.js'
import { differences, digestOf, digestText } from './truth.js'

/** Everything that one peer could ever have seen of a sender, in order: what a receiver may have been told. */
export class ViewLog {
  #now: Entries = new Map()
  readonly #events = new Map<string, (string | undefined)[]>()
  readonly #digests = new Map<string, string>()
  readonly #newest = new Map<string, number>()

  get now(): Entries {
    return this.#now
  }

  /** The sum at a revision is one and the same forever; says so where it is not. */
  record({ epoch, revision }: Cursor, view: Entries): string | undefined {
    const at = `${epoch} ${revision}`
    for (const { key, b } of differences(this.#now, view)) {
      const events = this.#events.get(key)
      if (events === undefined) this.#events.set(key, [b])
      else events.push(b)
    }
    this.#now = view
    const text = digestText(digestOf(view))
    const before = this.#digests.get(at)
    this.#digests.set(at, text)
    this.#newest.set(`${epoch} ${text}`, revision)
    return before === undefined || before === text ? undefined : `the view at ${at} was ${before} and is now ${text}`
  }

  digestAt({ epoch, revision }: Cursor): string | undefined {
    return this.#digests.get(`${epoch} ${revision}`)
  }

  /** The newest revision at which the view was this; -1 if it never was. */
  revisionOf(epoch: string, entries: Entries): number {
    return this.#newest.get(`${epoch} ${digestText(digestOf(entries))}`) ?? -1
  }

  /** The first time at or after `floor` that a key had this entry; undefined: never (again). */
  find(key: string, entry: string | undefined, floor: number): number | undefined {
    const events = this.#events.get(key) ?? []
    for (let at = Math.max(floor, 0); at < events.length; at++) if (events[at] === entry) return at
    // Before its first event a key is not there.
    return entry === undefined && floor < 0 ? -1 : undefined
  }

  everHad(key: string, entry: string | undefined): boolean {
    return this.#events.get(key)?.includes(entry) ?? entry === undefined
  }
}
