import type { Channel, Cursor } from '@holdfast/kds'
import { Entries } from './entries.js'

/** Everything that one peer could ever have seen of a sender, in order: what a receiver may have been told. */
export class ViewLog {
  readonly channel: Channel
  readonly peer: string
  readonly entries = new Entries()
  readonly #events = new Map<string, (string | undefined)[]>()
  readonly #digests = new Map<string, string>()
  readonly #newest = new Map<string, number>()
  /** The head at which nothing had changed since the record before. */
  #seen: Cursor | undefined

  constructor(channel: Channel, peer: string) {
    this.channel = channel
    this.peer = peer
  }

  get now(): ReadonlyMap<string, string> {
    return this.entries.now
  }

  /** Notes what has changed. The sum at a revision is one and the same forever; says so where it is not. */
  record(head: Cursor): string | undefined {
    const { epoch, revision } = head
    if (this.#seen === head && !this.entries.hasChanged) return undefined
    this.#seen = head
    const at = placeText(head)
    for (const key of this.entries.takeChanged()) {
      const entry = this.entries.get(key)
      const events = this.#events.get(key)
      if (events === undefined) this.#events.set(key, [entry])
      else if (events.at(-1) !== entry) events.push(entry)
    }
    const text = this.entries.digest
    const before = this.#digests.get(at)
    if (before === text) return undefined
    this.#digests.set(at, text)
    this.#newest.set(`${epoch} ${text}`, revision)
    return before === undefined ? undefined : `the view at ${at} was ${before} and is now ${text}`
  }

  digestAt(cursor: Cursor): string | undefined {
    return this.#digests.get(placeText(cursor))
  }

  /** Its store was put back: only what stands in its history counts; other revisions are given out again, to something else. */
  putBack(tagAt: (epoch: string, revision: number) => string | undefined): void {
    this.#newest.clear()
    for (const [place, text] of this.#digests) {
      const [epoch = '', number = '', tag] = place.split(' ')
      const revision = Number(number)
      if (tagAt(epoch, revision) !== tag) continue
      const key = `${epoch} ${text}`
      this.#newest.set(key, Math.max(revision, this.#newest.get(key) ?? -1))
    }
  }

  /** The newest revision at which the view had this digest; -1 if it never had. */
  revisionOf(epoch: string, digest: string): number {
    return this.#newest.get(`${epoch} ${digest}`) ?? -1
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

/** The tag tells the revisions of a store that was put back from those that it had before. */
const placeText = ({ epoch, revision, tag }: Cursor): string => `${epoch} ${revision} ${tag}`
