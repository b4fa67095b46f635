import { Problem } from '@holdfast/model'
import pg from 'pg'
import { writableUrl } from './hosts.js'

/**
 * A wrong search_path must not make a second, empty store beside the one that is there: where the tables are not in
 * sight and another schema of this database has them for the same control plane, nothing is made.
 * @throws Problem `conflict` with where the store is
 */
export async function refuseElsewhere(
  url: string,
  { role, name }: { readonly role: 'global' | 'zone'; readonly name: string },
): Promise<void> {
  // A database that does not answer is told of by the migration, in its own words.
  const writable = await writableUrl(url).catch(() => undefined)
  if (writable === undefined) return
  const client = new pg.Client({ connectionString: writable, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    if (
      !(await client.connect().then(
        () => true,
        () => false,
      ))
    )
      return
    const { rows } = await client.query<{ schema: string; path: string }>(
      `select n.nspname as schema, current_setting('search_path') as path
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relname = 'store_head' and c.relkind in ('r', 'p') and to_regclass('migrations') is null`,
    )
    for (const { schema, path } of rows) {
      const heads = await client.query<{ role: string; name: string; revision: string }>(
        `select role, name, revision from ${client.escapeIdentifier(schema)}.store_head`,
      )
      const head = heads.rows.find((row) => row.role === role && row.name === name)
      if (head !== undefined)
        throw new Problem(
          'conflict',
          `this database has the store of ${role === 'global' ? 'global' : `zone ${name}`} in schema "${schema}" (revision ${head.revision}), and search_path (${path}) does not lead there. ` +
            `Nothing was made. Set search_path, for example ?options=-c%20search_path%3D${encodeURIComponent(schema)} in --database-url.`,
        )
    }
  } finally {
    await client.end().catch(() => {})
  }
}
