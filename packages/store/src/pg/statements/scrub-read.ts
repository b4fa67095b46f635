import { hex } from '@holdfast/model'
import { ownerText } from '../../plan/keys.js'
import type { StoredRow } from '../../plan/scrub.js'
import type { Owner } from '../../plan/types.js'
import { type ScrubFinding, type ScrubState, scrubOff } from '../../port.js'
import type { Sql } from '../sql.js'
import { plainBytes, type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { sqlDamaged } from './damaged.js'

/** Where the scrub stands, locked against another process that scrubs the same store. */
export interface ScrubRow {
  readonly type: string
  readonly bucket: number
  readonly ledgerAfter?: readonly string[] | undefined
  readonly round: number
  readonly roundStartedAtMs?: number | undefined
  readonly roundEndedAtMs?: number | undefined
  readonly rows: number
  readonly tickedAtMs?: number | undefined
}

const columns = 'type, bucket, ledger_after, round, round_started_at, round_ended_at, rows, ticked_at'

interface ScrubRecord {
  readonly type: string
  readonly bucket: number
  readonly ledger_after: readonly string[] | null
  readonly round: number
  readonly round_started_at: number | null
  readonly round_ended_at: number | null
  readonly rows: number
  readonly ticked_at: number | null
}

const scrubRowOf = (r: ScrubRecord): ScrubRow => ({
  type: r.type,
  bucket: r.bucket,
  ledgerAfter: r.ledger_after ?? undefined,
  round: r.round,
  roundStartedAtMs: r.round_started_at ?? undefined,
  roundEndedAtMs: r.round_ended_at ?? undefined,
  rows: r.rows,
  tickedAtMs: r.ticked_at ?? undefined,
})

export async function lockScrub(sql: Sql): Promise<ScrubRow> {
  const { rows } = await sql.run<ScrubRecord>('lock scrub', `select ${columns} from scrub for update`)
  const [row] = rows
  if (row === undefined) throw new Error('scrub has no row')
  return scrubRowOf(row)
}

const findingsMax = 1_000

/** For people: where it stands and what it has found. */
export async function readScrub(sql: Sql): Promise<ScrubState> {
  const { rows } = await sql.run<ScrubRecord>('read scrub', `select ${columns} from scrub`)
  const [record] = rows
  if (record === undefined) return scrubOff
  const { rows: found } = await sql.run<{
    readonly subject: string
    readonly problem: string
    readonly outcome: ScrubFinding['outcome']
    readonly since: number
    readonly last_at: number
  }>(
    'scrub findings',
    `select subject, problem, outcome, since, last_at from scrub_findings order by outcome, subject limit ${findingsMax}`,
  )
  const { type, bucket, ledgerAfter, ...row } = scrubRowOf(record)
  const at = type !== '' ? { part: type, share: bucket / bucketsOfType } : { part: 'vip_ledger', share: 0 }
  return {
    ...row,
    ...(type === '' && ledgerAfter === undefined ? {} : { at }),
    findings: found.map(({ last_at, since, ...finding }) => ({ ...finding, sinceMs: since, lastAtMs: last_at })),
  }
}

/** One more than the largest bucket. */
export const bucketsOfType = 32_768

/** The next type that has rows or sums, in the order of their names. */
export async function nextType(sql: Sql, after: string): Promise<string | undefined> {
  const { rows } = await sql.run<{ type: string | null }>(
    'next type to scrub',
    `select least((select min(type) from resources where type > $1), (select min(type) from digests where type > $1)) as type`,
    [after],
  )
  return rows[0]?.type ?? undefined
}

/** Where a page of about so many rows ends: the first bucket that is not in it. Reads the index alone. */
export async function endOfPage(sql: Sql, type: string, from: number, limit: number): Promise<number> {
  const { rows } = await sql.run<{ bucket: number }>(
    'end of scrub page',
    'select bucket from resources where type = $1 and bucket >= $2::integer order by bucket offset $3 limit 1',
    [type, from, limit],
  )
  const [row] = rows
  return row === undefined ? bucketsOfType : Math.max(row.bucket, from + 1)
}

export interface Page {
  readonly type: string
  readonly from: number
  readonly to: number
}

type Scrubbed = StoredRow & {
  readonly damaged: boolean
  readonly refused: boolean
  readonly statusRefused: boolean
  readonly meshSeen: boolean
}

/** The rows of a page with all their bytes. */
export async function scrubRows(sql: Sql, { type, from, to }: Page): Promise<readonly Scrubbed[]> {
  const { rows } = await sql.run<
    ResourceRecord & {
      readonly identity: Buffer
      readonly labels_canonical: Buffer
      readonly bucket: number
      readonly type_order: number
      readonly plain_content: Buffer | null
      readonly content: Buffer
      readonly status_entry: Buffer | null
      readonly damaged: boolean
      readonly refused: boolean
      readonly status_refused: boolean
      readonly mesh_seen: boolean
    }
  >(
    'scrub rows',
    `select ${resourceColumns}, r.identity, r.labels_canonical, r.bucket, r.type_order, r.plain_content, r.content,
       r.status_entry, ${sqlDamaged} as damaged,
       exists (select from refused f where f.type = r.type and f.mesh = r.mesh and f.name = r.name
         and f.channel <> 'status')
         or exists (select from hook_forms h where h.type = r.type and h.mesh = r.mesh and h.name = r.name) as refused,
       exists (select from refused f where f.type = r.type and f.mesh = r.mesh and f.name = r.name
         and f.channel = 'status') as status_refused,
       r.mesh = '' or exists (select from resources m
         where m.type = 'Mesh' and m.mesh = '' and m.name = r.mesh and not m.deleted)
         and not exists (select from hook_forms h
           where h.type = 'Mesh' and h.mesh = '' and h.name = r.mesh and not h.published) as mesh_seen
     from resources r where r.type = $1 and r.bucket >= $2::integer and r.bucket < $3::integer`,
    [type, from, to],
  )
  return rows.map((record) => ({
    row: rowOf(record),
    identity: plainBytes(record.identity),
    labelsCanonical: plainBytes(record.labels_canonical),
    vips: plainBytes(record.vips),
    bucket: record.bucket,
    typeOrder: record.type_order,
    plainContent: record.plain_content === null ? undefined : plainBytes(record.plain_content),
    content: plainBytes(record.content),
    statusEntry: record.status_entry === null ? undefined : hex(record.status_entry),
    damaged: record.damaged,
    refused: record.refused,
    statusRefused: record.status_refused,
    meshSeen: record.mesh_seen,
  }))
}

/** Active rows of the ledger without a live service, of one page in key order; and where the page ends. */
export async function scrubLedger(
  sql: Sql,
  after: readonly string[] | undefined,
  limit: number,
): Promise<{
  readonly rows: number
  readonly last?: readonly string[] | undefined
  readonly orphans: readonly Owner[]
}> {
  const key = 'l.kind, l.mesh, l.origin, l.namespace, l.display_name'
  const { rows } = await sql.run<{
    readonly kind: string
    readonly mesh: string
    readonly origin: string
    readonly namespace: string
    readonly display_name: string
    readonly orphan: boolean
  }>(
    'scrub ledger',
    `select ${key}, l.state = 'active' and not exists (select from resources r where r.type = l.kind
         and r.mesh = l.mesh and r.origin = l.origin and r.namespace = l.namespace
         and r.display_name = l.display_name and not r.deleted) as orphan
     from vip_ledger l
     where l.scope = 'canonical' ${after === undefined ? '' : `and (${key}) > ($2, $3, $4, $5, $6)`}
     order by ${key} limit $1`,
    [limit, ...(after ?? [])],
  )
  const owners = rows.map(({ display_name: displayName, orphan: _, ...owner }) => ({ ...owner, displayName }))
  const last = rows.length < limit ? undefined : owners.at(-1)
  return {
    rows: rows.length,
    last: last && [last.kind, last.mesh, last.origin, last.namespace, last.displayName],
    // A service has a row for each family.
    orphans: [...new Map(owners.filter((_, i) => rows[i]?.orphan === true).map((o) => [ownerText(o), o])).values()],
  }
}
