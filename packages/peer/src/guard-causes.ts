import type { Channel } from '@holdfast/kds'
import { wireKey } from '@holdfast/model'
import type { HoldRow, RefusedRow } from '@holdfast/store'
import type { TraceIds } from '@holdfast/tracing'

/** What was stored of a peer, and what of it was refused or held. */
export interface StoredReport {
  readonly peer: string
  readonly channel: Channel
  readonly resourceType: string
  readonly refused: readonly { readonly key: string }[]
  readonly heldKeys: readonly string[]
}

/** Causes that are kept; the oldest go first. What is told without its cause is told all the same. */
const causesMax = 1_000

/**
 * Which trace has led to what is refused or held. That is told when somebody has looked at the store, which knows nothing of
 * traces: until then its cause is remembered here, in this process only.
 */
export class GuardCauses {
  readonly #causes = new Map<string, TraceIds>()

  note({ peer, channel, resourceType, refused, heldKeys }: StoredReport, ids: TraceIds): void {
    if (ids.trace_id === undefined) return
    for (const { key } of refused) this.#keep(refusalKey(peer, channel, resourceType, key), ids)
    if (heldKeys.length > 0) this.#keep(holdKey(peer, resourceType), ids)
  }

  ofRefusal({ peer, channel, type, mesh, exportName }: RefusedRow): TraceIds {
    return this.#causes.get(refusalKey(peer, channel, type, wireKey(mesh, exportName))) ?? {}
  }

  ofHold({ peer, type }: HoldRow): TraceIds {
    return this.#causes.get(holdKey(peer, type)) ?? {}
  }

  #keep(key: string, ids: TraceIds): void {
    this.#causes.delete(key)
    this.#causes.set(key, ids)
    for (const oldest of this.#causes.keys()) {
      if (this.#causes.size <= causesMax) return
      this.#causes.delete(oldest)
    }
  }
}

const refusalKey = (peer: string, channel: Channel, type: string, key: string): string =>
  JSON.stringify([peer, channel, type, key])
const holdKey = (peer: string, type: string): string => JSON.stringify([peer, type])
