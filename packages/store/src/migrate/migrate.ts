import { setTimeout as pause } from 'node:timers/promises'
import { Problem } from '@holdfast/model'
import pg from 'pg'
import { withoutPassword } from '../embedded/databases.js'
import { writableUrl } from '../pg/hosts.js'
import { type Migration, migrationsFolder, readMigrations } from './files.js'
import { compareVersions } from './version.js'

export interface MigrateOptions {
  /** Version of the program that is going to use the database. */
  readonly programVersion: string
  readonly signal: AbortSignal
  /** Another folder than the program's own. */
  readonly folder?: string | undefined
}

export interface MigrateResult {
  /** Names of the files that this call has run; empty if there was nothing to do. */
  readonly applied: readonly string[]
  /** Number of the newest migration that the database has. */
  readonly newest: number
}

interface AppliedRow {
  readonly id: number
  readonly name: string
  readonly sha256: string
  readonly oldest_program: string
}

/** Any number of ours; the same in every program that migrates a Holdfast database. */
const migrationLock = 4_632_733_198
const lockTimeoutMs = 500
const oldestServer = 140_000
const lockNotAvailable = '55P03'
/**
 * Whoever runs on the old schema goes on meanwhile, and takes its locks in its own order: a migration that waits for one keeps
 * everybody behind it waiting too, so it gives up soon, lets them pass, and begins anew; a deadlock is the same.
 */
const contended = ['40P01', '40001', lockNotAvailable]
/**
 * Share of the time after which the server looks for a deadlock: who gives up before that is us. Of two who wait for each other and
 * both look, the server lets the first one fail, and that may be somebody's request.
 */
const deadlockShare = 0.8
const contendedPauseMs = 250
const contendedMaxMs = 120_000

const giveUpSoon = `
  select set_config('lock_timeout', ceil(setting::integer * ${deadlockShare})::text, true)
  from pg_settings where name = 'deadlock_timeout'`

const createTable = `
  create table if not exists migrations (
    id integer primary key,
    name text not null,
    sha256 text not null,
    oldest_program text not null,
    applied_at timestamptz not null default now(),
    applied_by text not null
  )`

/**
 * Brings a database to the newest schema, in one transaction: all of it or nothing. Of any number of processes that
 * start at once one migrates and the others wait; a lock of the transaction also works through a pooler. Processes of the
 * version before go on writing: who stands in its way is let pass, and it begins anew, for two minutes at most.
 * @throws Problem `unavailable` if the database does not answer or is too old, `conflict` if it needs a newer program,
 *   if an applied migration has been edited, or if one was left out
 */
export async function migrate(url: string, options: MigrateOptions): Promise<MigrateResult> {
  const migrations = readMigrations(options.folder ?? migrationsFolder())
  const client = new pg.Client({ connectionString: await writableUrl(url), connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect().catch((cause: unknown) => {
      const words = cause instanceof Error ? cause.message || cause.name : String(cause)
      throw new Problem(
        'unavailable',
        `the database at ${withoutPassword(url)} does not answer: ${words}. Check --database-url.`,
        { cause },
      )
    })
    await checkServer(client)
    const endMs = performance.now() + contendedMaxMs
    for (;;) {
      await lock(client, options.signal)
      try {
        const result = await migrateLocked(client, migrations, options.programVersion)
        await client.query('commit')
        return result
      } catch (error) {
        if (!isContended(error) || performance.now() > endMs) throw error
        await client.query('rollback')
        await pause(contendedPauseMs, undefined, { signal: options.signal })
      }
    }
  } finally {
    // What is not committed by now is rolled back by the server.
    await client.end().catch(() => {})
  }
}

/** Looked for below what it was wrapped in as well. */
function isContended(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && contended.includes(String(error.code))) || isContended(error.cause)
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: string; text: string }>(
    "select current_setting('server_version_num') as number, current_setting('server_version') as text",
  )
  const [server] = rows
  if (server !== undefined && Number(server.number) < oldestServer)
    throw new Problem(
      'unavailable',
      `the database is PostgreSQL ${server.text}; Holdfast needs 14 or later: upgrade the server`,
    )
}

async function lock(client: pg.Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    await client.query('begin')
    try {
      await client.query(`set local lock_timeout = ${lockTimeoutMs}`)
      await client.query('select pg_advisory_xact_lock($1)', [migrationLock])
      await client.query('set local lock_timeout = 0')
      return
    } catch (error) {
      await client.query('rollback')
      if (!(error instanceof Error && 'code' in error && error.code === lockNotAvailable)) throw error
    }
  }
}

async function migrateLocked(
  client: pg.Client,
  migrations: readonly Migration[],
  programVersion: string,
): Promise<MigrateResult> {
  await client.query(createTable)
  const { rows } = await client.query<AppliedRow>('select id, name, sha256, oldest_program from migrations order by id')
  check(rows, migrations, programVersion)
  const newest = rows.at(-1)?.id ?? 0
  const due = migrations.filter((migration) => migration.id > newest)
  if (due.length > 0) {
    await client.query(giveUpSoon)
    // Nobody writes while the head is ours, so that most have no lock that a migration could want.
    if (newest > 0) await client.query('select from store_head for update')
  }
  for (const migration of due) await run(client, migration, programVersion)
  return { applied: due.map((migration) => migration.name), newest: due.at(-1)?.id ?? newest }
}

function check(applied: readonly AppliedRow[], migrations: readonly Migration[], programVersion: string): void {
  const needed = applied
    .map((row) => row.oldest_program)
    .reduce((a, b) => (compareVersions(a, b) >= 0 ? a : b), '0.0.0')
  if (compareVersions(programVersion, needed) < 0)
    throw new Problem(
      'conflict',
      `the database needs Holdfast ${needed} or later, this is ${programVersion}. Start the newer program, or restore a backup from before its migration.`,
    )
  const problems = applied.flatMap((row, index) => {
    const migration = migrations.find((m) => m.id === row.id)
    // Without a file it is a newer program's that lets us run.
    if (migration !== undefined && migration.sha256 !== row.sha256)
      return [`${migration.name} was edited after it had been applied; restore the file and add a new one instead`]
    const before = applied[index - 1]?.id ?? 0
    return row.id === before + 1
      ? []
      : [`the database lacks migration ${before + 1} and has ${row.name}; restore a backup of it`]
  })
  if (problems.length > 0)
    throw new Problem('conflict', `the migrations of this program and of the database differ: ${problems.join('; ')}`)
}

async function run(client: pg.Client, migration: Migration, programVersion: string): Promise<void> {
  try {
    await client.query(migration.sql)
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new Problem('internal', `migration ${migration.name} failed, nothing was changed: ${words}`, { cause })
  }
  await client.query(
    'insert into migrations (id, name, sha256, oldest_program, applied_by) values ($1, $2, $3, $4, $5)',
    [migration.id, migration.name, migration.sha256, migration.oldestProgram, programVersion],
  )
}
