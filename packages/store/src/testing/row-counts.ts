import pg from 'pg'

/**
 * Tables that an idle reconnect may write: who is connected, and how far. The scrub goes its way whoever reconnects: where it
 * stands says nothing about them; what it mends is counted where it is mended.
 */
const mayBeWrittenIdle = ['sessions', 'session_fence', 'heartbeats', 'cursors', 'scrub', 'scrub_sums']

const install = `
  create schema observed;
  create table observed.writes (table_name text not null, rows bigint not null);
  create function observed.count_writes() returns trigger language plpgsql as $$
  declare
    number bigint;
  begin
    if tg_op = 'DELETE' then select count(*) into number from old_rows;
    else select count(*) into number from new_rows;
    end if;
    if number > 0 then insert into observed.writes values (tg_table_name, number); end if;
    return null;
  end $$;
  do $$
  declare
    name text;
  begin
    -- Leases are renewed and replicas heard of by the clock, whatever else happens.
    for name in select tablename from pg_tables where schemaname = current_schema() 
      and tablename not in ('leases', 'replicas', 'lone_streams') loop
      execute format('create trigger observed_insert after insert on %I referencing new table as new_rows
        for each statement execute function observed.count_writes()', name);
      execute format('create trigger observed_update after update on %I referencing new table as new_rows
        for each statement execute function observed.count_writes()', name);
      execute format('create trigger observed_delete after delete on %I referencing old table as old_rows
        for each statement execute function observed.count_writes()', name);
    end loop;
  end $$`

/**
 * Counts every row that is inserted, updated or deleted in a database from here on, by triggers on its tables: exact
 * at once, which the server's own statistics are not (each connection reports its share seconds later). Without effect
 * where it counts already.
 */
export async function countWrites(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query("select from pg_namespace where nspname = 'observed'")
    if (rowCount === 0) await client.query(install)
  })
}

/**
 * Rows written since `countWrites`, by table.
 * @param options.including also the tables that may be written by whoever connects; without them an idle reconnect is `{}`
 */
export async function rowsWritten(
  url: string,
  options: { readonly including?: 'all' | undefined } = {},
): Promise<Readonly<Record<string, number>>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ table_name: string; rows: string }>(
      'select table_name, sum(rows) as rows from observed.writes where table_name <> all($1) group by 1 order by 1',
      [options.including === 'all' ? [] : mayBeWrittenIdle],
    )
    return Object.fromEntries(rows.map((row) => [row.table_name, Number(row.rows)]))
  })
}

/** Which resource was last written at which revision, tombstones too: says what a count of rows only says how much of. */
export async function lastWritten(url: string): Promise<Readonly<Record<string, number>>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ resource: string; revision: string }>(
      `select concat_ws(' ', type, nullif(mesh, ''), display_name, 'of', coalesce(nullif(origin, ''), 'global')) as resource,
         max(revision) as revision from resources group by 1 order by 1`,
    )
    return Object.fromEntries(rows.map(({ resource, revision }) => [resource, Number(revision)]))
  })
}

export const sumOfRows = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end()
  }
}
