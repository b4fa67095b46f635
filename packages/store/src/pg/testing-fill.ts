import type pg from 'pg'

/**
 * Makes so many more services out of each that there is, and so many addresses, by bulk SQL: what is big for the planner,
 * not what a control plane would call right.
 */
export async function fillTables(client: pg.Client, times: number): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = 'resources'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
  )
  const own: Readonly<Record<string, string>> = {
    name: "r.name || '-' || n",
    export_name: "r.export_name || '-' || n",
    display_name: "r.display_name || '-' || n",
    identity: "r.identity || convert_to(n::text, 'utf8')",
    // Nobody has offered them: with another's word for it every row would be one that was damaged.
    offered_entry: 'null',
    bucket: '((r.bucket + n * 7919) % 32768)::smallint',
  }
  const columns = rows.map(({ name }) => name)
  // Sums of digests are of no interest here, and cost as much as the rows.
  await client.query('alter table resources disable trigger user')
  await client.query(
    `insert into resources (${columns.join(', ')})
     select ${columns.map((name) => own[name] ?? `r.${name}`).join(', ')}
     from resources r, generate_series(1, $1::integer) n where r.type = 'MeshService'`,
    [times],
  )
  await client.query('alter table resources enable trigger user')
  await client.query(
    `insert into vip_ledger (scope, kind, mesh, origin, namespace, display_name, family, address, generation, state,
       block_id, block_cidr, allocated_at)
     select l.scope, l.kind, l.mesh, l.origin, l.namespace, l.display_name || '-' || n, l.family,
       coalesce(set_masklen(network(l.block_cidr)::inet, 32), l.address) + n, l.generation, l.state, l.block_id, l.block_cidr,
       l.allocated_at
     from (select * from vip_ledger where family = 4 limit 1) l, generate_series(1, $1::integer) n
     on conflict do nothing`,
    [times],
  )
  await client.query(
    `insert into vip_history (kind, mesh, origin, namespace, display_name, scope, family, address, generation, event, at,
       revision, why)
     select h.kind, h.mesh, h.origin, h.namespace, h.display_name || '-' || n, h.scope, h.family, h.address + n, h.generation,
       h.event, h.at, h.revision, h.why
     from (select * from vip_history where family = 4 limit 1) h, generate_series(1, $1::integer) n`,
    [times],
  )
  await client.query('analyze')
}
