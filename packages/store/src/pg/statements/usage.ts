import type { Origin } from '@holdfast/model'
import { quotaWindowMs } from '../../plan/quota.js'
import type { Usage } from '../../plan/types.js'
import { type Sql, timestamp } from '../sql.js'

/** Goes through all that is kept of these zones: asked only where a zone has a quota. */
export async function usageOf(sql: Sql, origins: readonly Origin[], nowMs: number): Promise<readonly Usage[]> {
  const { rows } = await sql.run<{
    readonly origin: Origin
    readonly resources: number
    readonly bytes: number
    readonly changed_lately: number
  }>(
    'usage of zones',
    `select origin, count(*) as resources, coalesce(sum(octet_length(spec)), 0)::bigint as bytes,
       count(*) filter (where modified_at > $2) as changed_lately
     from resources where origin = any($1::text[]) and not deleted group by origin`,
    [origins, timestamp(nowMs - quotaWindowMs)],
  )
  return rows.map(({ changed_lately: changedLately, ...row }) => ({ ...row, changedLately }))
}
