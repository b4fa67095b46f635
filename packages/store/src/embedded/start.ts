import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { Problem } from '@holdfast/model'
import { type Account, chooseAccount, commandFor, giveTo } from './account.js'
import { type Binaries, findBinaries } from './binaries.js'
import { createDatabase } from './databases.js'
import { type LockFile, readLockFile } from './lock-file.js'
import { runToEnd } from './run-to-end.js'
import { type Supervised, supervise } from './supervisor.js'

export interface EmbeddedOptions {
  /** Holds the database (`postgres/`), its password and its log. Made if it is not there; an existing one is used on. */
  readonly dataDir: string
  /** TCP port on 127.0.0.1; undefined: a free one. */
  readonly port?: number | undefined
  /** Settings of PostgreSQL beside ours. Only a test has a reason to turn `fsync` off. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** PostgreSQL's programs; undefined: those that the package registry carries for this platform. */
  readonly binaries?: Binaries | undefined
  /** Bounds the start; a database that has started is stopped by `stop`. */
  readonly signal: AbortSignal
}

export interface Embedded {
  /** Superuser's connection to the database `holdfast`, password included. */
  readonly url: string
  readonly port: number
  /** Resolves with words for an operator when it ended without having been asked to; never rejects. */
  readonly died: Promise<string>
  /** Orderly stop, bounded; idempotent. */
  stop(): Promise<void>
}

const user = 'holdfast'
const stopGraceMs = 15_000
const startTimeoutMs = 60_000
/** How long a predecessor that was killed a moment ago may take to end. */
const predecessorTimeoutMs = 20_000
/** Its first process was killed alone: the others end as soon as they notice, and until then a new one is refused by PostgreSQL. */
const isLeftBehind = /pre-existing shared memory block/
const pollMs = 10
/** Another program may take a free port between our finding it and using it. */
const portAttemptsMax = 5
const logBytesMax = 16 * 1024 * 1024

