import type { LiveImage } from './live-image.js'

/** Something with the text by which it is put in order. */
export interface Ordered<T> {
  readonly text: string
  readonly item: T
}

/**
 * Lists in the order in which they are paged through, each made when it is asked for and kept while rows and ledger stand
 * still: who reads all pages sorts once, and not once a page.
 */
export class InOrder<T> {
  readonly #image: () => LiveImage
  readonly #all: (image: LiveImage, of: string) => Iterable<T>
  readonly #textOf: (item: T) => string
  readonly #lists = new Map<string, readonly Ordered<T>[]>()
  #of: { readonly image: LiveImage; readonly version: number } | undefined

  constructor(image: () => LiveImage, all: (image: LiveImage, of: string) => Iterable<T>, textOf: (item: T) => string) {
    this.#image = image
    this.#all = all
    this.#textOf = textOf
  }

  /** @param of which list, where there are several */
  list(of = ''): readonly Ordered<T>[] {
    const image = this.#image()
    if (this.#of?.image !== image || this.#of.version !== image.version) this.#lists.clear()
    this.#of = { image, version: image.version }
    const known = this.#lists.get(of)
    if (known !== undefined) return known
    const made = Array.from(this.#all(image, of), (item) => ({ text: this.#textOf(item), item })).sort((a, b) =>
      a.text < b.text ? -1 : a.text > b.text ? 1 : 0,
    )
    this.#lists.set(of, made)
    return made
  }
}

/** How many of a list do not come after a text. */
export function notAfter(list: readonly Ordered<unknown>[], text: string): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((list[middle]?.text ?? '') <= text) from = middle + 1
    else to = middle
  }
  return from
}
