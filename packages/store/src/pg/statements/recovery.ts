import type { Origin } from '@holdfast/model'
import type { Row } from '../../plan/types.js'
import type { Sql } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { Conditions } from './read.js'

/** What global owns, live or deleted, and what other zones have deleted: everything that a zone can testify to. */
export async function foreignPage(
  sql: Sql,
  page: { readonly own: Origin; readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly rows: readonly Row[]; readonly next?: string | undefined }> {
  const conditions = new Conditions().add('r.origin <> ?', page.own).add("(r.origin = '' or r.deleted)")
  const after = page.after === undefined ? undefined : placeOf(page.after)
  if (after !== undefined)
    conditions.add(`(r.type, r.mesh, r.name) > (${after.map((value) => conditions.parameter(value)).join(', ')})`)
  const limit = conditions.parameter(page.limit + 1)
  const { rows } = await sql.run<ResourceRecord>(
    'foreign page',
    `select ${resourceColumns} from resources r ${conditions.where} order by r.type, r.mesh, r.name limit ${limit}`,
    conditions.values,
  )
  const items = rows.slice(0, page.limit).map(rowOf)
  const last = items.at(-1)
  return rows.length > page.limit && last !== undefined
    ? { rows: items, next: JSON.stringify([last.type, last.mesh, last.name]) }
    : { rows: items }
}

/** Undefined for what was never ours: then the first page is the answer. */
function placeOf(text: string): readonly string[] | undefined {
  try {
    const place: unknown = JSON.parse(text)
    return Array.isArray(place) && place.length === 3 ? place.map(String) : undefined
  } catch {
    return undefined
  }
}
