import { Problem } from '@holdfast/model'
import pg from 'pg'

const duplicateDatabase = '42P04'
/** Two connections that make databases at once may also meet in the catalogue's unique index. */
const uniqueViolation = '23505'

/**
 * Makes a database on the server of `url`, unless it is there.
 * @param template copied whole; nobody may be connected to it
 */
export async function createDatabase(url: string, name: string, template?: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ readonly version: number; readonly isThere: boolean }>(
      `select current_setting('server_version_num')::int as version,
              exists (select from pg_database where datname = $1) as "isThere"`,
      [name],
    )
    if (rows[0]?.isThere !== false) return
    const from =
      template === undefined ? '' : ` template ${client.escapeIdentifier(template)}${copying(rows[0].version)}`
    try {
      await client.query(`create database ${client.escapeIdentifier(name)}${from}`)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code !== duplicateDatabase && code !== uniqueViolation) throw error
    }
  })
}

/**
 * From 15 on PostgreSQL writes every page of a copy to its log as well, unless told not to: half as much CPU again for a
 * database of 10 MB. Before it copied the files and knows no other way.
 */
const copying = (version: number): string => (version >= 150_000 ? ' strategy file_copy' : '')

/** Drops a database with everybody who is connected to it. `url` must name another one. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
  })
}

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(name)}`
  return changed.href
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  // A server that goes away between two queries must not take the process with it; the next query tells.
  client.on('error', () => {})
  try {
    await client.connect()
    await work(client)
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new Problem('unavailable', `the database at ${withoutPassword(url)} does not answer: ${words}`, { cause })
  } finally {
    await client.end().catch(() => {})
  }
}

/** For messages: where a database is, never how to get in. */
export function withoutPassword(url: string): string {
  try {
    const shown = new URL(url)
    shown.password = ''
    shown.search = ''
    return shown.href
  } catch {
    // Several hosts, which no URL of the web has.
    const shown = /^(postgres(?:ql)?:\/\/)(?:([^:@/]*)(?::[^@/]*)?@)?([^/?]+)(\/[^?]*)?/i.exec(url)
    if (shown === null) return 'an address that is not a URL'
    const [, scheme = '', user, hosts = '', path = ''] = shown
    return `${scheme}${user === undefined ? '' : `${user}@`}${hosts}${path}`
  }
}
