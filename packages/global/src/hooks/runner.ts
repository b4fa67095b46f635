import type { ControlPlaneStore, HookCover } from '@holdfast/store'
import { openHook } from '@holdfast/transport'
import type { Logger } from 'pino'
import { batchMax } from './breaker.js'
import { HookCaller } from './caller.js'
import { judge } from './chain.js'
import type { HookMetrics } from './metrics.js'
import { coveredTypes, coverOf, type PolicyHook } from './settings.js'

export interface HookRunnerOptions {
  readonly store: ControlPlaneStore
  readonly hooks: readonly PolicyHook[]
  readonly log: Logger
  readonly metrics: HookMetrics
  readonly nowMs?: (() => number) | undefined
}

/** How soon work is found that another process has left, or whose pause is over. Own work is told at once. */
const pollMs = 500
const sweepPageMax = 500
const adoptEveryMs = 5_000
/** Beyond the time that the hooks may take: to store what they said. */
const claimSlackMs = 10_000

/**
 * Works off what waits for policy hooks: a lane for each hook, so that one that hangs keeps back only what it covers. Any
 * number of processes may do so at once.
 */
export class HookRunner {
  readonly #options: HookRunnerOptions
  readonly #cover: HookCover
  readonly #callers: readonly HookCaller[]
  readonly #stop = new AbortController()
  readonly #nowMs: () => number
  readonly #wakes = new Set<() => void>()
  #running: Promise<unknown> = Promise.resolve()
  #stopListening: (() => void) | undefined

  constructor(options: HookRunnerOptions) {
    const { hooks, store, log, metrics, nowMs = Date.now } = options
    this.#options = options
    this.#nowMs = nowMs
    this.#cover = coverOf(hooks)
    this.#callers = hooks.map(
      (hook) =>
        new HookCaller({
          hook,
          client: openHook(hook),
          store: store.hooks,
          log,
          metrics,
          nowMs,
          signal: this.#stop.signal,
        }),
    )
  }

  start(): void {
    this.#stopListening = this.#options.store.hooks.onWaiting(() => this.#wake())
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the control plane stops'))
    this.#stopListening?.()
    this.#wake()
    await this.#running
    for (const caller of this.#callers) caller.close()
  }

  async #run(): Promise<void> {
    await this.#sweep()
    await Promise.all([...this.#callers.map((caller) => this.#lane(caller)), this.#adopt()])
  }

  /** The hooks may not be those that the published forms follow from. */
  async #sweep(): Promise<void> {
    const { store, hooks, log } = this.#options
    const types = coveredTypes(hooks)
    let marked = 0
    await this.#again('what the policy hooks cover could not be looked through', async () => {
      const step = await store.hooks.sweep(this.#cover, types, sweepPageMax)
      marked += step.marked
      return step.more ? 'on' : 'done'
    })
    if (marked > 0) log.info({ resources: marked }, 'the policy hooks have changed: resources are judged anew')
  }

  #lane(caller: HookCaller): Promise<void> {
    return this.#again(`the work of policy hook "${caller.hook.name}" could not be done`, async () => {
      if (!(await this.#step(caller))) await this.#wait(pollMs)
      return 'on'
    })
  }

  /** What a process with older hooks has left, or a hook that is configured no more. Only where there ever were hooks. */
  #adopt(): Promise<void> {
    const { store, hooks } = this.#options
    return this.#again('what waits for another hook could not be taken over', async () => {
      const adopted = await store.hooks.adopt(this.#cover, sweepPageMax)
      if (adopted === undefined && hooks.length === 0) return 'done'
      if ((adopted ?? 0) < sweepPageMax) await this.#wait(adoptEveryMs, 'undisturbed')
      return 'on'
    })
  }

  /** Repeats a step until it is done or we stop. That it fails is said once, until it has succeeded again. */
  async #again(failure: string, step: () => Promise<'on' | 'done'>): Promise<void> {
    let hasFailed = false
    while (!this.#stop.signal.aborted)
      try {
        const next = await step()
        hasFailed = false
        if (next === 'done') return
      } catch (error) {
        if (this.#stop.signal.aborted) return
        if (!hasFailed) this.#options.log.warn({ err: error }, `${failure}; trying again`)
        hasFailed = true
        await this.#wait(pollMs, 'undisturbed')
      }
  }

  /** @returns whether there may be more to do at once */
  async #step(caller: HookCaller): Promise<boolean> {
    const { store, hooks } = this.#options
    const { hook } = caller
    const allowed = caller.allowed()
    const isAway = caller.breaker.away !== undefined
    // What may be done without a hook that is away is published at once; it is asked again when it is back.
    const mayBypass = allowed === 0 && isAway && hook.failurePolicy === 'ignore'
    if (allowed === 0 && !mayBypass) return false
    const works = await store.hooks.claim({
      hook: hook.name,
      states: mayBypass ? ['waiting'] : ['waiting', 'bypassed', 'refused'],
      limit: mayBypass ? batchMax : allowed,
      claimMs: hooks.reduce((sum, { timeoutMs }) => sum + timeoutMs, claimSlackMs),
      fingerprint: this.#cover.fingerprint,
    })
    if (works.length === 0) return false
    await store.hooks.settle(await judge(works, this.#callers, this.#nowMs))
    return true
  }

  #wake(): void {
    for (const wake of this.#wakes) wake()
  }

  #wait(ms: number, how: 'until woken' | 'undisturbed' = 'until woken'): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wakes.delete(done)
        this.#stop.signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      const { signal } = this.#stop
      if (how === 'until woken') this.#wakes.add(done)
      else signal.addEventListener('abort', done, { once: true })
    })
  }
}
