import { within } from '@holdfast/deadline'
import { fingerprintsOf } from '@holdfast/identity'
import type { Logger } from 'pino'
import type { Scope } from '../lifecycle/scope.js'
import { readAuthorities } from './tls-files.js'

export interface AuthorityNewsOptions {
  /** Whom zones have to believe at global, PEM. */
  readonly file: string
  /** Zones of ours that have a session with this process. */
  readonly connected: () => readonly string[]
  /** Lets a zone renew what it has, and say whom it believes since. @throws with a reason for a person */
  readonly ask: (zone: string, signal: AbortSignal) => Promise<unknown>
  readonly log: Logger
}

const lookEveryMs = 1_000
/** How long a zone that could not be told is let rest. */
const restMs = 30_000
const answerTimeoutMs = 10_000

/**
 * What stands in the file of authorities goes into join bundles, and to zones that have joined when they renew: days after
 * somebody has put another one in, and too late if the certificate follows within the hour. So a zone that is connected
 * renews when the file changes, and one that is away when it has come back.
 */
export class AuthorityNews {
  readonly #options: AuthorityNewsOptions
  readonly #closing = new AbortController()
  /** When a zone was asked last since the file has changed; Infinity: it knows. */
  readonly #asked = new Map<string, number>()
  #said: string | undefined
  #known: readonly string[] | undefined
  #isNew = false
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(options: AuthorityNewsOptions) {
    this.#options = options
  }

  start(scope: Scope): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.look(performance.now()).finally(() => {
        this.#looking = undefined
      })
    }, lookEveryMs)
    scope.own('news of authorities', async () => {
      clearInterval(this.#timer)
      this.#closing.abort()
      await this.#looking
    })
  }

  /** @param nowMs of a clock that only goes forward. Never rejects */
  async look(nowMs: number): Promise<void> {
    const { file, log, connected } = this.#options
    try {
      const now = fingerprintsOf(await readAuthorities(file))
      this.#said = undefined
      if (this.#known !== undefined && now.join() !== this.#known.join()) {
        this.#isNew = true
        this.#asked.clear()
        log.warn({ file, authorities: now }, 'zones are told of the authorities that they have to believe from now on')
      }
      this.#known = now
    } catch (error) {
      const { message } = error as Error
      // Every second the same would bury everything else.
      if (message !== this.#said)
        log.error({ err: error, file }, 'the authorities that zones have to believe cannot be read: nobody is told any')
      this.#said = message
      return
    }
    if (!this.#isNew) return
    // One after the other: each of them has a certificate made.
    for (const zone of connected()) if (nowMs >= (this.#asked.get(zone) ?? 0)) await this.#tell(zone, nowMs)
  }

  async #tell(zone: string, nowMs: number): Promise<void> {
    const { log, ask } = this.#options
    if (this.#closing.signal.aborted) return
    try {
      const { believes } = ((await within(answerTimeoutMs, [this.#closing.signal], (signal) => ask(zone, signal))) ??
        {}) as { readonly believes?: unknown }
      const known: readonly unknown[] = Array.isArray(believes) ? believes : []
      this.#asked.set(zone, Number.POSITIVE_INFINITY)
      if ((this.#known ?? []).every((one) => known.includes(one))) log.info({ zone }, 'a zone believes the authorities')
      else
        log.warn(
          { zone, believes },
          'a zone does not believe all of the authorities: it has them from a file of its own (--global-ca-file), or is of an older version; see to it before a certificate of a new one is shown',
        )
    } catch (error) {
      this.#asked.set(zone, nowMs + restMs)
      if (!this.#closing.signal.aborted)
        log.warn({ err: error, zone }, 'a zone could not be told of the authorities; trying again')
    }
  }
}
