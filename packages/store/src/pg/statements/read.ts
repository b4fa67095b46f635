import type { Origin } from '@holdfast/model'
import type { Row } from '../../plan/types.js'
import type { ListQuery, MeshCount, StoreCounts } from '../../port.js'
import type { Sql } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'

/** Conditions that are there only if they are asked for, with their parameters numbered as they come. */
export class Conditions {
  readonly values: unknown[] = []
  readonly #texts: string[] = []

  /** @param text with `?` where the value's number goes */
  add(text: string, value?: unknown): this {
    if (value === undefined) this.#texts.push(text)
    else this.#texts.push(text.replace('?', this.parameter(value)))
    return this
  }

  addIf(text: string, value: unknown): this {
    return value === undefined ? this : this.add(text, value)
  }

  parameter(value: unknown): string {
    this.values.push(value)
    return `$${this.values.length}`
  }

  get where(): string {
    return this.#texts.length === 0 ? '' : `where ${this.#texts.join(' and ')}`
  }
}

/** The sums of digests count the rows of a type already. */
const countOfType = "select coalesce(sum(count), 0)::bigint as total from digests where part = 'held' and type = $1"

/** Live resources of a type, in the order of mesh and name. */
export async function listRows(
  sql: Sql,
  query: ListQuery,
): Promise<{ readonly total: number; readonly items: readonly Row[] }> {
  const labels = Object.keys(query.labels ?? {}).length === 0 ? undefined : JSON.stringify(query.labels)
  const conditions = new Conditions()
    .add('r.type = ?', query.type)
    .add('not r.deleted')
    .addIf('r.mesh = ?', query.mesh)
    .addIf('position(? in r.name) > 0', query.nameContains)
    .addIf('r.labels @> ?::jsonb', labels)
  const { where } = conditions
  const values = [...conditions.values]
  const isWholeType = query.mesh === undefined && query.nameContains === undefined && labels === undefined
  const { rows: totals } = await sql.run<{ total: number }>(
    isWholeType ? 'count of type' : 'count list',
    isWholeType ? countOfType : `select count(*) as total from resources r ${where}`,
    values,
  )
  const total = totals[0]?.total ?? 0
  if (total <= query.offset || query.limit === 0) return { total, items: [] }
  const { after } = query
  if (after !== undefined)
    conditions.add(`(r.mesh, r.name) > (${conditions.parameter(after.mesh)}, ${conditions.parameter(after.name)})`)
  const range = `limit ${conditions.parameter(query.limit)} offset ${conditions.parameter(query.offset)}`
  const { rows } = await sql.run<ResourceRecord>(
    'list',
    `select ${resourceColumns} from resources r ${conditions.where} order by r.mesh, r.name ${range}`,
    conditions.values,
  )
  // The last page knows best: of a table that was emptied by hand the sums still say what was there.
  return {
    total: rows.length < query.limit && after === undefined ? query.offset + rows.length : total,
    items: rows.map(rowOf),
  }
}

/** @param origin undefined: of anybody */
export async function namedRows(
  sql: Sql,
  name: {
    readonly type: string
    readonly mesh: string
    readonly displayName: string
    readonly origin?: Origin | undefined
  },
): Promise<readonly Row[]> {
  const { where, values } = new Conditions()
    .add('r.type = ?', name.type)
    .add('r.mesh = ?', name.mesh)
    .add('r.display_name = ?', name.displayName)
    .add('not r.deleted')
    .addIf('r.origin = ?', name.origin)
  const { rows } = await sql.run<ResourceRecord>(
    'rows named',
    `select ${resourceColumns} from resources r ${where} order by r.origin, r.namespace, r.name`,
    values,
  )
  return rows.map(rowOf)
}

/** Sums of digests count rows already, so no table is counted. */
export async function readCounts(sql: Sql): Promise<StoreCounts> {
  const { rows: resources } = await sql.run<{ type: string; origin: string; count: number }>(
    'count resources',
    `select type, origin, sum(count)::bigint as count from digests where part = 'held'
     group by type, origin having sum(count) <> 0 order by type, origin`,
  )
  const { rows } = await sql.run<{ refused: number; held: number; pending: number }>(
    'count exceptions',
    `select (select count(*) from refused) as refused,
       (select coalesce(sum(key_count), 0)::bigint from holds where state = 'held') as held,
       (select count(*) from resources where pending_reason is not null and not deleted) as pending`,
  )
  const [counts] = rows
  return {
    resources,
    refused: counts?.refused ?? 0,
    held: counts?.held ?? 0,
    pendingVips: counts?.pending ?? 0,
  }
}

export async function meshCounts(sql: Sql): Promise<readonly MeshCount[]> {
  const { rows } = await sql.run<MeshCount>(
    'count by mesh',
    'select type, mesh, count(*) as count from resources where not deleted group by type, mesh order by type, mesh',
  )
  return rows
}
