import type { StoreState } from '@holdfast/kds'
import type { Brake, RoleIdentity } from '../../plan/types.js'
import { type Sql, timestamp } from '../sql.js'

/** The one row of `store_head`. */
export interface Head {
  readonly identity: RoleIdentity
  readonly state: StoreState
  readonly reasons: readonly string[]
  readonly epoch: string
  readonly revision: number
  readonly tag: string
  readonly logFrom: number
  readonly everInStep: boolean
  /** It was made ready once, whatever it is now. */
  readonly initialised: boolean
  /** See `Loaded.hooks`. */
  readonly hooks?: string | undefined
  /** See `Loaded.readOnly`. */
  readonly readOnly?: Brake | undefined
  /** Moves with every planned commit. */
  readonly writeSequence: number
}

/** What `headColumns` select. */
export interface HeadRecord {
  readonly store_id: string
  readonly role: 'global' | 'zone'
  readonly name: string
  readonly state: StoreState
  readonly reasons: readonly string[]
  readonly epoch: string
  readonly revision: number
  readonly tag: string
  readonly log_from: number
  readonly ever_in_step: boolean
  readonly initialised: boolean
  readonly hooks: string | null
  readonly read_only_at: number | null
  readonly read_only_by: string | null
  readonly read_only_reason: string | null
  readonly write_sequence: number
}

export const headColumns =
  'h.store_id, h.role, h.name, h.state, h.reasons, h.epoch, h.revision, h.tag, h.log_from, ' +
  // A zone's own name stands in `zones` from the first agreement with global on.
  'exists (select from zones z where z.name = h.name and z.ever_in_step) as ever_in_step, ' +
  '(select s.fingerprint from hook_sweep s) as hooks, h.initialised_at is not null as initialised, h.write_sequence, ' +
  'h.read_only_at, h.read_only_by, h.read_only_reason'

export const headOf = (record: HeadRecord): Head => ({
  identity: { role: record.role, name: record.name, storeId: record.store_id },
  state: record.state,
  reasons: record.reasons,
  epoch: record.epoch,
  revision: record.revision,
  tag: record.tag,
  logFrom: record.log_from,
  everInStep: record.ever_in_step,
  initialised: record.initialised,
  ...(record.hooks === null ? {} : { hooks: record.hooks }),
  ...(record.read_only_at === null
    ? {}
    : {
        readOnly: {
          by: record.read_only_by ?? '',
          atMs: record.read_only_at,
          reason: record.read_only_reason ?? '',
        },
      }),
  writeSequence: record.write_sequence,
})

export async function readHead(sql: Sql): Promise<Head | undefined> {
  const { rows } = await sql.run<HeadRecord>('read head', `select ${headColumns} from store_head h`)
  return rows[0] === undefined ? undefined : headOf(rows[0])
}

/** Takes the lock that puts all commits in one order; with the tag that the log has at a revision that is remembered. */
export async function lockHead(
  sql: Sql,
  remembered: number,
): Promise<{ readonly head: Head; readonly tag: string | undefined }> {
  const { rows } = await sql.run<HeadRecord>('lock head', `select ${headColumns} from store_head h for update`)
  const [record] = rows
  if (record === undefined) throw new Error('store_head has no row')
  const head = headOf(record)
  if (head.revision === remembered) return { head, tag: head.tag }
  const tags = await tagsAt(sql, [remembered])
  return { head, tag: tags[0]?.tag }
}

/** @returns whether it was this call that made the row */
export async function insertHead(
  sql: Sql,
  head: Pick<Head, 'identity' | 'epoch' | 'tag'> & { readonly at: string | null },
): Promise<boolean> {
  const { count } = await sql.run(
    'make head',
    `insert into store_head (store_id, role, name, state, epoch, revision, tag, created_at)
     values ($1, $2, $3, 'uninitialised', $4, 0, $5, $6) on conflict do nothing`,
    [head.identity.storeId, head.identity.role, head.identity.name, head.epoch, head.tag, head.at],
  )
  return count > 0
}

export interface Advance {
  /** The revision that this commit takes, with its tag; undefined: it takes none. */
  readonly cursor?: { readonly epoch: string; readonly revision: number; readonly tag: string } | undefined
  readonly at: string | null
  /** Who tells others, so that it need not hear itself; undefined: others are told in another way. */
  readonly mark: string | undefined
}

