import { Problem } from '@holdfast/model'
import pg from 'pg'
import { withoutPassword } from '../embedded/databases.js'
import { Hosts, urlsOf } from './hosts.js'
import { Prepared } from './prepared.js'
import { type PoolUse, Turns } from './turns.js'
import type { SealedPlace } from './vault.js'

/** One statement that was run, for counting: budgets are in statements and rows, not in seconds. */
export interface StatementCount {
  readonly name: string
  /** Rows returned or written. */
  readonly rows: number
  readonly durationMs: number
}

/** Seals what is secret on its way in, and opens it on its way out. */
export interface Sealer {
  isSealed(type: string): boolean
  seal(plain: Uint8Array, place: SealedPlace): { readonly keyId: number; readonly sealed: Uint8Array }
  open(keyId: number, sealed: Uint8Array, place: SealedPlace): Uint8Array
}

/**
 * Runs named statements: on a connection of the pool each, or all on one. On one they are sent as they come and run in that
 * order: what need not know the answer of what is before it need not wait for it (`together`).
 */
export interface Sql {
  run<R extends object = Record<string, never>>(
    name: string,
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly R[]; readonly count: number }>
  /** Undefined: secrets stand as they are. */
  readonly sealer?: Sealer | undefined
}

/**
 * Answers of statements that were sent one behind the other, once there are all.
 * @throws the first failure in this order: it is the cause, and those behind it say only that the transaction is over
 */
export async function together<T extends readonly unknown[]>(
  sent: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const answers = await Promise.allSettled(sent)
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  return answers.map((answer) => (answer as PromiseFulfilledResult<unknown>).value) as {
    -readonly [K in keyof T]: Awaited<T[K]>
  }
}

/** What a statement selects that reads specs: without `key_id` it would get what it cannot read. */
interface SealedRecord {
  readonly type: string
  readonly mesh: string
  readonly export_name: string
  readonly key_id: number | null
  spec: Buffer
}

export interface DatabaseOptions {
  readonly url: string
  /** 10 unless said otherwise. */
  readonly connectionsMax?: number | undefined
  /** How long a statement waits for one of them; 30,000 unless said otherwise. */
  readonly turnTimeoutMs?: number | undefined
  /** 30,000 unless said otherwise. */
  readonly lockTimeoutMs?: number | undefined
  readonly onStatement?: ((statement: StatementCount) => void) | undefined
  /** One more is under way, or one fewer: for whoever waits until nothing is. */
  readonly onUnderWay?: ((change: 1 | -1) => void) | undefined
  /** An idle connection broke; the next statement takes another one. */
  readonly onConnectionLost: (error: Error) => void
}

/** A lock was not to be had within its time: `unavailable`, and trying again at once would only wait as long again. */
export class LockedOut extends Problem {}

/** What was prepared on a connection is not there any more, or is something else: nothing was done, and asking again is enough. */
class NotKept extends Problem {}

export type TransactionMode = 'read' | 'write'

/** A connection is made within this time, or the database does not answer. */
const connectTimeoutMs = 10_000
/** As long as for a lock: whoever has a connection gives up by then. */
const turnTimeoutMs = 30_000
const isRead = /^\s*select\b/i
const beginOf = { read: 'begin isolation level repeatable read read only', write: 'begin' } as const
/**
 * A process that stands still (a paused machine, SIGSTOP) in the middle of a transaction must not keep the lock of the head
 * from whoever takes over (ONE). In the same message as the begin, so that it costs no round trip and works through a pooler.
 */
const endsIfSilent = "set local idle_in_transaction_session_timeout = '10s'"
/**
 * Somebody else's transaction (a forgotten psql, a backup tool, a migration by hand) may hold the head of the log for hours.
 * Longer than several replicas with a bulk each, shorter than a client waits for its answer: then it is told who holds it.
 */
const lockTimeoutMs = 30_000
const lockNotAvailable = '55P03'
/**
 * The oldest of the transactions that have locked the head, or wait for it. Of this database: in one that was cloned from it, or both
 * from a third, the table has the same number.
 */
