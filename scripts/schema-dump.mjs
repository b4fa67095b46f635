// Writes migrations/schema.sql: what the migrations add up to, in a form that a person can review. `--check` compares.
// Needs a build (`pnpm build`); starts a database of its own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = join(root, 'migrations', 'schema.sql')
const { migrate, startEmbedded } = await import(join(root, 'packages/store/dist/index.js'))
const pg = createRequire(join(root, 'packages/store/package.json'))('pg')

const inPublic = (alias) => `${alias}.relnamespace = 'public'::regnamespace`
const queries = {
  columns: `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      case when a.attcollation <> t.typcollation then (select collname from pg_collation where oid = a.attcollation) end as collation,
      a.attnotnull as required, a.attgenerated as generated, a.attidentity as identity, pg_get_expr(d.adbin, d.adrelid) as expression,
      array_to_string(c.reloptions, ', ') as options
    from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${inPublic('c')} and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
  constraints: `select c.relname as table, k.conname as name, pg_get_constraintdef(k.oid) as text
    from pg_constraint k join pg_class c on c.oid = k.conrelid where ${inPublic('c')} and k.contype <> 'n'
    order by c.relname, k.contype <> 'p', k.conname`,
  indexes: `select pg_get_indexdef(i.indexrelid) as text from pg_index i join pg_class c on c.oid = i.indrelid
    join pg_class x on x.oid = i.indexrelid
    where ${inPublic('c')} and not exists (select from pg_constraint k where k.conindid = i.indexrelid) order by x.relname`,
  statistics: `select pg_get_statisticsobjdef(s.oid) as text from pg_statistic_ext s
    where s.stxnamespace = 'public'::regnamespace order by s.stxname`,
  types: `select c.relname as name, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum) as fields
    from pg_class c join pg_attribute a on a.attrelid = c.oid where ${inPublic('c')} and c.relkind = 'c' group by 1 order by 1`,
  functions: `select pg_get_functiondef(p.oid) as text from pg_proc p where p.pronamespace = 'public'::regnamespace order by p.proname`,
  triggers: `select pg_get_triggerdef(t.oid) as text from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where ${inPublic('c')} and not t.tgisinternal order by c.relname, t.tgname`,
}

const tidy = (sql) => sql.replace(/\s+/g, ' ').trim()

function columnText(column) {
  const { name, type, collation, required, generated, identity, expression } = column
  return [
    `  ${name} ${type}`,
    collation === null ? '' : ` collate "${collation}"`,
    required ? ' not null' : '',
    identity === '' ? '' : ' generated always as identity',
    expression === null
      ? ''
      : generated === 's'
        ? ` generated always as (${tidy(expression)}) stored`
        : ` default ${expression}`,
  ].join('')
}

async function dump(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const found = {}
  for (const [name, text] of Object.entries(queries)) found[name] = (await client.query(text)).rows
  await client.end()
  const tables = groupBy(found.columns, (c) => c.table)
  const constraints = groupBy(found.constraints, (c) => c.table)
  const blocks = [...tables].map(([table, columns]) => {
    const lines = [
      ...columns.map(columnText),
      ...(constraints.get(table) ?? []).map((c) => `  constraint ${c.name} ${tidy(c.text)}`),
    ]
    const options = columns[0].options === null ? '' : ` with (${columns[0].options})`
    return `create table ${table} (\n${lines.join(',\n')}\n)${options};`
  })
  return `${[
    '-- Written by scripts/schema-dump.mjs from the migrations beside it; never edited and never run.',
    ...found.types.map((t) => `create type ${t.name} as (${t.fields});`),
    ...blocks,
    found.indexes.map((i) => `${i.text};`).join('\n'),
    found.statistics.map((s) => `${s.text};`).join('\n'),
    ...found.functions.map((f) => `${f.text.trim()};`),
    found.triggers.map((t) => `${t.text};`).join('\n'),
  ].join('\n\n')}\n`
}

function groupBy(items, keyOf) {
  const groups = new Map()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-schema-'))
const signal = AbortSignal.timeout(120_000)
const server = await startEmbedded({ dataDir, settings: { fsync: 'off' }, signal })
try {
  await migrate(server.url, { programVersion: '9999.0.0', signal })
  const text = await dump(server.url)
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('migrations/schema.sql is not what the migrations make: run node scripts/schema-dump.mjs\n')
    process.exitCode = 1
  }
} finally {
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
