import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { expect, test } from 'vitest'
import * as schema from './schema.js'
import { freshDatabase } from './testing/index.js'

interface Column {
  readonly type: string
  readonly notNull: boolean
  /** The database fills it in: a default, an identity, or computed. */
  readonly filled: boolean
  readonly key: boolean
}

type Tables = Readonly<Record<string, Readonly<Record<string, Column>>>>

const described = (): Tables =>
  Object.fromEntries(
    Object.values(schema).flatMap((table) => {
      if (!(table instanceof PgTable)) return []
      const { name, columns, primaryKeys } = getTableConfig(table)
      const keys = new Set(primaryKeys.flatMap((key) => key.columns.map((column) => column.name)))
      const described = columns.map((column): [string, Column] => [
        column.name,
        {
          type: column.getSQLType(),
          notNull: column.notNull,
          filled: column.hasDefault || column.generated !== undefined || column.generatedIdentity !== undefined,
          key: column.primary || keys.has(column.name),
        },
      ])
      return [[name, Object.fromEntries(described)]]
    }),
  )

async function migrated(url: string): Promise<Tables> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<Column & { readonly table: string; readonly column: string }>(
    `select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull as "notNull", a.atthasdef or a.attidentity <> '' as filled,
       exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any(k.conkey)) as key
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`,
  )
  await client.end()
  const tables: Record<string, Record<string, Column>> = {}
  for (const { table, column, ...facts } of rows) {
    const columns = tables[table] ?? {}
    tables[table] = columns
    columns[column] = facts
  }
  return tables
}

test('the description of the tables is what the migrations make', async () => {
  await using database = await freshDatabase()
  expect(described()).toEqual(await migrated(database.url))
})
