import pg from 'pg'
import { writableUrl } from './hosts.js'
import { isPooled, poolingOf } from './pooler.js'
import { logChannel } from './statements/head.js'

/** Another way than NOTIFY to tell other processes of the same database that the log has grown. It may lose any hint. */
export interface HintBus {
  /** Never waits, never throws. */
  announce(): void
  /** Returns the way to stop listening. */
  onHint(listener: () => void): () => void
  close(): Promise<void>
}

export interface HintsOptions {
  readonly url: string
  /** Instead of LISTEN. */
  readonly bus?: HintBus | undefined
  /** Of this process: what it has committed itself it knows. */
  readonly mark: string
  /** Something may have been committed: look. */
  readonly onHint: () => void
  readonly onFailure: (error: unknown) => void
  /** Nobody can listen through what stands before the database: only the poll remains. Told once. */
  readonly onDeaf: () => void
  /** Without, only the poll remains. */
  readonly listen: boolean
  readonly pollEveryMs: number
}

const reconnectMs = { first: 250, most: 30_000 }

/**
 * When to look at the log: at every NOTIFY of a commit, or hint of another bus, and every second whatever happens. A hint that is lost costs a
 * second, never data. Through a pooler that hands out each transaction nobody listens: what a session was left to listen for would
 * come to whoever has it next, or be complained of by the pooler at every commit.
 */
export class Hints {
  readonly #options: HintsOptions
  readonly #poll: NodeJS.Timeout
  #client: pg.Client | undefined
  #reconnect: NodeJS.Timeout | undefined
  #waitMs = reconnectMs.first
  #closed = false
  readonly #stopHearing: (() => void) | undefined

  constructor(options: HintsOptions) {
    this.#options = options
    this.#poll = setInterval(options.onHint, options.pollEveryMs)
    this.#stopHearing = options.bus?.onHint(options.onHint)
    if (options.listen && options.bus === undefined) void this.#listen()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#poll)
    this.#stopHearing?.()
    clearTimeout(this.#reconnect)
    await this.#client?.end().catch(() => {})
  }

  async #listen(): Promise<void> {
    let client: pg.Client | undefined
    let lost = false
    const again = (error: unknown): void => {
      if (lost || this.#closed) return
      lost = true
      if (error !== undefined) this.#options.onFailure(error)
      void client?.end().catch(() => {})
      this.#reconnect = setTimeout(() => void this.#listen(), this.#waitMs)
      this.#waitMs = Math.min(2 * this.#waitMs, reconnectMs.most)
    }
    try {
      const connectionString = await writableUrl(this.#options.url)
      if (this.#closed) return
      client = new pg.Client({ connectionString, keepAlive: true })
      this.#client = client
      client.on('error', again)
      client.on('end', () => again(undefined))
      client.on('notification', ({ payload }) => {
        if (payload?.endsWith(` ${this.#options.mark}`) !== true) this.#options.onHint()
      })
      await client.connect()
      if ((await isPooled(client)) && (await poolingOf(this.#options.url)) === 'transaction') {
        lost = true
        await client.end()
        this.#options.onDeaf()
        return
      }
      await client.query(`listen ${logChannel}`)
      this.#waitMs = reconnectMs.first
      // Something may have been committed between the last look and the first hint.
      this.#options.onHint()
    } catch (error) {
      again(error)
    }
  }
}
