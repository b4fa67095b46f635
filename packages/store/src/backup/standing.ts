import { randomBytes } from 'node:crypto'
import { Problem } from '@holdfast/model'
import { Database, timestamp } from '../pg/sql.js'
import { beginEpoch, type Head, lockHead, readHead } from '../pg/statements/head.js'
import { insertAudit } from '../pg/statements/sync-write.js'

/** Which store a database has and where it stands; what a backup is labelled with. */
export interface Standing {
  readonly role: 'global' | 'zone'
  /** '' at global. */
  readonly name: string
  readonly storeId: string
  readonly epoch: string
  readonly revision: number
}

export interface Place {
  /** Where search_path leads. */
  readonly schema: string
  /** `170002`. */
  readonly serverVersion: number
  /** Undefined where there is nothing at all. */
  readonly store: Standing | undefined
}

async function opened<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({ url, connectionsMax: 1, onConnectionLost: () => {} })
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

/** @throws Problem `unavailable` if the database does not answer, `conflict` if tables of somebody else are there */
export const standingOf = (url: string): Promise<Place> =>
  opened(url, async (database) => {
    const { rows } = await database.run<{ schema: string | null; number: string; found: boolean; other: boolean }>(
      'look for a store',
      `select current_schema() as schema, current_setting('server_version_num') as number,
         to_regclass('store_head') is not null as found,
         exists (select from pg_class c where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')) as other`,
    )
    const [place] = rows
    if (place === undefined || place.schema === null)
      throw new Problem('invalid', 'search_path of --database-url leads to no schema that is there')
    if (!place.found) {
      if (place.other)
        throw new Problem(
          'conflict',
          `schema "${place.schema}" has tables that are none of Holdfast's: name a database, or a schema by search_path, of its own`,
        )
    }
    const head = place.found ? await readHead(database) : undefined
    const at = { schema: place.schema, serverVersion: Number(place.number) }
    if (head === undefined) return { ...at, store: undefined }
    const { role, name, storeId } = head.identity
    return { ...at, store: { role, name, storeId, epoch: head.epoch, revision: head.revision } }
  })

/**
 * A database that was put back is another log from here on: a new epoch begins, and the store recovers what came after the
 * backup from its peers before it serves anybody. @returns the head as it is then
 */
export const beginRestored = (url: string, reason: string, nowMs: number): Promise<Head> =>
  opened(url, (database) =>
    database.transaction('write', async (sql) => {
      const { head } = await lockHead(sql, 0)
      await beginEpoch(sql, {
        epoch: randomBytes(16).toString('hex'),
        tag: randomBytes(8).toString('hex'),
        // A store that was never ready has nothing to recover.
        state: head.state === 'uninitialised' ? 'uninitialised' : 'recovering',
        reasons: head.state === 'uninitialised' ? head.reasons : [reason],
        at: timestamp(nowMs),
      })
      const after = (await readHead(sql)) ?? head
      await insertAudit(
        sql,
        [{ atMs: nowMs, actor: 'holdfast restore', action: 'new epoch', subject: 'the store', detail: { reason } }],
        { revision: after.revision, atMs: nowMs },
      )
      return after
    }),
  )
