import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { RedisLink } from './redis-link.js'
import type { RedisTarget } from './redis-url.js'

export interface RedisHintsOptions {
  readonly target: RedisTarget
  /** Of one installation: others may use the same Redis. */
  readonly channel: string
  readonly log: Pick<Logger, 'info' | 'warn'>
}

export interface RedisHintsView {
  /** What is published is heard: both were seen within the last beats. */
  readonly working: boolean
  readonly published: number
  readonly heard: number
  /** Connections that were given up. */
  readonly failures: number
  /** Why the last of them was given up. */
  readonly lastFailure: string | undefined
}

const reconnectMs = { first: 200, most: 5_000 }
/** However many others commit: so often a hint is passed on at most. */
const passOnEveryMs = 10

/**
 * Hints between processes of one database through Redis: "the log has grown, look". They carry nothing, so nothing is lost
 * with one that is lost, and nothing believed of one that is wrong. Publishing never waits. Redis is taken for working
 * only while our own beats come back; otherwise everything of the connection is let go and made anew.
 */
export class RedisHints {
  readonly #options: RedisHintsOptions
  readonly #self = randomUUID()
  readonly #listeners = new Set<() => void>()
  #link: RedisLink | undefined
  #reconnect: NodeJS.Timeout | undefined
  #passOn: NodeJS.Timeout | undefined
  #again = false
  #waitMs = reconnectMs.first
  #closed = false
  #saidFailed = false
  #published = 0
  #heard = 0
  #failures = 0
  #lastFailure: string | undefined

  constructor(options: RedisHintsOptions) {
    this.#options = options
    this.#open()
  }

  /** Something was committed here. */
  announce(): void {
    this.#link?.publish(this.#self)
  }

  /** Something may have been committed elsewhere. Returns the way to stop listening. */
  onHint(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  view(): RedisHintsView {
    const { isWorking = false } = this.#link ?? {}
    return {
      ...{ working: isWorking, published: this.#published, heard: this.#heard },
      ...{ failures: this.#failures, lastFailure: this.#lastFailure },
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#reconnect)
    clearTimeout(this.#passOn)
    this.#listeners.clear()
    await this.#link?.close()
  }

  #open(): void {
    const { target, channel, log } = this.#options
    const link: RedisLink = new RedisLink({
      target,
      channel,
      self: this.#self,
      onHint: () => {
        this.#heard++
        this.#hint()
      },
      onPublished: () => {
        this.#published++
      },
      onWorking: () => {
        this.#waitMs = reconnectMs.first
        if (this.#saidFailed) log.info('Redis works: hints come through it again')
        this.#saidFailed = false
        // What was committed meanwhile was not heard of.
        this.#hint()
      },
      onFailed: (reason) => {
        this.#failures++
        this.#lastFailure = reason
        if (!this.#saidFailed && !this.#closed)
          log.warn({ reason }, 'no hints through Redis; the log is looked at every second until it works again')
        this.#saidFailed = true
        void link.close()
        if (this.#link === link) this.#link = undefined
        if (this.#closed) return
        this.#reconnect = setTimeout(() => this.#open(), this.#waitMs * (0.5 + Math.random() / 2))
        this.#waitMs = Math.min(2 * this.#waitMs, reconnectMs.most)
      },
    })
    this.#link = link
    link.open()
  }

  #hint(): void {
    if (this.#passOn !== undefined) {
      this.#again = true
      return
    }
    for (const listener of this.#listeners) listener()
    this.#passOn = setTimeout(() => {
      this.#passOn = undefined
      if (!this.#again) return
      this.#again = false
      this.#hint()
    }, passOnEveryMs)
  }
}
