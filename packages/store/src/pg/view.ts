import type { ChannelContext, TypeDigest } from '@holdfast/kds'
import { type Digest, type Origin, sumOfDigests, typesKept } from '@holdfast/model'
import type { RoleIdentity } from '../plan/types.js'
import { typeOrderOf } from './statements/columns.js'
import type { DigestPart, DigestRow } from './statements/sync-read.js'

const { ofGlobal, ofZones, fromGlobal } = typesKept()
const ofGlobalSet: ReadonlySet<string> = new Set(ofGlobal)
const ofZonesSet: ReadonlySet<string> = new Set(ofZones)
const fromGlobalSet: ReadonlySet<string> = new Set(fromGlobal)

/** A sum of what is held, and whether its origin is hidden from the others. */
export type SeenDigest = DigestRow & { readonly part: DigestPart; readonly hidden: boolean }

/**
 * What one peer may see of our store on one channel, once as a predicate over rows in memory and once in SQL. Down: what
 * global owns and what other zones own, of the types that travel. Up and status: what this zone owns.
 */
export class View {
  readonly channel: ChannelContext['channel']
  /** SQL over `resources r` with the parameters `$1` to `$3`: rows that the peer may see while they live. */
  readonly sqlBase: string
  readonly sqlValues: readonly [readonly string[], readonly string[], string]
  /** SQL: such a row is in the view now. */
  readonly sqlVisible: string
  readonly entryColumn: 'entry' | 'status_entry'
  readonly #mayBeSeen: (type: string, origin: Origin) => boolean

  constructor(identity: RoleIdentity, { channel, peer }: ChannelContext) {
    this.channel = channel
    if (channel === 'down') {
      this.sqlBase =
        "((r.origin = '' and r.type <> all($1::text[])) or (r.origin <> '' and r.origin <> $3 and r.type <> all($2::text[])))"
      this.sqlValues = [ofGlobal, ofZones, peer]
      this.#mayBeSeen = (type, origin) =>
        origin === '' ? !ofGlobalSet.has(type) : origin !== peer && !ofZonesSet.has(type)
    } else {
      this.sqlBase = '(r.origin = $3 and r.type <> all($1::text[]) and cardinality($2::text[]) = 0)'
      this.sqlValues = [fromGlobal, [], identity.name]
      this.#mayBeSeen = (type, origin) => origin === identity.name && !fromGlobalSet.has(type)
    }
    const live = "not r.deleted and r.audience = 'all'"
    switch (channel) {
      case 'down':
        this.sqlVisible = `(${live} and not exists (select from origin_visibility h where h.origin = r.origin and h.hidden))`
        break
      case 'up':
        this.sqlVisible = `(${live})`
        break
      case 'status':
        this.sqlVisible = `(${live} and r.status is not null)`
        break
    }
    this.entryColumn = channel === 'status' ? 'status_entry' : 'entry'
  }

  /** Whether the peer may see rows of this type and origin, as far as their own audience allows. */
  mayBeSeen(type: string, origin: Origin): boolean {
    return this.#mayBeSeen(type, origin)
  }

  digest(rows: readonly SeenDigest[]): Digest {
    return sumOfDigests(this.#seen(rows).map((row) => row.digest))
  }

  /** Per type, in dependency order, without those that are empty. */
  typeDigests(rows: readonly SeenDigest[]): readonly TypeDigest[] {
    return digestsByType(this.#seen(rows))
  }

  #seen(rows: readonly SeenDigest[]): readonly SeenDigest[] {
    const part = this.channel === 'status' ? 'status' : 'held'
    return rows.filter(
      (row) =>
        row.part === part &&
        row.audience === 'all' &&
        !(this.channel === 'down' && row.hidden) &&
        this.#mayBeSeen(row.type, row.origin),
    )
  }
}

export function digestsByType(rows: readonly DigestRow[]): readonly TypeDigest[] {
  const byType = new Map<string, Digest[]>()
  for (const { type, digest } of rows) byType.set(type, [...(byType.get(type) ?? []), digest])
  return [...byType]
    .map(([type, digests]) => ({ type, digest: sumOfDigests(digests) }))
    .filter(({ digest }) => digest.count !== 0)
    .sort((a, b) => typeOrderOf(a.type) - typeOrderOf(b.type))
}
