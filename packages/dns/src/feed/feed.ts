import { setImmediate } from 'node:timers/promises'
import { endOf } from '@holdfast/kds'
import type { Changes, ChangesQuery, ControlPlaneStore } from '@holdfast/store'
import { serviceKey } from '../table/served.js'
import type { JournalFile } from './journal-file.js'
import { type Change, changeOf, Picture, pictureTypes, subjectOf } from './picture.js'

/** What the feed asks of a store: the log, and to be told when it may have grown. */
export interface FeedStore {
  readonly read: Pick<ControlPlaneStore['read'], 'changes'>
  readonly onAdvanced: ControlPlaneStore['onAdvanced']
}

export interface FeedOptions {
  readonly zone: string
  readonly store: FeedStore
  /** Last good answers of an earlier process; undefined: none are kept. */
  readonly journal: JournalFile | undefined
  /** The log could be read after it could not, or could not be read after it could. */
  readonly onHealth: (health: FeedHealth) => void
  readonly onJournalFailure: (error: unknown) => void
  /**
   * Whether what the store does not have may be believed gone: not of one that recovers, nor of one that is not in step with
   * its global, for it may be new or put back from a backup. Asked only where a whole picture is replaced; an explicit removal needs no second witness.
   */
  readonly isWhole: () => Promise<boolean>
  /** Keys of services that were told of, whatever of them is new. */
  readonly onServices: (keys: readonly string[]) => void
}

/** Where a picture stands in a log. */
export interface Standing {
  readonly epoch: string
  readonly revision: number
}

export type FeedHealth =
  | { readonly following: true }
  /** The answers stay as they are. */
  | { readonly following: false; readonly reason: string }

const pageMax = 1_000

type Place = NonNullable<ChangesQuery['after']>

const keyOfService = (change: Change): readonly string[] =>
  change.change === 'service' ? [serviceKey(change.service)] : change.change === 'gone' ? [change.key] : []

/**
 * Follows the log of a store and keeps the picture of it. Reads what has changed, never all: from the beginning only at the
 * first look, after a change of the log's identity, or when it was away for so long that removals have been forgotten. A
 * store that does not answer changes nothing.
 */
export class Feed {
  readonly #options: FeedOptions
  readonly #stopListening: () => void
  #picture: Picture
  #after: Place | undefined
  #running: Promise<void> | undefined
  #again = false
  #closed = false
  #following: boolean | undefined
  #isJournalBegun = false
  /** Served although the store says nothing of them, neither that they are there nor that they are gone. */
  readonly #kept = new Set<string>()
  #isKeeping = false
  #hasRead = false

  /**
   * @param recalled what is served until the store has been read: last good answers, or an empty picture
   * @param standing where those stand in the log; undefined: nowhere
   */
  constructor(options: FeedOptions, recalled: Picture, standing?: Standing) {
    this.#options = options
    this.#picture = recalled
    if (standing !== undefined) this.#after = { epoch: standing.epoch, position: endOf(standing.revision) }
    this.#stopListening = options.store.onAdvanced(() => this.look())
    this.look()
  }

  get picture(): Picture {
    return this.#picture
  }

  /** Services that are served on the word of an earlier store alone. */
  get kept(): number {
    return this.#kept.size
  }

  /** Looks at the log now; while a look is under way, once more after it. */
  look(): void {
    if (this.#closed) return
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.#running = this.#follow().finally(() => {
      this.#running = undefined
      if (!this.#again) return
      this.#again = false
      this.look()
    })
  }

  /** When no look is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopListening()
    await this.#running
    await this.#options.journal?.close()
  }

  /** The store has been read once. */
  get hasRead(): boolean {
    return this.#hasRead
  }

