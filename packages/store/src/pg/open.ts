import { randomBytes, randomUUID } from 'node:crypto'
import type { MasterKey } from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import type { RevisionTraces } from '@holdfast/tracing'
import { migrate } from '../migrate/migrate.js'
import type { HookCover } from '../plan/forms.js'
import type { HoldThresholds } from '../plan/holds.js'
import { originOfLog } from '../plan/progress.js'
import type { Evidence } from '../plan/recovery.js'
import { refuseElsewhere } from './elsewhere.js'
import { type HighWater, HighWaterFile } from './high-water.js'
import { type HintBus, Hints } from './hints.js'
import { History } from './history.js'
import { Soundness } from './soundness.js'
import { Database, type StatementCount, timestamp } from './sql.js'
import { type Head, insertHead, readHead } from './statements/head.js'
import { PgStore, type StoreLog } from './store.js'
import { Vault } from './vault.js'

export interface OpenStoreOptions {
  readonly databaseUrl: string
  readonly role: 'global' | 'zone'
  /** Zone name; '' at global. */
  readonly name: string
  readonly programVersion: string
  /** Where the high-water mark is kept; undefined: nowhere, and a restored backup is found out by peers only. */
  readonly dataDir?: string | undefined
  readonly log: StoreLog
  /** How much of a type may go by absence; the default of the product unless said otherwise. */
  readonly thresholds?: HoldThresholds | undefined
  /** Milliseconds since 1970. */
  readonly clock?: (() => number) | undefined
  readonly signal?: AbortSignal | undefined
  /** Told of every statement that was run, for counting. */
  readonly onStatement?: ((statement: StatementCount) => void) | undefined
  /** See `DatabaseOptions`. */
  readonly onUnderWay?: ((change: 1 | -1) => void) | undefined
  readonly connectionsMax?: number | undefined
  /** How long a transaction waits for a lock that somebody else has; 30,000 unless said otherwise. */
  readonly lockTimeoutMs?: number | undefined
  /** Tests: without LISTEN only the poll finds out what others have committed. */
  readonly listen?: boolean | undefined
  readonly pollEveryMs?: number | undefined
  /** Instead of NOTIFY, for the processes of this store. The store closes it. */
  readonly bus?: ((storeId: string) => HintBus) | undefined
  /** Secrets are sealed under the first, and open under any. None: they stand as they are. */
  readonly masterKeys?: readonly MasterKey[] | undefined
  /** Global: what is published only with a hook's consent. */
  readonly hooks?: HookCover | undefined
  /** Told which revisions were written for whom; absent: nothing is traced. */
  readonly traces?: RevisionTraces | undefined
}

const pollEveryMs = 1_000

/**
 * Opens the store of a control plane: migrates its database, makes it ours if it is new, and compares it with what the
 * data folder remembers of it.
 * @throws Problem `unavailable` (database does not answer), `conflict` (it is another control plane's, or needs a newer
 *   program)
 */