/**
 * Starts a real PostgreSQL of our own under `dataDir`, reachable only on 127.0.0.1 and only with its password. It ends
 * with this process, even with one that is killed.
 * @throws Problem `unavailable` with the database's own words when it does not start
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { signal } = options
  signal.throwIfAborted()
  const dataDir = resolve(options.dataDir)
  const folder = join(dataDir, 'postgres')
  // Others may pass through but not look around: where we are root, the database runs as somebody else.
  if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  const { account, binaries } = chooseAccount(options.binaries ?? findBinaries(), dataDir)
  const password = passwordIn(dataDir)
  const logFile = join(dataDir, 'postgres.log')
  if (existsSync(logFile) && statSync(logFile).size > logBytesMax) renameSync(logFile, `${logFile}.1`)
  await predecessorEnded(folder, signal)
  if (!existsSync(join(folder, 'PG_VERSION')))
    await initialise({ account, binaries, dataDir, folder, password, options })
  giveTo(account, folder)

  const leftEndMs = performance.now() + predecessorTimeoutMs
  for (let portAttempt = 1; ; ) {
    const port = options.port ?? (await freePort())
    const stale = readLockFile(folder)?.text
    const logFrom = existsSync(logFile) ? statSync(logFile).size : 0
    const child = supervise(account, binaries.postgres, argumentsFor(folder, port, options.settings ?? {}), logFile)
    try {
      await ready(child, { folder, port, logFile, logFrom, stale, signal })
      const url = (database: string): string => `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
      await createDatabase(url('postgres'), 'holdfast')
      return running(child, port, url('holdfast'), logFile)
    } catch (error) {
      await child.stop(stopGraceMs)
      const words = error instanceof Problem ? error.message : ''
      const portTaken = options.port === undefined && /could not bind|Address already in use/.test(words)
      if (isLeftBehind.test(words) && performance.now() < leftEndMs) await pause(signal)
      else if (!portTaken || portAttempt++ === portAttemptsMax) throw error
    }
  }
}

function running(child: Supervised, port: number, url: string, logFile: string): Embedded {
  let stopping: Promise<void> | undefined
  const died = new Promise<string>((tell) => {
    void child.ended.then(({ code }) => {
      if (stopping === undefined) tell(`the embedded PostgreSQL ended with status ${code}: ${lastOf(logFile)}`)
    })
  })
  return {
    url,
    port,
    died,
    stop: () => {
      stopping ??= child.stop(stopGraceMs)
      return stopping
    },
  }
}

function argumentsFor(folder: string, port: number, settings: Readonly<Record<string, string>>): string[] {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '100',
    shared_buffers: '64MB',
    max_wal_size: '512MB',
    log_min_messages: 'warning',
    log_checkpoints: 'off',
    log_statement: 'none',
    // One of our own conflicts is planned again and is no news for a log.
    log_min_error_statement: 'panic',
    timezone: 'UTC',
    ...settings,
  }
  return ['-D', folder, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

interface Initialisation {
  readonly account: Account
  readonly binaries: Binaries
  readonly dataDir: string
  readonly folder: string
  readonly password: string
  readonly options: EmbeddedOptions
}

async function initialise({ account, binaries, dataDir, folder, password, options }: Initialisation): Promise<void> {
  const { signal } = options
  // Made aside and renamed when it is whole: neither an interrupted start nor two at once leave half a database.
  const making = join(dataDir, `postgres.making-${randomBytes(4).toString('hex')}`)
  rmSync(making, { recursive: true, force: true })
  giveTo(account, making)
  const passwordFile = `${making}.password`
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (account.as === 'nobody') chownSync(passwordFile, account.uid, account.gid)
  const { program, args, ids } = commandFor(account, binaries.initdb, [
    ...['--pgdata', making, '--username', user, '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--data-checksums'],
    ...(options.settings?.fsync === 'off' ? ['--no-sync'] : []),
  ])
  try {
    await runToEnd(program, args, { ...ids, cwd: '/', signal, env: { ...process.env, LC_ALL: 'C' } })
    if (!existsSync(join(folder, 'PG_VERSION'))) renameSync(making, folder)
  } catch (cause) {
    signal.throwIfAborted()
    // A rival's database is as good as ours.
    if (existsSync(join(folder, 'PG_VERSION'))) return
    const words = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause)
    throw new Problem(
      'unavailable',
      `cannot make a database in ${dataDir}: ${words}; mend that, or choose another --data-dir`,
      { cause },
    )
  } finally {
    rmSync(passwordFile, { force: true })
    rmSync(making, { recursive: true, force: true })
  }
}

/** The password of an existing database, or a new one. It is on disk before the database is made. */
function passwordIn(dataDir: string): string {
  const file = join(dataDir, 'postgres.password')
  if (existsSync(file)) {
    const kept = readFileSync(file, 'utf8').trim()
    // Without a word PostgreSQL lets nobody in, and its driver says something else about it.
    if (kept === '')
      throw new Problem(
        'unavailable',
        `${file} is empty, and the database beside it cannot be opened without it. Restore it from the backup that the folder came from, or remove it where there is no database yet.`,
      )
    return kept
  }
  if (existsSync(join(dataDir, 'postgres', 'PG_VERSION')))
    throw new Problem(
      'unavailable',
      `${file} is missing, and the database beside it cannot be opened without it. Restore it from the backup that the folder came from.`,
    )
  const password = randomBytes(24).toString('hex')
  const making = `${file}.making-${randomBytes(4).toString('hex')}`
  writeFileSync(making, `${password}\n`, { mode: 0o600 })
  try {
    // Unlike a rename a link does not replace what a rival has written meanwhile.
    linkSync(making, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(making, { force: true })
  }
  return readFileSync(file, 'utf8').trim()
}

async function predecessorEnded(folder: string, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + predecessorTimeoutMs
  for (;;) {
    const lock = readLockFile(folder)
    if (lock === undefined || !isDatabase(lock.pid)) return
    if (performance.now() > endMs) throw inUse(folder, lock)
    await pause(signal)
  }
}

const inUse = (folder: string, lock: LockFile): Problem =>
  new Problem(
    'unavailable',
    `${folder} is in use by process ${lock.pid} (port ${lock.port ?? 'unknown'}). ` +
      'Stop the Holdfast that runs there, or choose another --data-dir.',
  )

/** Whether a process lives and is a PostgreSQL: after a reboot the number may be anybody's. */
function isDatabase(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const name = `/proc/${pid}/comm`
  return !existsSync(name) || readFileSync(name, 'utf8').trim() === 'postgres'
}

interface Start {
  readonly folder: string
  readonly port: number
  readonly logFile: string
  /** Size of the log before the start. */
  readonly logFrom: number
  /** Lock file of a predecessor that was killed; it may have had the same port. */
  readonly stale: string | undefined
  readonly signal: AbortSignal
}

async function ready(child: Supervised, { folder, port, logFile, logFrom, stale, signal }: Start): Promise<void> {
  const endMs = performance.now() + startTimeoutMs
  const isReady = (lock: LockFile | undefined): boolean =>
    lock !== undefined && lock.text !== stale && lock.port === port && lock.status === 'ready'
  while (!isReady(readLockFile(folder))) {
    if (child.hasEnded()) {
      const { code, error } = await child.ended
      const why = error?.message ?? (lastOf(logFile, logFrom) || `status ${code}`)
      throw new Problem('unavailable', `the embedded PostgreSQL in ${folder} did not start: ${why}`)
    }
    if (performance.now() > endMs)
      throw new Problem(
        'unavailable',
        `the embedded PostgreSQL in ${folder} was not ready in ${startTimeoutMs / 1000} s; see ${logFile}`,
      )
    await pause(signal)
  }
}

const pause = (signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  return new Promise((done) => setTimeout(done, pollMs))
}

const lastOf = (logFile: string, from = 0): string =>
  existsSync(logFile)
    ? readFileSync(logFile).subarray(from).toString('utf8').trim().split('\n').slice(-6).join('; ')
    : ''

const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
