import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { Problem } from '@holdfast/model'
import { beginRestored, type Place, poolingOf, type Standing, standingOf } from '@holdfast/store'
import { type Label, labelFile, readLabel, sha256Of, whose } from '../backup/label.js'
import { contentsWithoutSchema, findTool, runTool, type Tool } from '../backup/tools.js'
import { programVersion } from '../version.js'

export interface BackupOptions {
  readonly databaseUrl: string
  readonly file: string
  /** Where PostgreSQL's programs are; undefined: on PATH. */
  readonly pgBin?: string | undefined
  readonly signal: AbortSignal
  readonly write: (text: string) => void
}

/**
 * `holdfast backup`: one snapshot of a store by `pg_dump`, whether or not its control plane runs, and a label beside it.
 * The file has its name only once it is whole.
 * @throws Problem with words for an operator
 */
export async function backup({ databaseUrl, file, pgBin, signal, write }: BackupOptions): Promise<void> {
  const place = await standingOf(databaseUrl)
  await refusePooler(databaseUrl, 'pg_dump')
  const { store } = place
  if (store === undefined)
    throw new Problem('missing', 'there is no store of Holdfast at --database-url; is it the right database?')
  const tool = await findTool('pg_dump', pgBin, place.serverVersion)
  const making = `${file}.making`
  try {
    const what = ['--format=custom', '--no-owner', '--no-privileges', `--schema=${quoted(place.schema)}`]
    // pg_dump makes a file that everybody may read, and writes into one that is there as it is.
    await rm(making, { force: true })
    await writeFile(making, '', { mode: 0o600, flag: 'wx' })
    await runTool(tool, [...what, `--file=${making}`], databaseUrl, signal)
    const label = await labelOf(place, store, making)
    await writeFile(labelFile(file), `${JSON.stringify(label, null, 2)}\n`, { mode: 0o600 })
    await rename(making, file)
    write(
      [
        `backed up the store of ${whose(store)} at revision ${store.revision}: ${file} (${label.bytes} bytes) and ${labelFile(file)}`,
        'keep the key of --secrets-key-file elsewhere, and a copy of it: secrets in the backup are sealed with it',
        '',
      ].join('\n'),
    )
  } finally {
    await rm(making, { force: true })
  }
}

/**
 * PostgreSQL's programs set the session that they are given, and one that a pooler hands on stays so: a control plane that gets
 * it next finds none of its tables.
 */
async function refusePooler(databaseUrl: string, tool: Tool): Promise<void> {
  if ((await poolingOf(databaseUrl)) !== 'transaction') return
  throw new Problem(
    'conflict',
    `a pooler in transaction mode stands before the database: what ${tool} sets for itself would stay in connections that control planes are given next. Say the server itself in --database-url, for this command alone`,
  )
}

/** As a pattern of pg_dump: taken as it is. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

async function labelOf({ schema, serverVersion }: Place, store: Standing, file: string): Promise<Label> {
  const { role, name, storeId, epoch, revision } = store
  return {
    format: 'holdfast-backup/1',
    ...{ role, name, storeId, epoch, revision, schema, serverVersion, programVersion },
    at: new Date().toISOString(),
    bytes: (await stat(file)).size,
    sha256: await sha256Of(file),
  }
}

/**
 * `holdfast restore`: puts a backup into a database that has nothing of ours yet, all of it or nothing, and begins a new
 * epoch: who remembers more than the backup compares, and brings it back. The store of before must not run any more.
 * @throws Problem with words for an operator
 */
export async function restore({ databaseUrl, file, pgBin, signal, write }: BackupOptions): Promise<void> {
  const label = await readLabel(file)
  const found = await sha256Of(file).catch((cause: unknown) => {
    throw new Problem(
      'missing',
      `${file} cannot be read: ${(cause as Error).message}. Both files of a backup belong together`,
      { cause },
    )
  })
  if (found !== label.sha256)
    throw new Problem(
      'invalid',
      `${file} is not the file that ${labelFile(file)} speaks of, or not all of it: nothing was done`,
    )
  const { schema, store } = await standingOf(databaseUrl)
  await refusePooler(databaseUrl, 'pg_restore')
  if (store !== undefined)
    throw new Problem(
      'conflict',
      `the database at --database-url has the store of ${whose(store)} at revision ${store.revision}: a backup goes into an empty one. Make a new database, and start the control plane on that`,
    )
  if (schema !== label.schema)
    throw new Problem(
      'conflict',
      `the backup is of schema "${label.schema}", and search_path of --database-url leads to "${schema}": make it lead to one of that name`,
    )
  const tool = await findTool('pg_restore', pgBin, label.serverVersion)
  const how = ['--no-owner', '--no-privileges', '--exit-on-error', '--single-transaction']
  const list = await contentsWithoutSchema(tool, file)
  const listFile = `${file}.list`
  try {
    await writeFile(listFile, list)
    await runTool(tool, [...how, `--use-list=${listFile}`, file], databaseUrl, signal)
  } finally {
    await rm(listFile, { force: true })
  }
  const reason = `it was restored from a backup of ${label.at}, revision ${label.revision}`
  const head = await beginRestored(databaseUrl, reason, Date.now())
  write(
    [
      `restored the store of ${whose(label)} as of ${label.at}, revision ${label.revision}; its log goes on at ${head.revision} in a new epoch, and it is ${head.state}`,
      label.role === 'global'
        ? 'start global: its zones bring back what came since, addresses included, and it serves again by itself; holdfastctl recover status tells how far it is'
        : 'start the zone: global returns what it remembers, addresses included, and it serves again by itself; a zone without a global: holdfast init --finish-recovery',
      'the store of before must not run any more',
      '',
    ].join('\n'),
  )
}
