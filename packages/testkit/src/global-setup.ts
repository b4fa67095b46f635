import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createDatabase, databaseUrl, dropDatabase, migrate, startEmbedded } from '@holdfast/store'
import { serverUrlVariable, templateName } from '@holdfast/store/testing'

/** A test is never too old for its own migrations. */
const newestProgram = '9999.0.0'
const startTimeoutMs = 120_000

const bundler = fileURLToPath(new URL('../../../scripts/bundle.mjs', import.meta.url))

/** A server to test on instead of one of our own, for example an older PostgreSQL. Its superuser's URL. */
const givenServerVariable = 'HOLDFAST_TEST_DATABASE_URL'

/** Run once by vitest before the files that need a database: a server of their own, and a migrated template. */
export default async function setup(): Promise<() => Promise<void>> {
  const signal = AbortSignal.timeout(startTimeoutMs)
  // After a `tsc -b` by hand the programs would be those of before.
  await promisify(execFile)(process.execPath, [bundler], { signal })
  const given = process.env[givenServerVariable]
  const server = given === undefined ? await startOwn(signal) : { url: given, stop: () => Promise.resolve() }
  if (given !== undefined) await dropDatabase(server.url, templateName)
  await createDatabase(server.url, templateName)
  await migrate(databaseUrl(server.url, templateName), { programVersion: newestProgram, signal })
  process.env[serverUrlVariable] = server.url
  return () => server.stop()
}

async function startOwn(signal: AbortSignal): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const server = await startEmbedded({
    dataDir,
    // What a power failure would do to a test's database is of no interest; waiting for the disk would be.
    settings: {
      ...{ fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' },
      // Hundreds of databases, and a process of the server that goes to one of them five times a second. It is not switched off:
      // that would be another server than people have.
      autovacuum_naptime: '1d',
    },
    signal,
  })
  return {
    url: server.url,
    stop: async () => {
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
