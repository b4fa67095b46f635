import { performance } from 'node:perf_hooks'
import pg from 'pg'

/** Rows of one table as they stand, every value in PostgreSQL's own text. */
export interface TableRows {
  readonly table: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** Tables with all that an apply or a sync writes but a row or two, in an order in which foreign keys hold. */
const tables = ['vip_blocks', 'resources', 'vip_ledger', 'vip_history', 'audit'] as const
/** What the ledger's rows lie in is there beforehand. */
const beforehand = new Set<string>(['vip_blocks'])
const batch = 2_000

/** What is in the tables of a control plane; with `after` only what was written after that revision of its log. */
export async function rowsOf(
  url: string,
  { after = -1 }: { readonly after?: number } = {},
): Promise<readonly TableRows[]> {
  return withClient(url, async (client) => {
    const all: TableRows[] = []
    for (const table of tables) {
      const columns = await client.query<{ name: string; type: string }>(
        `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
         order by attnum`,
        [table],
      )
      const names = columns.rows.map((column) => column.name)
      const since = names.includes('revision') ? 'revision > $1' : '$1::bigint is not null'
      const { rows } = await client.query<(string | null)[]>({
        text: `select ${names.map((name) => `${name}::text`).join(', ')} from ${table} where ${since}`,
        values: [after],
        rowMode: 'array',
      })
      all.push({ table, columns: columns.rows, rows })
    }
    return all
  })
}

/**
 * Inserts rows into a migrated, empty database with bare bulk SQL: the same tables, columns and indexes, one transaction,
 * one `unnest` per table and batch. Digest triggers are off: they are ours, not a baseline's.
 */
export async function insertRows(
  url: string,
  contents: readonly TableRows[],
): Promise<{ readonly elapsedMs: number; readonly rows: number }> {
  return withClient(url, async (client) => {
    for (const { table } of contents) await client.query(`alter table ${table} disable trigger user`)
    for (const content of contents) if (beforehand.has(content.table)) await insert(client, content)
    const measured = contents.filter(({ table }) => !beforehand.has(table))
    const startMs = performance.now()
    await client.query('begin')
    for (const content of measured) await insert(client, content)
    await client.query('commit')
    return {
      elapsedMs: performance.now() - startMs,
      rows: measured.reduce((sum, { rows }) => sum + rows.length, 0),
    }
  })
}

async function insert(client: pg.Client, { table, columns, rows }: TableRows): Promise<void> {
  const names = columns.map(({ name }) => name).join(', ')
  // An array of jsonb is twice as slow as an array of texts that become jsonb.
  const arrays = columns.map(({ type }, i) => `$${i + 1}::${type === 'jsonb' ? 'text' : type}[]`).join(', ')
  const values = columns.map(({ name, type }) => (type === 'jsonb' ? `n.${name}::jsonb` : `n.${name}`)).join(', ')
  for (let from = 0; from < rows.length; from += batch) {
    const part = rows.slice(from, from + batch)
    await client.query(
      `insert into ${table} (${names}) select ${values} from unnest(${arrays}) n (${names})`,
      columns.map((_, i) => part.map((row) => row[i] ?? null)),
    )
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * Writes so many rows of services anew, each transaction with `each` of them one after the other: labels, spec and place in the
 * log change, as with a change that came from a zone. Triggers are off from then on, as above: nobody uses that database afterwards.
 */
export async function updateRows(
  client: pg.Client,
  { rows: wanted, each }: { readonly rows: number; readonly each: number },
): Promise<{ readonly elapsedMs: number; readonly rows: number }> {
  await client.query('alter table resources disable trigger user')
  try {
    const { rows: all } = await client.query<{
      type: string
      mesh: string
      name: string
      labels: object
      spec: Buffer
    }>("select type, mesh, name, labels, spec from resources where type = 'MeshService' order by name")
    if (all.length === 0) return { elapsedMs: 0, rows: 0 }
    const startMs = performance.now()
    let written = 0
    for (let revision = 1; written < wanted; revision++) {
      const from = written % all.length
      const part = all.slice(from, from + Math.min(each, wanted - written))
      await client.query('begin')
      await client.query(
        `update resources r set labels = n.labels::jsonb, spec = n.spec, revision = r.revision + $6, modified_at = now()
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[]) n (type, mesh, name, labels, spec)
         where r.type = n.type and r.mesh = n.mesh and r.name = n.name`,
        [
          part.map(({ type }) => type),
          part.map(({ mesh }) => mesh),
          part.map(({ name }) => name),
          part.map(({ labels }) => JSON.stringify({ ...labels, bare: String(revision) })),
          part.map(({ spec }) => spec),
          revision,
        ],
      )
      await client.query('commit')
      written += part.length
    }
    return { elapsedMs: performance.now() - startMs, rows: written }
  } catch (error) {
    // Where it stands is the caller's matter: what has failed is told, and not that the transaction is over.
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}
