import { Problem } from '@holdfast/model'
import { codeOf, type Database, type Sql } from './sql.js'
import { emptyTables, isReadOnly, shortTables } from './statements/loaded.js'
import type { StoreLog } from './store.js'

export interface SoundnessOptions {
  readonly database: Database
  readonly log: StoreLog
  /** Told whenever the faults change: whoever speaks from this store stops, or may begin. */
  readonly onChange: () => void
}

const lookEveryMs = 2_000
/** Undefined table, column, function, schema. */
const notThere = /^(42P01|42703|42883|3F000)$/

/**
 * Whether the database answers with all that it has: after a restore that stopped half-way, behind another search_path,
 * or on a replica, an empty answer is not the truth (EMPTY). While there is a fault nothing is sent and nothing written.
 */
export class Soundness {
  readonly #options: SoundnessOptions
  readonly #timer: NodeJS.Timeout
  #faults: readonly string[] = []
  #looking: Promise<void> | undefined
  #closed = false

  constructor(options: SoundnessOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.look().catch(() => {}), lookEveryMs)
    this.#timer.unref()
  }

  /** In words for an operator, each with what to do. */
  get faults(): readonly string[] {
    return this.#faults
  }

  /** Before the first list is sent to anybody: everything is counted once. */
  async start(): Promise<void> {
    await this.#run(async (sql) => [...(await this.#found(sql)), ...(await shortTables(sql)).map(shortWords)])
  }

  look(): Promise<void> {
    this.#looking ??= this.#run((sql) => this.#found(sql)).finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** A look that begins from now on: what was mended before it counts. */
  async lookAnew(): Promise<void> {
    await this.#looking?.catch(() => {})
    await this.look()
  }

  /** @throws Problem `unavailable` while something is not there */
  check(): void {
    if (this.#faults.length > 0)
      throw new Problem('unavailable', `the database is not whole: ${this.#faults.join('; ')}`)
  }

  /** @throws the same, after another look: for an answer that says of much that it is gone */
  async checkNow(): Promise<void> {
    await this.look()
    this.check()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#looking?.catch(() => {})
  }

  async #found(sql: Sql): Promise<readonly string[]> {
    if (await isReadOnly(sql))
      return ['the database takes no writes (a replica, or read-only): connect to the primary (--database-url)']
    return (await emptyTables(sql)).map(shortWords)
  }

  async #run(look: (sql: Sql) => Promise<readonly string[]>): Promise<void> {
    let faults: readonly string[]
    try {
      faults = [...new Set(await look(this.#options.database.unobserved))]
    } catch (error) {
      // A database that does not answer says nothing about what is in it.
      if (!notThere.test(codeOf(error) ?? '')) return
      faults = [
        `${error instanceof Error ? error.message : String(error)}: a table was renamed or removed, or search_path leads elsewhere`,
      ]
    }
    if (this.#closed || faults.join() === this.#faults.join()) return
    this.#faults = faults
    const { log, onChange } = this.#options
    if (faults.length > 0)
      log.error({ faults }, `the database is not whole, so nothing is sent or written: ${faults.join('; ')}`)
    else log.warn({}, 'the database is whole again')
    onChange()
  }
}

function shortWords({
  what,
  said,
  found,
}: {
  readonly what: string
  readonly said: number
  readonly found: number
}): string {
  if (what === 'store_head')
    return `there are rows of revision ${said}, and the log ends at ${found}: store_head was lost`
  if (what === 'vip_ledger')
    return '0 rows in vip_ledger, and services have VIPs: holdfastctl vip rebuild puts them back, or restore the whole database'
  return `${found} rows for ${what}, digest says ${said}: restore the whole database, or look at search_path`
}
