import type { JsonObject } from '@holdfast/model'
import {
  type ControlPlaneStore,
  decodeReport,
  type HoldRow,
  type RefusedRow,
  type Row,
  type ShownRow,
} from '@holdfast/store'
import { peerName } from '../sync/sync-json.js'

/** Why what is shown of a resource is not what its owner offers, or not what everybody keeps. */
export interface Guard {
  readonly state: 'refused' | 'held' | 'kept'
  /** The control plane that does not keep what it is offered: this one, `global`, or a zone. */
  readonly by: string
  readonly reason: string
  readonly since: string
  readonly remembered?: string | undefined
  readonly tries?: number | undefined
  readonly nextTry?: string | undefined
  readonly hold?: string | undefined
  /** Digest entries of what is kept and of what was offered instead; absent where another control plane refuses. */
  readonly keptEntry?: string | undefined
  readonly offeredEntry?: string | undefined
}

const time = (ms: number): string => new Date(ms).toISOString()
const rowText = (row: { readonly type: string; readonly mesh: string; readonly name: string }): string =>
  JSON.stringify([row.type, row.mesh, row.name])
const holdsMax = 1_000

/** Tells of single resources what is refused or held: here, and as the peers have said last. */
export class GuardReader {
  readonly #store: ControlPlaneStore

  constructor(store: ControlPlaneStore) {
    this.#store = store
  }

  /**
   * A statement for any number of rows unless what it gives is known, and two more if one of them is not as it was offered.
   */
  async of(rows: readonly Row[], reports?: ShownRow['reports']): Promise<(row: Row) => readonly Guard[]> {
    if (rows.length === 0) return () => []
    const { read, guards } = this.#store
    const byPeers = new Map<string, Guard[]>()
    for (const { peer, body } of reports ?? (await guards.reports()))
      for (const told of body === '' ? [] : decodeReport(body).refused) {
        const found = byPeers.get(rowText(told)) ?? []
        byPeers.set(rowText(told), [...found, refusalGuard(peerName(peer), told)])
      }
    const strange = rows.some((row) => row.holdId !== undefined || isOfferedOtherwise(row))
    const own = strange ? peerName((await this.#store.status()).identity.name) : ''
    const refused = new Map<string, RefusedRow[]>()
    for (const row of strange ? await read.refused() : [])
      refused.set(rowText(row), [...(refused.get(rowText(row)) ?? []), row])
    const holds = new Map((strange ? await guards.holds(holdsMax) : []).map((hold) => [hold.id, hold]))
    return (row) => {
      const here = (refused.get(rowText(row)) ?? []).map((told) => ({
        ...refusalGuard(own, told),
        ...(row.entry === undefined ? {} : { keptEntry: row.entry }),
        offeredEntry: told.entry,
      }))
      const hold = row.holdId === undefined ? undefined : holds.get(row.holdId)
      return [
        ...here,
        ...(hold === undefined ? [] : [holdGuard(own, hold)]),
        ...(byPeers.get(rowText({ ...row, name: row.exportName })) ?? []),
      ]
    }
  }
}

/** Our own rows were offered by nobody. */
const isOfferedOtherwise = ({ offeredEntry, entry }: Row): boolean =>
  offeredEntry !== undefined && offeredEntry !== entry

type Told = Pick<RefusedRow, 'reason' | 'sinceMs' | 'tries' | 'remembered'> & {
  readonly nextTryMs?: number | undefined
}

const refusalGuard = (by: string, { reason, sinceMs, tries, remembered, nextTryMs }: Told): Guard => ({
  state: 'refused',
  by,
  reason,
  since: time(sinceMs),
  ...(remembered === undefined ? {} : { remembered }),
  tries,
  ...(nextTryMs === undefined ? {} : { nextTry: time(nextTryMs) }),
})

const holdGuard = (by: string, { id, state, reason, sinceMs }: HoldRow): Guard => ({
  state: state === 'held' ? 'held' : 'kept',
  by,
  reason,
  since: time(sinceMs),
  hold: id,
})

/** What Kuma's clients are shown of it, where the type has a status. */
export const guardCondition = ({ state, by, reason, since, hold }: Guard): JsonObject =>
  state === 'refused'
    ? {
        type: 'Accepted',
        status: 'False',
        reason: 'Refused',
        message: `${words(by)} refuses what is offered since ${since} and keeps its last good version: ${reason}`,
      }
    : {
        type: 'Offered',
        status: 'False',
        reason: state === 'held' ? 'Held' : 'Kept',
        message: `not offered any more since ${since}, and kept by hold ${hold ?? ''}: ${reason}`,
      }

const words = (by: string): string => (by === 'global' ? 'global' : `zone ${by}`)
