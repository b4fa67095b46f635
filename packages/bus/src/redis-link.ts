import { commandTimeoutMs, createClient, type RedisClient } from './redis-client.js'
import type { RedisTarget } from './redis-url.js'

export interface RedisLinkOptions {
  readonly target: RedisTarget
  readonly channel: string
  /** What we publish, so that our own hints are told from those of others. */
  readonly self: string
  readonly onHint: () => void
  readonly onPublished: () => void
  /** Once: the first beat of ours has come back. */
  readonly onWorking: () => void
  /** Once, and nothing after it. */
  readonly onFailed: (reason: string) => void
}

/** Goes through publisher, Redis and subscriber, as a hint does: a connection that is open and dead is found out by it. */
const beatEveryMs = 2_000
const beatLostMs = 5_000

/**
 * One life of a connection to Redis: a subscriber and a publisher with all their timers and listeners. It ends as a
 * whole, at the first thing that goes wrong, and never comes back.
 *
 *   opening ──subscribed, beat heard──▶ working ──error · end · no beat · close()──▶ ended
 *      └──────────────────────error · no beat in time · close()──────────────────────▶┘
 */
export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #beat: string
  #clients: readonly RedisClient[] = []
  #publisher: RedisClient | undefined
  #timer: NodeJS.Timeout | undefined
  #beatHeardMs = performance.now()
  #isWorking = false
  #isPublishing = false
  #isDue = false
  #closing: Promise<void> | undefined

  constructor(options: RedisLinkOptions) {
    this.#options = options
    this.#beat = `beat ${options.self}`
  }

  get isWorking(): boolean {
    return this.#isWorking
  }

  open(): void {
    void this.#open().catch((error: unknown) => this.#fail(`${(error as Error).message}`))
  }

  /** One under way, and one due after it: what comes meanwhile is the same hint. */
  publish(message: string): void {
    if (this.#publisher === undefined || this.#closing !== undefined) return
    if (this.#isPublishing) {
      this.#isDue = true
      return
    }
    this.#isPublishing = true
    this.#publisher
      .publish(this.#options.channel, message)
      .then(
        () => {
          if (message !== this.#beat) this.#options.onPublished()
        },
        (error: unknown) => this.#fail(`publishing failed: ${(error as Error).message}`),
      )
      .finally(() => {
        this.#isPublishing = false
        if (!this.#isDue) return
        this.#isDue = false
        this.publish(this.#options.self)
      })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #open(): Promise<void> {
    const { target, channel, self, onHint } = this.#options
    const subscriber = createClient(target)
    const publisher = createClient(target)
    this.#clients = [subscriber, publisher]
    for (const client of this.#clients) {
      client.on('error', (error: Error) => this.#fail(error.message))
      client.on('end', () => this.#fail('the connection has ended'))
    }
    this.#timer = setInterval(() => this.#tick(), beatEveryMs)
    subscriber.on('message', (_channel: string, message: string) => {
      if (this.#closing !== undefined) return
      if (message === this.#beat || message === self) this.#heardBeat()
      else if (!message.startsWith('beat ')) onHint()
    })
    await Promise.all([subscriber.connect(), publisher.connect()])
    await subscriber.subscribe(channel)
    this.#publisher = publisher
    this.publish(this.#beat)
  }

  #tick(): void {
    const silentMs = performance.now() - this.#beatHeardMs
    if (silentMs > beatLostMs) this.#fail(`nothing that we publish has come back for ${Math.round(silentMs)} ms`)
    else this.publish(this.#beat)
  }

  #heardBeat(): void {
    this.#beatHeardMs = performance.now()
    if (this.#isWorking) return
    this.#isWorking = true
    this.#options.onWorking()
  }

  #fail(reason: string): void {
    if (this.#closing !== undefined) return
    void this.close()
    this.#options.onFailed(reason)
  }

  async #close(): Promise<void> {
    this.#isWorking = false
    this.#publisher = undefined
    clearInterval(this.#timer)
    for (const client of this.#clients) {
      client.removeAllListeners('message')
      client.removeAllListeners('end')
      // What it still complains about while it ends is nobody's business.
      client.removeAllListeners('error')
      client.on('error', () => {})
      client.disconnect(false)
    }
    this.#clients = []
    await Promise.resolve()
  }
}

/** The longest that a link takes to notice that Redis does not do what it should. */
export const noticedWithinMs = beatLostMs + beatEveryMs + commandTimeoutMs
