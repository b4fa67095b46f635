import type pg from 'pg'

/**
 * Makes so many more services out of each that there is, each in a commit of its own, and so many addresses, by bulk SQL:
 * what is big for the planner, not what a control plane would call right.
 */
export async function fillTables(client: pg.Client, times: number): Promise<void> {
  // The store looks at its tables meanwhile: rows beyond the end of the log would be a fault.
  await client.query('begin')
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = 'resources'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
  )
  const own: Readonly<Record<string, string>> = {
    name: "r.name || '-' || n",
    export_name: "r.export_name || '-' || n",
    display_name: "r.display_name || '-' || n",
    identity: "r.identity || convert_to(n::text, 'utf8')",
    revision: '(select revision from store_head) + n',
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
  // What was offered is what is there: a row with another's word for it would be one that was damaged.
  await client.query('update resources set offered_entry = entry where offered_entry is not null')
  await client.query('alter table resources enable trigger user')
  await client.query(
    `insert into revisions (revision, epoch, tag, committed_at)
     select h.revision + n, h.epoch, lpad(to_hex(n), 16, '0'), now() from store_head h, generate_series(1, $1::integer) n`,
    [times],
  )
  await client.query(
    `update store_head h set revision = r.revision, tag = r.tag, write_sequence = write_sequence + 1
     from (select revision, tag from revisions order by revision desc limit 1) r`,
  )
  await client.query(
    `insert into audit (at, actor, action, subject, detail, revision)
     select a.at, a.actor, a.action, a.subject || n, a.detail, a.revision
     from (select * from audit order by id limit 1) a, generate_series(1, $1::integer) n`,
    [times],
  )
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
  await client.query('commit')
  await client.query('analyze')
}
