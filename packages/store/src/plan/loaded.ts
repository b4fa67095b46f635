import type { StoreState } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import { keyText } from './keys.js'
import type {
  BlockRow,
  Brake,
  CursorRow,
  HoldRow,
  LedgerRow,
  NamedConflicts,
  Needs,
  Owner,
  RefusedRow,
  Row,
  Scope,
  Usage,
  ZoneRow,
} from './types.js'

/** What was read for the needs of a group, in one snapshot. Rows that were not asked for may be among them. */
export interface Loaded {
  readonly state: StoreState
  readonly epoch: string
  /** Zones: whether this one was ever in step with its global, as the row of `zones` with its own name says. */
  readonly everInStep: boolean
  /** Global: fingerprint of the policy hooks that were configured last, by whichever process; undefined: never any. */
  readonly hooks?: string | undefined
  /** Operators change nothing. */
  readonly readOnly?: Brake | undefined
  /** Tombstones included. */
  readonly rows: readonly Row[]
  /** By owner and by address. */
  readonly ledger: readonly LedgerRow[]
  /** Highest generation in the history of owners that have no ledger row (any more), per scope. */
  readonly pastGenerations: readonly (Owner & { readonly scope: Scope; readonly generation: number })[]
  /** `used`: ledger rows with an address in the block, tombstones included. */
  readonly blocks: readonly (BlockRow & { readonly used: number })[]
  readonly refused: readonly RefusedRow[]
  readonly holds: readonly HoldRow[]
  readonly cursors: readonly CursorRow[]
  readonly vanishing: readonly Vanishing[]
  readonly usage: readonly Usage[]
  readonly named: readonly NamedConflicts[]
  readonly zones: readonly ZoneFacts[]
}

/** How many rows of a type and origin there are, and how many went by absence in the window that is looked at. */
export interface Vanishing {
  readonly type: string
  readonly origin: Origin
  /** Those that are kept under a hold included. */
  readonly live: number
  /** Tombstones with `absent_since` set and `deleted_at` within the last 10 minutes. */
  readonly vanished: number
  /** Live rows that are kept under a hold, whatever was decided about it. */
  readonly kept: number
  /** Of these, the ones that have been missing for less than 10 minutes: they vanished as well. */
  readonly keptLately: number
}

export interface ZoneFacts extends ZoneRow {
  /** An open session that has been heard of lately. */
  readonly hasSession: boolean
  /** That session, as this store knows it. */
  readonly session?:
    | { readonly id: string; readonly instanceId: string; readonly plain?: boolean | undefined }
    | undefined
  /** Processes whose last session was ended by a newer one of another process. */
  readonly superseded?: readonly string[] | undefined
}

export const nothingNeeded: Needs = {
  keys: [],
  exportNames: [],
  displayNames: [],
  owners: [],
  addresses: [],
  takenIn: [],
  aliases: false,
  meshes: [],
  rowsOfMeshes: [],
  pendingOfKinds: [],
  lackingFamily: [],
  blocks: false,
  vanishing: [],
  wholeTypes: [],
  refusedOf: [],
  holds: [],
  heldBy: [],
  openHolds: false,
  zones: [],
  cursors: [],
  usage: [],
  namedBy: [],
}

/** One set of needs for a whole group: asked for once, whoever needs it. */
export function mergedNeeds(given: readonly Needs[]): Needs {
  const all = given.filter((needs) => needs !== nothingNeeded)
  if (all.length <= 1) return all[0] ?? nothingNeeded
  const unique = <T>(lists: readonly (readonly T[])[], text: (item: T) => string): readonly T[] => {
    const some = lists.filter((list) => list.length > 0)
    if (some.length <= 1) return some[0] ?? []
    return [...new Map(some.flat().map((item): [string, T] => [text(item), item])).values()]
  }
  const texts = (lists: readonly (readonly string[])[]): readonly string[] => unique(lists, (text) => text)
  const json = (item: unknown): string => JSON.stringify(item)
  return {
    keys: unique(
      all.map((n) => n.keys),
      keyText,
    ),
    exportNames: unique(
      all.map((n) => n.exportNames),
      keyText,
    ),
    displayNames: unique(
      all.map((n) => n.displayNames),
      json,
    ),
    owners: unique(
      all.map((n) => n.owners),
      json,
    ),
    addresses: texts(all.map((n) => n.addresses)),
    takenIn: texts(all.map((n) => n.takenIn)),
    aliases: all.some((n) => n.aliases),
    meshes: texts(all.map((n) => n.meshes)),
    rowsOfMeshes: texts(all.map((n) => n.rowsOfMeshes)),
    pendingOfKinds: texts(all.map((n) => n.pendingOfKinds)),
    lackingFamily: unique(
      all.map((n) => n.lackingFamily),
      json,
    ),
    blocks: all.some((n) => n.blocks),
    vanishing: unique(
      all.map((n) => n.vanishing),
      json,
    ),
    wholeTypes: unique(
      all.map((n) => n.wholeTypes),
      json,
    ),
    refusedOf: unique(
      all.map((n) => n.refusedOf),
      json,
    ),
    holds: texts(all.map((n) => n.holds)),
    heldBy: texts(all.map((n) => n.heldBy)),
    openHolds: all.some((n) => n.openHolds),
    zones: texts(all.map((n) => n.zones)),
    cursors: unique(
      all.map((n) => n.cursors),
      json,
    ),
    usage: texts(all.map((n) => n.usage)),
    namedBy: texts(all.map((n) => n.namedBy)),
  }
}

/** What of `more` was not read for `had` already: a change finds in the second round mostly what the first has asked for. */
export function remainingNeeds(more: Needs, had: Needs): Needs {
  const rest = Object.entries(more).map(([name, need]): [string, unknown] => {
    const before: boolean | readonly (string | object)[] = had[name as keyof Needs]
    if (typeof need === 'boolean') return [name, need && before === false]
    const list: readonly (string | object)[] = need
    if (list.length === 0 || typeof before === 'boolean' || before.length === 0) return [name, list]
    const known = new Set(before.map(needText))
    return [name, list.filter((one) => !known.has(needText(one)))]
  })
  return Object.fromEntries(rest) as unknown as Needs
}

/** Whatever order its fields were written in. */
const needText = (need: string | object): string =>
  typeof need === 'string' ? need : JSON.stringify(Object.entries(need).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Nothing to read. */
export const isNothing = (needs: Needs): boolean =>
  Object.values(needs).every((need) => (typeof need === 'boolean' ? !need : need.length === 0))