const headHolder = `
  select a.pid, coalesce(a.application_name, '') as name, coalesce(host(a.client_addr), 'a local socket') as address,
    coalesce(a.state, 'unknown') as state, round(extract(epoch from clock_timestamp() - a.xact_start))::integer as seconds
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
  where l.database = (select oid from pg_database where datname = current_database())
    and l.relation = 'store_head'::regclass and l.granted and l.mode <> 'AccessShareLock' and a.pid <> pg_backend_pid()
  order by a.xact_start limit 1`
const idleTimeoutMs = 60_000

/** Connections to one database. */
export class Database implements Sql {
  readonly url: string
  /** Set once, before anything secret is read. */
  sealer: Sealer | undefined
  /** Undefined: the URL names one host. */
  readonly #hosts: Hosts | undefined
  readonly #onConnectionLost: (error: Error) => void
  readonly #connectionsMax: number
  readonly #turns: Turns
  readonly #left = new Set<Promise<void>>()
  readonly #prepared = new Prepared()
  #pool: pg.Pool
  #poolUrl: string
  readonly #limits: string
  readonly #onStatement: ((statement: StatementCount) => void) | undefined
  readonly #onUnderWay: ((change: 1 | -1) => void) | undefined
  #closing: Promise<void> | undefined

  constructor(options: DatabaseOptions) {
    const { url, connectionsMax = 10, onStatement, onUnderWay, onConnectionLost } = options
    this.url = url
    this.#limits = `${endsIfSilent}; set local lock_timeout = ${options.lockTimeoutMs ?? lockTimeoutMs}`
    this.#onStatement = onStatement
    this.#onUnderWay = onUnderWay
    this.#hosts = Hosts.of(url)
    this.#onConnectionLost = onConnectionLost
    this.#connectionsMax = connectionsMax
    this.#turns = new Turns(connectionsMax, options.turnTimeoutMs ?? turnTimeoutMs)
    this.#poolUrl = urlsOf(url)[0] ?? url
    this.#pool = this.#poolOf(this.#poolUrl)
  }

