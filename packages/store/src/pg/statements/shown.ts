import { Problem, type ResourceKey } from '@holdfast/model'
import type { ShownRow } from '../../port.js'
import type { Sql } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { isReportOfNow } from './reports.js'

type Shown = (ResourceRecord | Record<keyof ResourceRecord, null>) & {
  readonly head_epoch: string
  readonly head_revision: number
  readonly head_tag: string
  readonly reports: ShownRow['reports'] | null
  readonly aliases: readonly string[] | null
}

/** @param zone in whose scope aliases are; '' at global */
export async function readShown(sql: Sql, { type, mesh, name }: ResourceKey, zone: string): Promise<ShownRow> {
  const { rows } = await sql.run<Shown>(
    'row as it is shown',
    `select h.epoch as head_epoch, h.revision as head_revision, h.tag as head_tag, ${resourceColumns},
       (select json_agg(json_build_object('peer', p.peer, 'body', p.body) order by p.peer) from peer_reports p
        where p.body <> '' and (${isReportOfNow})) as reports,
       (select json_agg(host(l.address) order by l.family) from vip_ledger l
        where l.kind = r.type and l.mesh = r.mesh and l.origin = r.origin and l.namespace = r.namespace
          and l.display_name = r.display_name and l.scope = $4 and l.state = 'active') as aliases
     from store_head h left join resources r on r.type = $1 and r.mesh = $2 and r.name = $3 and not r.deleted`,
    [type, mesh, name, `zone:${zone}`],
  )
  const [found] = rows
  if (found === undefined) throw new Problem('unavailable', 'the database was emptied under the running store')
  return {
    row: found.type === null ? undefined : rowOf(found),
    head: { epoch: found.head_epoch, revision: found.head_revision, tag: found.head_tag },
    reports: found.reports ?? [],
    aliases: found.aliases ?? [],
  }
}
