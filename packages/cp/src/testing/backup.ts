import { randomBytes } from 'node:crypto'
import { createDatabase, databaseUrl, dropDatabase } from '@holdfast/store'
import { serverUrlVariable, type TestDatabase } from '@holdfast/store/testing'

/**
 * A backup of a database, put back beside it: a copy of all that is in it, as `pg_dump` would make one. Nobody may be
 * connected to it meanwhile. The embedded server has no `pg_dump`, so PostgreSQL copies the database as a template.
 */
export async function copyOf(database: Pick<TestDatabase, 'name'>): Promise<TestDatabase> {
  const server = process.env[serverUrlVariable] ?? ''
  const name = `copy_${randomBytes(8).toString('hex')}`
  await createDatabase(server, name, database.name)
  const drop = (): Promise<void> => dropDatabase(server, name)
  return { url: databaseUrl(server, name), name, drop, [Symbol.asyncDispose]: drop }
}
