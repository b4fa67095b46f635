import { endOf, type Position, startOfLog } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import type { Changes, ChangesQuery } from '../../port.js'
import type { Sql } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { readHead } from './head.js'

type LogRecord = ResourceRecord & { readonly type_order: number; readonly log_revision: number }

/** A page of the log for whoever follows some types of it; see the port. One snapshot: head and rows belong together. */
export async function readChanges(sql: Sql, query: ChangesQuery, own: Origin): Promise<Changes | undefined> {
  const { after, limit, statuses } = query
  const head = await readHead(sql)
  if (head === undefined) throw new Error('store_head has no row')
  const { state, epoch, revision, logFrom } = head
  const from = after?.position ?? startOfLog
  const isLost = after !== undefined && (after.epoch !== epoch || from.revision > revision || from.revision < logFrom)
  if (isLost) return undefined
  const read = statuses === true ? readLogWithStatuses : readLog
  const rows = await read(sql, query, { from, revision, own, limit: limit + 1 })
  const complete = rows.length <= limit
  const page = complete ? rows : rows.slice(0, limit)
  const last = page.at(-1)
  return {
    state,
    epoch,
    rows: page.map(rowOf),
    through: complete || last === undefined ? endOf(revision) : positionOf(last),
    complete,
  }
}

interface Page {
  readonly from: Position
  readonly revision: number
  readonly own: Origin
  readonly limit: number
}

const parameters = ({ types, ownTypes }: ChangesQuery, { from, revision, own, limit }: Page) => [
  ...[from.revision, from.typeOrder, from.mesh, from.name, revision],
  ...[types, ownTypes, own, limit],
]

async function readLog(sql: Sql, query: ChangesQuery, page: Page): Promise<readonly LogRecord[]> {
  const { rows } = await sql.run<LogRecord>(
    'read changes',
    `select r.type_order, r.revision as log_revision, ${resourceColumns} from resources r
     where (r.revision, r.type_order, r.mesh, r.export_name) > ($1, $2, $3, $4) and r.revision <= $5
       and (r.type = any($6) or r.type = any($7) and r.origin = $8)
     order by r.revision, r.type_order, r.mesh, r.export_name limit $9`,
    parameters(query, page),
  )
  return rows
}

/** Two indexes, and each row from the one of its newer revision alone: it is in the page once. */
async function readLogWithStatuses(sql: Sql, query: ChangesQuery, page: Page): Promise<readonly LogRecord[]> {
  const { rows } = await sql.run<LogRecord>(
    'read changes and statuses',
    `select * from (
       (select r.type_order, r.revision as log_revision, ${resourceColumns} from resources r
        where (r.revision, r.type_order, r.mesh, r.export_name) > ($1, $2, $3, $4) and r.revision <= $5
          and r.revision >= r.status_revision and (r.type = any($6) or r.type = any($7) and r.origin = $8)
        order by r.revision, r.type_order, r.mesh, r.export_name limit $9)
       union all
       (select r.type_order, r.status_revision as log_revision, ${resourceColumns} from resources r
        where (r.status_revision, r.type_order, r.mesh, r.export_name) > ($1, $2, $3, $4) and r.status_revision <= $5
          and r.status_revision > 0
          and r.status_revision > r.revision and (r.type = any($6) or r.type = any($7) and r.origin = $8)
        order by r.status_revision, r.type_order, r.mesh, r.export_name limit $9)) r
     order by log_revision, type_order, mesh, export_name limit $9`,
    parameters(query, page),
  )
  return rows
}

const positionOf = (record: LogRecord): Position => ({
  revision: record.log_revision,
  typeOrder: record.type_order,
  mesh: record.mesh,
  name: record.export_name,
})
