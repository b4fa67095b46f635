import { hex, wireKey } from '@holdfast/model'
import type { DiffEntry, DiffReader, DiffSide } from '../diff-port.js'
import type { RoleIdentity } from '../plan/types.js'
import { cursorOf } from './log-tail.js'
import type { Database } from './sql.js'
import { laneSums } from './statements/damaged.js'
import { readHead } from './statements/head.js'
import { type BucketRecord, bucketDigestOf, viewBuckets } from './statements/repair.js'
import { readDigests } from './statements/sync-read.js'
import { readSeenDigests } from './statements/tail.js'
import { digestsByType, View } from './view.js'

/** SQL over `resources r`: copies of what a peer owns; a zone's only peer owns everything that is not its own. */
const copies = ({ channel }: DiffSide): string =>
  channel === 'down' ? '(not r.deleted and r.origin <> $2)' : '(not r.deleted and r.origin = $2)'

/** What `sync diff` asks of a store on PostgreSQL. */
export function diffReader(database: Database, identity: RoleIdentity): DiffReader {
  const viewOf = (side: DiffSide): View => new View(identity, side)
  /** Whose rows they are, or are not. */
  const whose = (side: DiffSide): string => (side.channel === 'down' ? identity.name : side.peer)
  return {
    types: (side) =>
      database.transaction('read', async (sql) => {
        const head = await readHead(sql)
        if (head === undefined) throw new Error('store_head has no row')
        if (side.role === 'sender')
          return { head: cursorOf(head), types: viewOf(side).typeDigests(await readSeenDigests(sql)) }
        const rows = (await readDigests(sql, 'held')).filter((row) =>
          side.channel === 'down' ? row.origin !== identity.name : row.origin === side.peer,
        )
        return { head: cursorOf(head), types: digestsByType(rows) }
      }),
    buckets: async (side, of) => {
      if (side.role === 'sender') return viewBuckets(database, viewOf(side), of)
      const { rows } = await database.run<BucketRecord>(
        'buckets of copies',
        `select (r.bucket::integer >> $3) as prefix, ${laneSums('r.entry')}, count(*) as count
         from resources r where r.type = $1 and ${copies(side)} and (r.bucket::integer >> $3) = any($4::integer[])
         group by 1 order by 1`,
        [of.type, whose(side), 15 - 5 * of.level, of.prefixes],
      )
      return rows.map(bucketDigestOf)
    },
    entries: async (side, of) => {
      const { rows } = await database.run<EntryRecord>(
        'entries to compare',
        side.role === 'sender' ? senderEntries(viewOf(side)) : receiverEntries(side),
        side.role === 'sender'
          ? [...viewOf(side).sqlValues, of.type, of.buckets]
          : [of.type, whose(side), side.peer, side.channel, of.buckets],
      )
      return rows.map(entryOf)
    },
  }
}

interface EntryRecord {
  readonly mesh: string
  readonly name: string
  readonly entry: Buffer | null
  readonly content: Buffer | null
  readonly held: string | null
  readonly refused: string | null
}

const entryOf = ({ mesh, name, entry, content, held, refused }: EntryRecord): DiffEntry => ({
  key: wireKey(mesh, name),
  ...(entry === null ? {} : { entry: hex(entry) }),
  ...(content === null ? {} : { content: hex(content) }),
  ...(held === null ? {} : { held }),
  ...(refused === null ? {} : { refused }),
})

const senderEntries = (view: View): string => `
  select r.mesh, r.export_name as name, r.entry, r.content, null as held, null as refused from resources r
  where r.type = $4 and ${view.sqlBase} and ${view.sqlVisible}
    and (cardinality($5::integer[]) = 0 or r.bucket = any($5::integer[]))
  order by 1, 2`

/** With newcomers that were refused: they have no row. */
const receiverEntries = (side: DiffSide): string => `
  select r.mesh, r.export_name as name, r.entry, r.content,
    (select coalesce(h.reason, 'held') from holds h where h.id = r.hold_id) as held,
    (select f.reason from refused f where f.type = r.type and f.mesh = r.mesh and f.name = r.name and f.peer = $3
      and f.channel = $4) as refused
  from resources r
  where r.type = $1 and ${copies(side)} and (cardinality($5::integer[]) = 0 or r.bucket = any($5::integer[]))
  union all
  select f.mesh, f.export_name, null, null, null, f.reason from refused f
  where f.type = $1 and f.newcomer and f.peer = $3 and f.channel = $4
    and (cardinality($5::integer[]) = 0 or f.bucket = any($5::integer[]))
  order by 1, 2`