  #poolOf(url: string): pg.Pool {
    const pool = new pg.Pool({
      connectionString: url,
      max: this.#connectionsMax,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: idleTimeoutMs,
      keepAlive: true,
      // A change is some sixty statements in three control planes, and most of its time was waiting for answers to them.
      pipeline: true,
      types,
    })
    // Ahead of the first statement on the connection, which does not wait for it; one that breaks meanwhile is told to that one.
    pool.on('connect', (client) => void this.#prepared.met(client).catch(() => {}))
    // Without a listener an idle client whose server dies would take the process with it.
    pool.on('error', (error) => {
      // The pool hangs its whole client on the error, with the key that cancels its statements: none of a log's business.
      Reflect.deleteProperty(error, 'client')
      if (this.#closing === undefined) this.#onConnectionLost(error)
    })
    return pool
  }

  /** Connections to the host that takes writes; those to the one of before end when they are given back. */
  async #current(): Promise<pg.Pool> {
    if (this.#hosts === undefined || this.#closing !== undefined) return this.#pool
    const url = await this.#hosts.current()
    if (url !== this.#poolUrl) {
      const before = this.#pool.end().catch(() => {})
      this.#left.add(before)
      void before.finally(() => this.#left.delete(before))
      this.#pool = this.#poolOf(url)
      this.#poolUrl = url
    }
    return this.#pool
  }

  async run<R extends object>(name: string, text: string, values: readonly unknown[] = []) {
    return this.#turns.in(() => this.#alone(name, (client) => this.#run<R>(client, name, text, values)))
  }

  /** All statements of `work` on one connection, each in a transaction of its own. It may be run twice. */
  onOne<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const on = (client: pg.PoolClient): Sql => ({
      run: (name, text, values = []) => this.#run(client, name, text, values),
      sealer: this.sealer,
    })
    return this.#turns.in(() => this.#alone(undefined, (client) => work(on(client))))
  }

  /** A statement outside of a transaction: what was prepared and is not kept is sent once more, as it is. */
  async #alone<T>(name: string | undefined, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    try {
      return await this.#onConnection(name, work)
    } catch (error) {
      if (!(error instanceof NotKept)) throw error
      return this.#onConnection(name, work)
    }
  }

  /** @param name of the statement, for what is thrown where no connection is to be had */
  async #onConnection<T>(name: string | undefined, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const pool = await this.#current()
    const client = await pool.connect().catch((error: unknown) => {
      throw this.#translated(error, name)
    })
    let broken = false
    const noteBroken = (): void => {
      broken = true
    }
    client.on('error', noteBroken)
    try {
      return await work(client)
    } catch (error) {
      broken = true
      throw error
    } finally {
      client.off('error', noteBroken)
      client.release(broken)
    }
  }

  get poolUse(): PoolUse {
    return this.#turns.use
  }

  /** Beside what is counted: looks that are made every few seconds, whatever happens. */
  get unobserved(): Sql {
    return {
      run: async <R extends object>(name: string, text: string, values: readonly unknown[] = []) => {
        try {
          return await this.#turns.in(() => this.#alone(name, (client) => this.#sent<R>(client, text, values)))
        } catch (error) {
          throw this.#translated(error, name)
        }
      },
    }
  }

  /**
   * Runs `work` in one transaction: `read` sees one snapshot throughout, `write` sees what is committed when it looks.
   * What throws is rolled back.
   */
  transaction<T>(mode: TransactionMode, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#turns.in(() => this.#transaction(mode, work))
  }

  async #transaction<T>(mode: TransactionMode, work: (sql: Sql) => Promise<T>): Promise<T> {
    const pool = await this.#current()
    const client = await pool.connect().catch((error: unknown) => {
      throw this.#translated(error)
    })
    let broken: Error | undefined
    client.on('error', noteBroken)
    function noteBroken(error: Error): void {
      broken = error
    }
    const begun = this.#run(client, 'begin', `${beginOf[mode]}; ${this.#limits}`, [])
    let isBegun = false
    let waits = false
    const beginning = begun.then(() => {
      isBegun = true
    })
    // Told below.
    beginning.catch(() => {})
    const sql: Sql = {
      run: async (name, text, values = []) => {
        // Where the begin failed it would stand alone: harmless for what reads, and for nothing else.
        waits ||= !isRead.test(text)
        if (!isBegun && waits) await beginning
        return this.#run(client, name, text, values)
      },
      sealer: this.sealer,
    }
    try {
      const value = await work(sql)
      await beginning
      await this.#run(client, 'commit', 'commit', [])
      return value
    } catch (failure) {
      const error = await beginning.then(
        () => failure,
        (first: unknown) => first,
      )
      await client.query('rollback').catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error(String(failure))
      })
      throw codeOf(error) === lockNotAvailable ? await this.#locked(error as Error) : error
    } finally {
      client.off('error', noteBroken)
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.all([this.#pool.end(), ...this.#left]).then(() => undefined)
    await this.#closing
  }

  async #run<R extends object>(
    on: pg.PoolClient,
    name: string,
    text: string,
    values: readonly unknown[],
  ): Promise<{ readonly rows: readonly R[]; readonly count: number }> {
    const startedMs = performance.now()
    this.#onUnderWay?.(1)
    try {
      const { rows, count } = await this.#sent<R>(on, text, values)
      // Several statements in one message have no rows of their own.
      if (rows?.[0] !== undefined && 'key_id' in rows[0]) this.#open(rows as unknown as SealedRecord[])
      this.#onStatement?.({ name, rows: count, durationMs: performance.now() - startedMs })
      return { rows, count }
    } catch (error) {
      throw this.#translated(error, name)
    } finally {
      this.#onUnderWay?.(-1)
    }
  }

  async #sent<R extends object>(
    on: pg.PoolClient,
    text: string,
    values: readonly unknown[],
  ): Promise<{ readonly rows: readonly R[]; readonly count: number }> {
    const prepared = this.#prepared.nameOf(on, text)
    const query = { text, values: [...values] }
    if (prepared === undefined) {
      const { rows, rowCount } = await on.query<R>(query)
      return { rows, count: rowCount ?? 0 }
    }
    try {
      const { rows, rowCount } = await on.query<R>({ ...query, name: prepared })
      return { rows, count: rowCount ?? 0 }
    } catch (error) {
      if (!this.#prepared.refusedBy(error)) throw error
      throw new NotKept(
        'unavailable',
        `the database at ${withoutPassword(this.url)} does not keep what was prepared: something in between hands its sessions on, or it was migrated; asking again is enough`,
        { cause: error },
      )
    }
  }

  /** Who holds what was waited for, as far as this role may see it. */
  async #locked(cause: Error): Promise<LockedOut> {
    const { rows } = await this.#pool
      .query<{ pid: number; name: string; address: string; state: string; seconds: number }>(headHolder)
      .catch(() => ({ rows: [] }))
    const [by] = rows
    const holder =
      by === undefined
        ? 'who holds it is in pg_stat_activity and pg_locks there'
        : `the oldest transaction that holds it is that of ${by.name === '' ? 'a client without a name' : `"${by.name}"`} from ${by.address}, ` +
          `${by.state}, begun ${by.seconds} s ago; end it with: select pg_terminate_backend(${by.pid})`
    const words = `the database at ${withoutPassword(this.url)} kept us waiting for a lock (${cause.message}): ${holder}`
    return new LockedOut('unavailable', words, { cause })
  }

  /** Whatever statement has read them, specs are plain from here on. */
  #open(rows: SealedRecord[]): void {
    for (const row of rows) {
      if (row.key_id === null) continue
      if (this.sealer === undefined)
        throw new Problem(
          'conflict',
          `${row.type} ${row.export_name} is sealed, and there is no key that opens it: start with --secrets-key-file, or with HOLDFAST_SECRETS_KEY`,
        )
      const place = { type: row.type, mesh: row.mesh, exportName: row.export_name }
      row.spec = Buffer.from(this.sealer.open(row.key_id, row.spec, place))
    }
  }

  /** What the server says stays as it is (it has a code to decide by); a server that does not answer is a Problem. */
  #translated(error: unknown, statement?: string): unknown {
    if (error instanceof pg.DatabaseError && !isUnavailable(error.code)) {
      if (statement !== undefined) error.message = `${statement}: ${error.message}`
      return error
    }
    if (error instanceof Problem) return error
    this.#hosts?.lost(this.#poolUrl)
    const words = error instanceof Error ? error.message || error.name : String(error)
    return new Problem('unavailable', `the database at ${withoutPassword(this.url)} does not answer: ${words}`, {
      cause: error,
    })
  }
}

/** Connection exceptions, insufficient resources, operator intervention. */
const isUnavailable = (code: string | undefined): boolean =>
  code !== undefined && (/^(08|53|57)/.test(code) || code === '25006')

const oids = { int8: 20, timestamptz: 1184 }
const parseTimestamp: (text: string) => Date = pg.types.getTypeParser(oids.timestamptz)
const types: pg.CustomTypesConfig = {
  // Revisions and sums of lanes stay far below 2^53. Times are milliseconds everywhere else.
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === oids.int8) return Number
    if (oid === oids.timestamptz) return (text: string) => parseTimestamp(text).getTime()
    return format === undefined ? pg.types.getTypeParser(oid) : pg.types.getTypeParser(oid, 'text')
  },
}

/** Code of an error of the server, such as `23505`; undefined for anything else. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined

/** Milliseconds as PostgreSQL takes them; null for none. */
export const timestamp = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString()

/** 32 hex digits as bytes; null for none. */
export const bytesOfHex = (text: string | undefined): Buffer | null =>
  text === undefined ? null : Buffer.from(text, 'hex')