/** Last of a commit that has written rows: the new head and its place in the history, and a hint for everybody. */
export async function advanceHead(sql: Sql, { cursor, at, mark }: Advance): Promise<void> {
  if (cursor === undefined) {
    await sql.run('advance head', 'update store_head set write_sequence = write_sequence + 1')
    return
  }
  await sql.run(
    'advance head',
    `with head as (
       update store_head set revision = $1, tag = $2, write_sequence = write_sequence + 1 returning epoch
     ), history as (
       insert into revisions (revision, epoch, tag, committed_at) select $1, epoch, $2, $3 from head
     )
     select pg_notify('${logChannel}', $1::text || ' ' || $4::text) where $4::text is not null`,
    [cursor.revision, cursor.tag, at, mark ?? null],
  )
}

/** Hints on it carry a revision and the mark of whoever sends them, never data. */
export const logChannel = 'holdfast_log'

export async function setState(
  sql: Sql,
  to: { readonly state: StoreState; readonly reasons: readonly string[]; readonly initialisedAt?: string | null },
): Promise<void> {
  await sql.run(
    'set state',
    `update store_head set state = $1, reasons = $2, initialised_at = coalesce(initialised_at, $3),
       write_sequence = write_sequence + 1`,
    [to.state, to.reasons, to.initialisedAt ?? null],
  )
}

/** @param brake undefined: operators may change things again */
export async function setReadOnly(sql: Sql, brake: Brake | undefined): Promise<void> {
  await sql.run('set read-only', 'update store_head set read_only_at = $1, read_only_by = $2, read_only_reason = $3', [
    timestamp(brake?.atMs),
    brake?.by ?? null,
    brake?.reason ?? null,
  ])
}

/** A new log begins: whoever remembers the old one compares, and nobody resumes in it. */
export async function beginEpoch(
  sql: Sql,
  next: {
    readonly epoch: string
    readonly tag: string
    readonly state: StoreState
    readonly reasons: readonly string[]
    readonly at: string | null
  },
): Promise<void> {
  await sql.run(
    'begin epoch',
    `with head as (
       update store_head set epoch = $1, revision = revision + 1, tag = $2, state = $3, reasons = $4,
         write_sequence = write_sequence + 1
       returning revision
     ), history as (
       insert into revisions (revision, epoch, tag, committed_at) select revision, $1, $2, $5 from head
     )
     select pg_notify('${logChannel}', revision::text) from head`,
    [next.epoch, next.tag, next.state, next.reasons, next.at],
  )
}

export async function tagsAt(
  sql: Sql,
  revisions: readonly number[],
): Promise<readonly { readonly revision: number; readonly epoch: string; readonly tag: string }[]> {
  const { rows } = await sql.run<{ revision: number; epoch: string; tag: string }>(
    'read tags',
    'select revision, epoch, tag from revisions where revision = any($1::bigint[])',
    [revisions],
  )
  return rows
}

/** Every epoch that this store has had: one step of the index for each, however long the history is. */
export async function readEpochs(sql: Sql): Promise<ReadonlySet<string>> {
  const { rows } = await sql.run<{ epoch: string }>(
    'read epochs',
    `with recursive found as (
       (select epoch from revisions order by epoch limit 1)
       union all
       select (select r.epoch from revisions r where r.epoch > f.epoch order by r.epoch limit 1)
       from found f where f.epoch is not null
     )
     select epoch from found where epoch is not null union select epoch from store_head`,
  )
  return new Set(rows.map((row) => row.epoch))
}

/**
 * The highest revision that this store has had in a log; undefined: none of it is known any more. Read from the newest
 * backwards, so that what is asked about, the log before this one, is found as soon as this one is passed.
 */
export async function endOfEpoch(sql: Sql, epoch: string): Promise<number | undefined> {
  const { rows } = await sql.run<{ revision: number }>(
    'read end of epoch',
    'select revision from revisions where epoch = $1 order by revision desc limit 1',
    [epoch],
  )
  return rows[0]?.revision
}

/**
 * Whether any zone has ever agreed with this store; what was acked and is not written down yet does not count. A plain Kuma
 * zone agrees with whatever it is told, so it proves nothing: it has no store.
 */
export async function anyZoneInStep(sql: Sql): Promise<boolean> {
  const { rows } = await sql.run<{ found: boolean }>(
    'any zone in step',
    'select exists (select from zones where ever_in_step and store_id is not null) as found',
  )
  return rows[0]?.found ?? false
}