  async #follow(): Promise<void> {
    try {
      await this.#catchUp()
      this.#hasRead = true
      this.#tell({ following: true })
    } catch (error) {
      this.#tell({ following: false, reason: (error as Error).message })
    }
  }

  #tell(health: FeedHealth): void {
    if (this.#following === health.following) return
    this.#following = health.following
    this.#options.onHealth(health)
  }

  async #catchUp(): Promise<void> {
    const after = this.#after
    const first = after === undefined ? undefined : await this.#page(after)
    if (first === undefined) return this.#fromTheBeginning()
    // What an earlier store's word kept is looked at anew once the store of now can be believed.
    if (this.#isKeeping && (await this.#options.isWhole())) return this.#fromTheBeginning()
    const changes = await this.#pages(first, this.#picture)
    for (const key of changes.flatMap(keyOfService)) this.#kept.delete(key)
    if (changes.length > 0) await this.#write(changes)
  }

  /** Beside what is served, which is replaced when this is whole: nobody finds a name away meanwhile. */
  async #fromTheBeginning(): Promise<void> {
    this.#after = undefined
    const fresh = new Picture(this.#options.zone)
    const first = await this.#page(undefined)
    if (first === undefined) throw new Error('the log has no beginning')
    const told = await this.#pages(first, fresh)
    this.#kept.clear()
    this.#isKeeping = false
    if (!(await this.#options.isWhole())) {
      // Generators as well: a new store has its own from the first moment, and global's only once it was told them.
      const known = new Set(told.map(subjectOf))
      const untold = [...this.#picture.all()].filter((change) => !known.has(subjectOf(change)))
      // Where there is nothing of which it does not speak, its word is all there is, and need not be heard a second time.
      this.#isKeeping = untold.length > 0
      await fresh.apply(untold, fresh.served.revision, setImmediate)
      for (const key of untold.flatMap(keyOfService)) this.#kept.add(key)
    }
    this.#picture = fresh
    this.#isJournalBegun = false
    await this.#write([])
  }

  #page(after: Place | undefined): Promise<Changes | undefined> {
    return this.#options.store.read.changes({ types: pictureTypes, ownTypes: [], after, limit: pageMax })
  }

  /** Applies pages until there are no more, and remembers how far that is. */
  async #pages(first: Changes, picture: Picture): Promise<readonly Change[]> {
    const all: Change[] = []
    for (let page: Changes = first; ; ) {
      const changes = page.rows.map(changeOf)
      if (changes.length > 0) await picture.apply(changes, page.through.revision, setImmediate)
      all.push(...changes)
      this.#options.onServices(changes.flatMap(keyOfService))
      const place: Place = { epoch: page.epoch, position: page.through }
      if (page.complete) {
        this.#after = place
        return all
      }
      const next = await this.#page(place)
      // Whoever called begins anew at the next look.
      if (next === undefined) throw new Error('the log became another one while it was read')
      page = next
    }
  }

  async #write(changes: readonly Change[]): Promise<void> {
    const { journal, onJournalFailure } = this.#options
    const after = this.#after
    if (journal === undefined || after === undefined) return
    const { revision } = after.position
    // What is kept on an earlier word stands in no log: whoever recalls it looks at everything anew.
    const epoch = this.#isKeeping ? '' : after.epoch
    try {
      if (this.#isJournalBegun && !journal.isGrown) await journal.append(changes, epoch, revision)
      else {
        await journal.begin(this.#picture.all(), epoch, revision)
        this.#isJournalBegun = true
      }
    } catch (error) {
      // The next change begins it anew: half a line must not be appended to.
      this.#isJournalBegun = false
      onJournalFailure(error)
    }
  }
}

/** Last good answers, as a picture; with a reason where there are none. */
export async function recalledPicture(
  zone: string,
  journal: JournalFile | undefined,
): Promise<{ readonly picture: Picture; readonly standing?: Standing; readonly reason?: string }> {
  const picture = new Picture(zone)
  const recalled = await journal?.recall()
  if (recalled === undefined) return { picture }
  if (recalled.outcome === 'useless') return { picture, reason: recalled.reason }
  const { changes, epoch, revision } = recalled
  await picture.apply(changes, revision, setImmediate)
  return { picture, standing: { epoch, revision } }
}
