import { randomBytes } from 'node:crypto'
import { createDatabase, databaseUrl, dropDatabase } from '../embedded/databases.js'

/** Set for the test files of a run by the set-up that has started the server. */
export const serverUrlVariable = 'HOLDFAST_TEST_SERVER_URL'
export const templateName = 'holdfast_template'

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
  /** Drops it with everybody who is still connected. */
  drop(): Promise<void>
}

/**
 * A migrated database that nobody else uses, on the server that this test run has started. Copied from a template, so
 * that it costs milliseconds.
 * @param options.empty without our schema, for tests of the migrations themselves
 */
export async function freshDatabase(options: { readonly empty?: boolean } = {}): Promise<TestDatabase> {
  const server = process.env[serverUrlVariable]
  if (server === undefined)
    throw new Error('no database server was started for this test; name the file *.pg.test.ts or *.e2e.test.ts')
  const name = `test_${randomBytes(8).toString('hex')}`
  await createDatabase(server, name, options.empty === true ? 'template1' : templateName)
  const drop = (): Promise<void> => dropDatabase(server, name)
  return { url: databaseUrl(server, name), name, drop, [Symbol.asyncDispose]: drop }
}
