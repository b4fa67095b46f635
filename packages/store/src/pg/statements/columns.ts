import {
  type Audience,
  bucketOf,
  canonicalLabels,
  decodeVips,
  encodeVips,
  exportLabels,
  hex,
  identityBytes,
  utf8,
  type Vips,
} from '@holdfast/model'
import type { Form } from '../../plan/forms.js'
import type { Row, RowWrite } from '../../plan/types.js'

/** A row of `resources` as the driver gives it: times in milliseconds, `bytea` as Buffers. */
export interface ResourceRecord {
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly origin: string
  readonly export_name: string
  readonly namespace: string
  readonly display_name: string
  readonly audience: Audience
  readonly labels: Readonly<Record<string, string>>
  readonly type_url: Buffer
  readonly spec: Buffer
  /** That it was sealed with; it is plain by now. */
  readonly key_id: number | null
  readonly vips: Buffer
  readonly entry: Buffer | null
  readonly offered_entry: Buffer | null
  readonly revision: number
  readonly deleted: boolean
  readonly deleted_at: number | null
  readonly exposed: boolean
  readonly created_at: number
  readonly modified_at: number
  readonly status: Buffer | null
  readonly status_revision: number
  readonly offered_status_entry: Buffer | null
  readonly pending_reason: string | null
  readonly hold_id: string | null
  readonly absent_since: number | null
  readonly form: FormRecord | null
}

/** A row of `hook_forms` as JSON: nearly always there is none, so it costs the look at an empty index. */
interface FormRecord {
  readonly labels: Readonly<Record<string, string>>
  readonly type_url: string
  readonly spec: string
  readonly state: Form['state']
  readonly published: boolean
  readonly hook: string | null
  readonly reason: string | null
  readonly since: number
  readonly next_try: number | null
  readonly tries: number
  readonly row_entry: string | null
}

const names: readonly Exclude<keyof ResourceRecord, 'form'>[] = [
  ...(['type', 'mesh', 'name', 'origin', 'export_name', 'namespace', 'display_name', 'audience', 'labels'] as const),
  ...([
    'type_url',
    'spec',
    'key_id',
    'vips',
    'entry',
    'offered_entry',
    'revision',
    'deleted',
    'deleted_at',
    'exposed',
  ] as const),
  ...(['created_at', 'modified_at', 'status', 'status_revision', 'offered_status_entry'] as const),
  ...(['pending_reason', 'hold_id', 'absent_since'] as const),
]

/** Select list of a whole row, of the table named `r`. */
export const resourceColumns: string = `${names.map((name) => `r.${name}`).join(', ')}, (select jsonb_build_object(
    'labels', hf.labels, 'type_url', convert_from(hf.type_url, 'UTF8'), 'spec', encode(hf.spec, 'base64'),
    'state', hf.state, 'published', hf.published, 'hook', hf.hook, 'reason', hf.reason,
    'since', round(extract(epoch from hf.since) * 1000), 'next_try', round(extract(epoch from hf.next_try) * 1000),
    'tries', hf.tries, 'row_entry', encode(hf.row_entry, 'hex'))
  from hook_forms hf where hf.type = r.type and hf.mesh = r.mesh and hf.name = r.name) as form`

const hexOf = (bytes: Buffer | null): string | undefined => (bytes === null ? undefined : hex(bytes))
const given = <T>(value: T | null): T | undefined => value ?? undefined

/** The same bytes, as what they are to everybody else: a Buffer compares as another type. */
export const plainBytes = (bytes: Buffer): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const rowOf = (record: ResourceRecord): Row => ({
  type: record.type,
  mesh: record.mesh,
  name: record.name,
  labels: record.labels,
  typeUrl: record.type_url.toString('utf8'),
  spec: plainBytes(record.spec),
  origin: record.origin,
  exportName: record.export_name,
  displayName: record.display_name,
  namespace: record.namespace,
  audience: record.audience,
  vips: storedVips(record.vips),
  revision: record.revision,
  deleted: record.deleted,
  deletedAtMs: given(record.deleted_at),
  createdAtMs: record.created_at,
  modifiedAtMs: record.modified_at,
  status: record.status === null ? undefined : plainBytes(record.status),
  statusRevision: record.status_revision,
  offeredStatusEntry: hexOf(record.offered_status_entry),
  entry: hexOf(record.entry),
  offeredEntry: hexOf(record.offered_entry),
  exposed: record.exposed,
  pendingReason: given(record.pending_reason),
  holdId: given(record.hold_id),
  absentSinceMs: given(record.absent_since),
  ...(record.form === null ? {} : { form: formOf(record.form) }),
})

const formOf = (record: FormRecord): Form => ({
  labels: record.labels,
  typeUrl: record.type_url,
  spec: new Uint8Array(Buffer.from(record.spec, 'base64')),
  state: record.state,
  published: record.published,
  hook: given(record.hook),
  reason: given(record.reason),
  sinceMs: record.since,
  nextTryMs: given(record.next_try),
  tries: record.tries,
  rowEntry: given(record.row_entry),
})

/** A type that is not in our table (a newer peer's) comes after all that are. */
export { typeOrder as typeOrderOf } from '@holdfast/model'

/** What the database computes entries from, in the bytes that are hashed everywhere. */
export const hashedColumns = (row: RowWrite['row']) => ({
  identity: identityBytes(row.type, row.mesh, row.exportName, row.origin),
  labelsCanonical: canonicalLabels(exportLabels(row.labels)),
  typeUrl: utf8(row.typeUrl),
  vips: encodeVips(row.vips),
  bucket: bucketOf(row.type, row.mesh, row.exportName),
})

/** Bytes that are no VIPs any more are a damaged copy: without them it can still be read, and so be repaired. */
export function storedVips(bytes: Uint8Array): Vips | undefined {
  try {
    return decodeVips(bytes)
  } catch {
    return undefined
  }
}
