import type { ChangesQuery, ControlPlaneStore, Row } from '@holdfast/store'

/** What follows from rows of some types, and is kept in step with them. */
export interface Kept {
  /**
   * Rows as they are now, those that are deleted too; the same row may come again.
   *
   * @returns false: something else than rows that come one by one has changed, and all has to be begun anew
   */
  apply(rows: readonly Row[]): boolean
}

interface Standing<T> {
  readonly value: T
  place: Place | undefined
  /** It stands at the end of a revision: one that is larger than a page is read in several. */
  isWhole: boolean
  /** Of the head that was reached, where it is known: a store that was put back in place may stand at the same revision. */
  tag: string | undefined
  isSpoilt: boolean
}

type Place = NonNullable<ChangesQuery['after']>
type Head = Awaited<ReturnType<ControlPlaneStore['status']>>['head']

const pageMax = 1_000
const attemptsMax = 3

/**
 * Something that is computed from all rows of some types, as of now for whoever asks. Nothing is read while nothing has
 * changed, and then what has changed: a question costs the same however many rows there are. All of them are read by the
 * first question, and after the log became another one.
 */
export class Followed<T extends Kept> {
  readonly #store: Pick<ControlPlaneStore, 'status' | 'read'>
  readonly #types: readonly string[]
  readonly #begin: () => Promise<T>
  #standing: Standing<T> | undefined
  #running: Promise<void> | undefined

  /** @param begin an empty one, before any row was applied */
  constructor(store: Pick<ControlPlaneStore, 'status' | 'read'>, types: readonly string[], begin: () => Promise<T>) {
    this.#store = store
    this.#types = types
    this.#begin = begin
  }

  /**
   * As of this question or later. A store that cannot be read is told to whoever asks, and the next one tries again.
   *
   * @param asOf where the log stood when the question came, for who knows it
   */
  async now(asOf?: Head): Promise<T> {
    const head = asOf ?? (await this.#store.status()).head
    const known = this.#at(head, (revision) => revision === head.revision)
    if (known !== undefined) return known
    // The look under way may have begun before what we ask for was there; the one after it has not.
    if (this.#running !== undefined) {
      await this.#running.catch(() => undefined)
      const shared = this.#at(head, (revision) => revision >= head.revision)
      if (shared !== undefined) return shared
    }
    this.#running ??= this.#follow(head).finally(() => {
      this.#running = undefined
    })
    await this.#running
    if (this.#standing === undefined) throw new Error(`nothing was read of ${this.#types.join(', ')}`)
    return this.#standing.value
  }

  #at({ epoch, revision, tag }: Head, isEnough: (revision: number) => boolean): T | undefined {
    const { value, place, tag: reached = tag, isSpoilt, isWhole } = this.#standing ?? {}
    if (place === undefined || isSpoilt === true || isWhole !== true) return undefined
    if (place.epoch !== epoch || !isEnough(place.position.revision)) return undefined
    return place.position.revision !== revision || reached === tag ? value : undefined
  }

  async #follow(head: Head): Promise<void> {
    const before = this.#standing
    // At the revision that is asked for, and yet not what is asked for: the store is another one.
    const isOther = before?.isWhole === true && before.place?.position.revision === head.revision
    if (before === undefined || before.isSpoilt || isOther || !(await this.#catchUp(before)) || before.isSpoilt)
      this.#standing = await this.#anew()
    const now = this.#standing
    if (now !== undefined) now.tag = now.place?.position.revision === head.revision ? head.tag : undefined
  }

  /** Beside the one that is there, which is replaced when this is whole. */
  async #anew(): Promise<Standing<T>> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const value = await this.#begin()
      const fresh: Standing<T> = { value, place: undefined, isWhole: false, tag: undefined, isSpoilt: false }
      // Spoilt or not, it is of use to who has asked; the next question begins it anew.
      if (await this.#catchUp(fresh)) return fresh
    }
    throw new Error(`the log became another one ${attemptsMax} times while ${this.#types.join(', ')} were read`)
  }

  /** @returns false: the log became another one */
  async #catchUp(standing: Standing<T>): Promise<boolean> {
    for (;;) {
      const page = await this.#store.read.changes({
        types: this.#types,
        ownTypes: [],
        after: standing.place,
        limit: pageMax,
      })
      if (page === undefined) return false
      if (!standing.value.apply(page.rows)) standing.isSpoilt = true
      standing.place = { epoch: page.epoch, position: page.through }
      standing.isWhole = page.complete
      if (page.complete) return true
    }
  }
}
