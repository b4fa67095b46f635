import { endOf, type Position, startOfLog } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import type { Changes, ChangesQuery } from '../../port.js'
import type { Sql } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { readHead } from './head.js'

/** A page of the log for whoever follows some types of it; see the port. One snapshot: head and rows belong together. */
export async function readChanges(sql: Sql, query: ChangesQuery, own: Origin): Promise<Changes | undefined> {
  const { after, types, ownTypes, limit } = query
  const head = await readHead(sql)
  if (head === undefined) throw new Error('store_head has no row')
  const { state, epoch, revision, logFrom } = head
  const from = after?.position ?? startOfLog
  const isLost = after !== undefined && (after.epoch !== epoch || from.revision > revision || from.revision < logFrom)
  if (isLost) return undefined
  const { rows } = await sql.run<ResourceRecord & { readonly type_order: number }>(
    'read changes',
    `select r.type_order, ${resourceColumns} from resources r
     where (r.revision, r.type_order, r.mesh, r.export_name) > ($1, $2, $3, $4) and r.revision <= $5
       and (r.type = any($6) or r.type = any($7) and r.origin = $8)
     order by r.revision, r.type_order, r.mesh, r.export_name limit $9`,
    [from.revision, from.typeOrder, from.mesh, from.name, revision, types, ownTypes, own, limit + 1],
  )
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

const positionOf = (record: ResourceRecord & { readonly type_order: number }): Position => ({
  revision: record.revision,
  typeOrder: record.type_order,
  mesh: record.mesh,
  name: record.export_name,
})
