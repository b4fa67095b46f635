interface Entry {
  readonly revision: number
  readonly key: string
}

/**
 * Keys of rows by the revision of their last change, so that a reader looks at what came after its position and not at
 * everything. Entries of a row that has changed since are left where they are, and passed over by who reads.
 */
export class RevisionLog {
  /** Never changed: others read it too. */
  readonly #base: readonly Entry[]
  readonly #isCurrent: (key: string, revision: number) => boolean
  #own: Entry[] = []
  #isSorted = true
  #lengthMax = slack

  /**
   * @param isCurrent whether the row of this key stands at this revision now
   * @param base entries to begin with; nothing may be added to it any more
   */
  constructor(isCurrent: (key: string, revision: number) => boolean, base?: RevisionLog) {
    this.#isCurrent = isCurrent
    this.#base = base?.entries() ?? []
  }

  /** A row was changed. @param revision 0 is no revision */
  add(revision: number, key: string): void {
    if (revision === 0) return
    if (revision < (this.#own.at(-1)?.revision ?? 0)) this.#isSorted = false
    this.#own.push({ revision, key })
    if (this.#own.length > this.#lengthMax) this.#compact()
  }

  /** Keys of the rows that stand at this revision or a later one, each once. */
  from(revision: number): Iterable<string> {
    const found = new Set<string>()
    for (const part of this.#sorted())
      for (let at = firstFrom(part, revision); at < part.length; at++) {
        const { key, revision: of } = part[at] as Entry
        if (this.#isCurrent(key, of)) found.add(key)
      }
    return found
  }

  entries(): readonly Entry[] {
    const [base, own] = this.#sorted()
    return own.length === 0 ? base : [...base, ...own].sort(byRevision)
  }

  #sorted(): readonly [readonly Entry[], readonly Entry[]] {
    if (!this.#isSorted) this.#own.sort(byRevision)
    this.#isSorted = true
    return [this.#base, this.#own]
  }

  #compact(): void {
    this.#own = this.#own.filter(({ key, revision }) => this.#isCurrent(key, revision))
    this.#lengthMax = 2 * this.#own.length + slack
  }
}

const slack = 1_024
const byRevision = (a: Entry, b: Entry): number => a.revision - b.revision

/** Where the entries of this revision and later ones begin. */
function firstFrom(entries: readonly Entry[], revision: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle] as Entry).revision < revision) low = middle + 1
    else high = middle
  }
  return low
}
