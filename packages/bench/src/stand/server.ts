import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, databaseUrl, migrate, startEmbedded } from '@holdfast/store'
import pg from 'pg'

/** Where the databases of a run come from: each call gives a migrated one that nobody else uses. */
export type FreshDatabase = () => Promise<{ readonly url: string }>

export interface DatabaseServer {
  readonly fresh: FreshDatabase
  /** With nothing in it, for a program that is not ours. */
  readonly empty: FreshDatabase
  readonly version: string
  stop(): Promise<void>
}

const template = 'holdfast_template'
const startTimeoutMs = 120_000
/** A bench is never too old for its own migrations. */
const newestProgram = '9999.0.0'

/** A PostgreSQL of this run's own with the settings of the product, durable as it is there. */
export async function startServer(): Promise<DatabaseServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const signal = AbortSignal.timeout(startTimeoutMs)
  const server = await startEmbedded({ dataDir, settings: { max_connections: '200' }, signal })
  await createDatabase(server.url, template)
  await migrate(databaseUrl(server.url, template), { programVersion: newestProgram, signal })
  let made = 0
  const make = async (from?: string): Promise<{ readonly url: string }> => {
    const name = `bench_${++made}`
    await createDatabase(server.url, name, from)
    return { url: databaseUrl(server.url, name) }
  }
  return {
    version: await versionOf(server.url),
    fresh: () => make(template),
    empty: () => make(),
    stop: async () => {
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    return rows[0]?.server_version ?? 'unknown'
  } finally {
    await client.end()
  }
}
