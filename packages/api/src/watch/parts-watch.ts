import type { JsonObject } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { type Computed, keyOf, partsDigest, type Told } from './computed.js'
import type { WatchPosition } from './position.js'

/** What one watcher knows of the computed parts of what it watches. */
export class PartsWatch {
  readonly #computed: Computed | undefined
  /** Told by the log since the last look: this much need not be told again. */
  readonly #told = new Map<string, Told>()
  /** Those of before are known; those of later are to be told. Undefined: whatever is there was never told. */
  #generation: number | undefined
  #sum = ''
  /** Another process, or this one in another life, has told it these. */
  #elsewhere: string | undefined
  #next: { readonly generation: number; readonly sum: string } | undefined

  constructor(computed: Computed | undefined, from: WatchPosition | undefined) {
    this.#computed = computed
    const known = from?.computed
    if (known !== undefined && known.instance === computed?.instance) {
      this.#generation = known.generation
      this.#sum = known.sum
    } else if (from !== undefined) this.#elsewhere = known?.sum ?? ''
  }

  /** A place in the log together with how far the parts are known. */
  at(place: WatchPosition): WatchPosition {
    const { instance } = this.#computed ?? {}
    return instance === undefined || this.#generation === undefined
      ? place
      : { ...place, computed: { instance, generation: this.#generation, sum: this.#sum } }
  }

  told(row: Row, item: JsonObject): void {
    if (this.#computed !== undefined) this.#told.set(keyOf(row), { digest: partsDigest(item), atMs: performance.now() })
  }

  /** Keys of what has to be told now; once it is, `caughtUp`. */
  async differing(): Promise<ReadonlySet<string>> {
    const computed = this.#computed
    if (computed === undefined) return new Set()
    await computed.look()
    const { seen } = computed
    this.#next = seen
    // A list that was told from its start is compared by what was told; so is what another process has told, if it is the same.
    const isNew = this.#generation === undefined && (this.#elsewhere === undefined || this.#elsewhere === seen.sum)
    return computed.differing(this.#generation ?? (isNew ? seen.generation : 0), this.#told)
  }

  caughtUp(): void {
    if (this.#next === undefined) return
    this.#generation = this.#next.generation
    this.#sum = this.#next.sum
    this.#elsewhere = undefined
    this.#next = undefined
  }
}
