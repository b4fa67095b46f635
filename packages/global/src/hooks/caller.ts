import type { HookStore } from '@holdfast/store'
import { type HookClient, HookFailure, type HookItem, type HookResult } from '@holdfast/transport'
import type { Logger } from 'pino'
import { allowedNow, answered, type Breaker, batchMax, newBreaker, unanswered } from './breaker.js'
import type { HookMetrics } from './metrics.js'
import type { PolicyHook } from './settings.js'

/** What one item got: the hook's word, or none. `isCertain`: it was asked about alone, or the hook is away. */
export type ItemOutcome =
  | HookResult
  | { readonly id: string; readonly outcome: 'unanswered'; readonly reason: string; readonly isCertain: boolean }

/** Bytes of resources in one call; more go in several. */
const callBytesMax = 1 << 20

export interface CallerOptions {
  readonly hook: PolicyHook
  readonly client: HookClient
  readonly store: HookStore
  readonly log: Logger
  readonly metrics: HookMetrics
  readonly nowMs: () => number
  readonly signal: AbortSignal
}

/** Asks one hook, in bounded calls and only while it answers, and tells the others when that changes. */
export class HookCaller {
  readonly hook: PolicyHook
  readonly #options: CallerOptions
  #breaker: Breaker = newBreaker
  /** As it was written down last by this process; undefined: it does not know yet. */
  #noted: boolean | undefined

  constructor(options: CallerOptions) {
    this.hook = options.hook
    this.#options = options
  }

  get breaker(): Breaker {
    return this.#breaker
  }

  /** How many may be asked about now; 0 while it is left alone. */
  allowed(): number {
    return allowedNow(this.#breaker, this.#options.nowMs())
  }

  close(): void {
    this.#options.client.close()
  }

  /** @throws whatever the signal gives as its reason */
  async review(items: readonly HookItem[]): Promise<ReadonlyMap<string, ItemOutcome>> {
    const outcomes = new Map<string, ItemOutcome>()
    let rest = items
    while (rest.length > 0) {
      const allowed = this.allowed()
      if (allowed === 0) {
        const { away } = this.#breaker
        const reason = away?.reason ?? 'has just failed'
        for (const { id } of rest)
          outcomes.set(id, { id, outcome: 'unanswered', reason, isCertain: away !== undefined })
        break
      }
      const call = firstCall(rest, allowed)
      for (const outcome of await this.#call(call)) outcomes.set(outcome.id, outcome)
      rest = rest.slice(call.length)
    }
    return outcomes
  }

  async #call(items: readonly HookItem[]): Promise<readonly ItemOutcome[]> {
    const { client, hook, metrics, signal, nowMs } = this.#options
    const end = metrics.seconds.startTimer({ hook: hook.name })
    try {
      const results = await client.review(hook.name, items, { signal })
      metrics.calls.inc({ hook: hook.name, outcome: 'answered' })
      this.#breaker = answered(this.#breaker)
      await this.#note(true, undefined)
      return items.map((item) => this.#resultOf(item, results))
    } catch (error) {
      signal.throwIfAborted()
      metrics.calls.inc({ hook: hook.name, outcome: 'failed' })
      const reason = error instanceof HookFailure ? error.message : `cannot be asked: ${String(error)}`
      this.#breaker = unanswered(this.#breaker, items.length, reason, nowMs())
      const isAway = this.#breaker.away !== undefined
      if (isAway) await this.#note(false, reason)
      const isCertain = isAway || items.length === 1
      return items.map(({ id }) => ({ id, outcome: 'unanswered', reason, isCertain }))
    } finally {
      end()
    }
  }

  #resultOf({ id }: HookItem, results: readonly HookResult[]): ItemOutcome {
    const own = results.filter((result) => result.id === id)
    const [result] = own
    const found: HookResult =
      result === undefined
        ? { id, outcome: 'failed', reason: 'its answer leaves this resource out' }
        : own.length > 1
          ? { id, outcome: 'failed', reason: 'its answer has several results for this resource' }
          : result
    this.#options.metrics.results.inc({ hook: this.hook.name, outcome: found.outcome })
    return found
  }

  /** Once for a change, whoever notices it first of all replicas. */
  async #note(answers: boolean, reason: string | undefined): Promise<void> {
    const { store, log, nowMs } = this.#options
    const hook = this.hook.name
    if (this.#noted === answers) return
    try {
      const isNews = await store.noteHealth({ hook, answers, sinceMs: nowMs(), reason })
      this.#noted = answers
      if (!isNews) return
      if (answers) log.info({ hook }, 'the policy hook answers')
      else
        log.warn(
          { hook, reason, failurePolicy: this.hook.failurePolicy },
          this.hook.failurePolicy === 'hold'
            ? 'the policy hook does not answer: what it covers stays at its last good version'
            : 'the policy hook does not answer: what it covers is published without it',
        )
    } catch (error) {
      log.warn({ err: error, hook }, 'the state of the policy hook could not be written down')
    }
  }
}

/** As many as may stand in one call, by number and by size; at least one. */
function firstCall(items: readonly HookItem[], allowed: number): readonly HookItem[] {
  let bytes = 0
  const end = items.slice(0, Math.min(allowed, batchMax)).findIndex((item, index) => {
    bytes += Buffer.byteLength(JSON.stringify(item.resource))
    return index > 0 && bytes > callBytesMax
  })
  return items.slice(0, end === -1 ? Math.min(allowed, batchMax) : end)
}
