import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { within } from '@holdfast/deadline'
import { createDatabase, databaseUrl, dropDatabase, type Embedded, migrate, startEmbedded } from '@holdfast/store'
import { countWrites } from '@holdfast/store/testing'
import { freePort } from '@holdfast/testkit'

const template = 'holdfast_template'
/** What is tried here is never too old for its own migrations. */
const newestProgram = '9999.0.0'
const startTimeoutMs = 180_000
const run = promisify(execFile)

/** A PostgreSQL of its own, to which anything may happen; whatever it is, it comes back on the same port. */
export class Cluster {
  readonly name: string
  readonly #folder: string
  #server: Embedded | undefined
  readonly #signal: AbortSignal
  #made = 0

  constructor(name: string, folder: string, signal: AbortSignal) {
    this.#signal = signal
    this.name = name
    this.#folder = join(folder, `postgres-${name}`)
  }

  /** The superuser's connection, past every proxy. */
  get url(): string {
    if (this.#server === undefined) throw new Error(`the PostgreSQL of ${this.name} has not been started`)
    return this.#server.url
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  async start(): Promise<void> {
    const isFirst = this.#server === undefined
    this.#server = await this.#inTime((signal) =>
      startEmbedded({
        dataDir: this.#folder,
        port: this.#server?.port ?? freePort(),
        // Losing power is none of the faults: what the processes of a server have written stays when they are killed.
        settings: { fsync: 'off', max_connections: '300' },
        signal,
      }),
    )
    if (!isFirst) return
    await createDatabase(this.url, template)
    const url = databaseUrl(this.url, template)
    await this.#inTime((signal) => migrate(url, { programVersion: newestProgram, signal }))
    // Copied with every database: rows are counted from the first one on.
    await countWrites(url)
  }

  /** In order: clients are sent away. */
  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  /** Its first process by SIGKILL; the others see it and go. */
  async kill(): Promise<void> {
    process.kill(this.#postmaster(), 'SIGKILL')
    await this.#server?.stop()
  }

  /** Nobody of it answers, and no connection ends: SIGSTOP of each of its processes. */
  freeze(): void {
    for (const pid of this.#processes()) process.kill(pid, 'SIGSTOP')
  }

  thaw(): void {
    for (const pid of this.#processes()) process.kill(pid, 'SIGCONT')
  }

  /**
   * A database that nobody else uses. @returns its URL, past every proxy
   * @param options.empty without a schema: whoever opens it makes its own
   */
  async database(kind: string, options: { readonly empty?: boolean } = {}): Promise<string> {
    const name = `${kind.replaceAll('-', '_')}_${++this.#made}`
    await createDatabase(this.url, name, options.empty === true ? 'template1' : template)
    return databaseUrl(this.url, name)
  }

  /** Everything in it is gone, the schema is there. Whoever is connected is sent away. */
  async wipe(url: string): Promise<void> {
    const name = decodeURIComponent(new URL(url).pathname.slice(1))
    await dropDatabase(this.url, name)
    await createDatabase(this.url, name, template)
  }

  /** A copy of a database beside it; nobody may be connected to it. @returns its URL */
  async copyOf(url: string): Promise<string> {
    const name = `copy_${++this.#made}`
    await createDatabase(this.url, name, decodeURIComponent(new URL(url).pathname.slice(1)))
    return databaseUrl(this.url, name)
  }

  /** Whose the files are, and where: for a file system that is too small for them. */
  get folder(): string {
    return join(this.#folder, 'postgres')
  }

  /** A copy of all its files; it is stopped meanwhile, and runs again. @returns where the copy is */
  async backup(): Promise<string> {
    const to = `${this.#folder}-backup-${++this.#made}`
    await this.stop()
    await run('cp', ['-a', join(this.#folder, 'postgres'), to])
    await this.start()
    return to
  }

  /** What was written since the backup was never there. It runs again afterwards. */
  async restore(backup: string): Promise<void> {
    await this.stop()
    await rm(join(this.#folder, 'postgres'), { recursive: true, force: true })
    await run('cp', ['-a', backup, join(this.#folder, 'postgres')])
    await this.start()
  }

  #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(startTimeoutMs, [this.#signal], work)
  }

  #postmaster(): number {
    return Number(readFileSync(join(this.#folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  }

  #processes(): readonly number[] {
    const first = this.#postmaster()
    return [first, ...childrenOf(first)]
  }
}

/** Of a living process, as `/proc` says. */
function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // The name in brackets may have blanks in it.
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(parent) ? [Number(entry)] : []
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
}
