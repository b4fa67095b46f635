import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, databaseUrl, migrate, startEmbedded } from '@holdfast/store'
import { serverUrlVariable, templateName } from '@holdfast/store/testing'

/** A test is never too old for its own migrations. */
const newestProgram = '9999.0.0'
const startTimeoutMs = 120_000

/** Run once by vitest before the files that need a database: a server of their own, and a migrated template. */
export default async function setup(): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const signal = AbortSignal.timeout(startTimeoutMs)
  const server = await startEmbedded({
    dataDir,
    // What a power failure would do to a test's database is of no interest; waiting for the disk would be.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' },
    signal,
  })
  await createDatabase(server.url, templateName)
  await migrate(databaseUrl(server.url, templateName), { programVersion: newestProgram, signal })
  process.env[serverUrlVariable] = server.url
  return async () => {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
