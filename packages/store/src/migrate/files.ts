import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Problem } from '@holdfast/model'
import { isVersion } from './version.js'

/** One file of `migrations/`: forward-only SQL that is never edited once it has been released. */
export interface Migration {
  readonly id: number
  /** File name. */
  readonly name: string
  readonly sql: string
  /** Lowercase hex. */
  readonly sha256: string
  /** The oldest program that may run on a database with this migration. */
  readonly oldestProgram: string
}

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/
const header = /^-- oldest program: (\S+)$/m

/** The folder with the migrations: beside a bundled program, or the checkout's. */
export function migrationsFolder(): string {
  const candidates = ['../migrations', '../../../../migrations'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  const found = candidates.find((path) => existsSync(join(path, '0001_head.sql')))
  if (found === undefined)
    throw new Problem(
      'internal',
      `the migrations are not where they should be: ${candidates.join(' or ')}; install the program again`,
    )
  return found
}

/** Names of the tables that all migrations of a folder make together, as `schema.sql` beside them says. */
export const tablesOf = (folder: string): readonly string[] =>
  [...readFileSync(join(folder, 'schema.sql'), 'utf8').matchAll(/^create table (\w+)/gim)].map(([, name = '']) => name)

/**
 * All migrations of a folder, in order.
 * @throws Problem `internal` that names every file that has no place in it
 */
export function readMigrations(folder: string): readonly Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql') && name !== 'schema.sql')
    .sort()
  const problems: string[] = []
  const migrations = names.flatMap((name, index): Migration[] => {
    const id = Number(fileName.exec(name)?.[1] ?? Number.NaN)
    const sql = readFileSync(join(folder, name), 'utf8')
    const oldestProgram = header.exec(sql)?.[1] ?? ''
    if (id !== index + 1) problems.push(`${name}: expected the number ${String(index + 1).padStart(4, '0')} and a name`)
    if (!isVersion(oldestProgram)) problems.push(`${name}: has no line "-- oldest program: X.Y.Z"`)
    return [{ id, name, sql, sha256: hash('sha256', sql), oldestProgram }]
  })
  if (migrations.length === 0) problems.push(`${folder}: there is none`)
  if (problems.length > 0) throw new Problem('internal', `bad migrations: ${problems.join('; ')}`)
  return migrations
}