export async function openStore(options: OpenStoreOptions): Promise<PgStore> {
  const { databaseUrl, programVersion, log, clock: nowMs = Date.now } = options
  const signal = options.signal ?? new AbortController().signal
  await refuseElsewhere(databaseUrl, options)
  await migrate(databaseUrl, { programVersion, signal })
  const database = new Database({
    url: databaseUrl,
    connectionsMax: options.connectionsMax,
    lockTimeoutMs: options.lockTimeoutMs,
    onStatement: options.onStatement,
    onUnderWay: options.onUnderWay,
    onConnectionLost: (error) => log.warn({ err: error }, 'an idle connection to the database was lost'),
  })
  const highWater =
    options.dataDir === undefined
      ? undefined
      : new HighWaterFile(options.dataDir, (error) =>
          log.error({ err: error }, 'the high-water mark could not be written: a restored backup may go unnoticed'),
        )
  let hints: Hints | undefined
  const closers: (() => Promise<void>)[] = []
  try {
    const vault = await Vault.open(database, options.masterKeys ?? [], nowMs)
    database.sealer = vault
    if (vault !== undefined) closers.push(() => vault.close())
    const remembered = await highWater?.read()
    const head = await ownHead(database, options, nowMs())
    const nextTag = (): string => randomBytes(8).toString('hex')
    const nextEpoch = (): string => randomBytes(16).toString('hex')
    const history = new History({ database, head, highWater, nowMs, nextEpoch, nextTag, log })
    closers.push(async () => history.close())
    const soundness = new Soundness({ database, log, onChange: () => history.tell() })
    closers.push(() => soundness.close())
    await soundness.start()
    // Of a database that is not whole nothing can be concluded, and nothing may be written into it.
    if (soundness.faults.length === 0) await history.judge(evidenceOf(remembered, highWater?.path, head))
    let looking: Promise<void> | undefined
    let again = false
    const look = (): void => {
      if (looking !== undefined) {
        again = true
        return
      }
      looking = history
        .look()
        .catch((error: unknown) => log.warn({ err: error }, 'the log could not be read; trying again'))
        .finally(() => {
          looking = undefined
          if (again) {
            again = false
            look()
          }
        })
    }
    const bus = options.bus?.(head.identity.storeId)
    if (bus !== undefined) closers.push(() => bus.close())
    const mark = nextTag()
    const started = new Hints({
      mark,
      url: databaseUrl,
      bus,
      onHint: look,
      onFailure: (error) => log.warn({ err: error }, 'no hints from the database; its log is polled'),
      onDeaf: () =>
        log.info(
          {},
          'a pooler in transaction mode stands before the database: what other processes commit is seen by a look every second; with --redis-url at once',
        ),
      listen: options.listen ?? true,
      pollEveryMs: options.pollEveryMs ?? pollEveryMs,
    })
    hints = started
    closers.push(
      () => started.close(),
      async () => {
        again = false
        await looking
      },
      async () => highWater?.flush(),
      () => database.close(),
    )
    return new PgStore({
      database,
      history,
      soundness,
      identity: head.identity,
      nowMs,
      nextTag,
      mark,
      log,
      hooks: options.hooks,
      traces: options.traces,
      closers,
      thresholds: options.thresholds,
      vault,
      bus,
    })
  } catch (error) {
    for (const close of closers) await close().catch(() => {})
    await hints?.close()
    await database.close()
    throw error
  }
}

/** The row that says whose database it is, made by the first who opens it. */
async function ownHead(database: Database, { role, name }: OpenStoreOptions, nowMs: number): Promise<Head> {
  const existing = await readHead(database)
  if (existing === undefined) {
    const { tag } = originOfLog('')
    const identity = { role, name, storeId: randomUUID() }
    const epoch = randomBytes(16).toString('hex')
    await insertHead(database, { identity, epoch, tag, at: timestamp(nowMs) })
  }
  const head = existing ?? (await readHead(database))
  if (head === undefined) throw new Error('store_head has no row')
  const { identity } = head
  if (identity.role !== role || identity.name !== name)
    throw new Problem(
      'conflict',
      `the database belongs to ${words(identity)}, this is ${words({ role, name })}. ` +
        'Give every control plane a database of its own (--database-url or --data-dir).' +
        (identity.role === 'zone' && role === 'zone' ? renameText(identity.name, name) : ''),
    )
  return head
}

/** The name of a zone is part of what every address belongs to: under another name all of them would be others. */
const renameText = (from: string, to: string): string =>
  ` A zone cannot be renamed: its name is part of the key of each of its VIPs, so every service would get another address. ` +
  `Go on with --zone ${from}; or start ${to} with an empty database, apply the services there, and when nothing uses the old addresses any more take ${from} out of service (holdfastctl zone decommission ${from}).`

const words = ({ role, name }: { readonly role: 'global' | 'zone'; readonly name: string }): string =>
  role === 'global' ? 'the global control plane' : `zone ${name}`

/** What the data folder remembers; that a store was made ready counts, even if nothing was written in it. */
function evidenceOf(remembered: HighWater | undefined, path: string | undefined, head: Head): readonly Evidence[] {
  if (remembered === undefined || path === undefined) return []
  const isOurs =
    remembered.initialised || remembered.cursor.revision > 0 || remembered.storeId === head.identity.storeId
  return isOurs ? [{ from: 'file', witness: path, cursor: remembered.cursor }] : []
}
