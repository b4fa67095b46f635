import {
  claimWork,
  type HookCover,
  type Judged,
  type MemoryStore,
  settleVerdicts,
  sweepAll,
  type Verdict,
} from '@holdfast/store'
import type { Clock, Scope } from './clock.js'
import type { Random } from './random.js'

const hook = 'policy'
const types = ['MeshService', 'MeshTimeout'] as const

/** What global publishes only with the consent of somebody else, who may be away. */
export const hookCover: HookCover = {
  names: [hook],
  firstHook: ({ type }) => (types.some((one) => one === type) ? hook : undefined),
  fingerprint: hook,
}

/** How a hook takes what it is shown: a bad one says no to some, or nothing at all. */
type Mood = 'allows' | 'refuses' | 'fails' | 'hangs'

const askEveryMs = [100, 900] as const
const answerMs = [5, 1_500] as const
const claimMs = 4_000
const failedPauseMs = 5_000
const sweepAgainMs = 500

export interface HookedWorld {
  readonly store: MemoryStore
  readonly clock: Clock
  readonly scope: Scope
  readonly random: Random
  /** Whether a process of global runs, which is the one that asks. */
  readonly asks: () => boolean
  /** A change of the store, as the laws and the weather take it. */
  readonly write: (act: () => void) => void
  /** What became of what the hook has said. */
  readonly judged: (outcomes: readonly Judged[]) => void
}

/** A policy hook of global: asked now and then about what waits for it, and in a mood of its own until the weather calms. */
export class PolicyHook {
  readonly #world: HookedWorld
  #mood: Mood = 'allows'
  #calm = false

  constructor(world: HookedWorld) {
    this.#world = world
  }

  start(): void {
    this.sweep()
    this.#later(askEveryMs, () => this.#ask())
  }

  /**
   * What a process of global does when it starts: what is covered and was never shown is given to be judged. A database that
   * fails then is asked again until it is done, as the product does: before that the hook is shown nothing.
   */
  sweep(): void {
    const { store, clock, scope, write } = this.#world
    write(() => sweepAll(store, hookCover, types))
    if (store.image.hookSweep !== hookCover.fingerprint) clock.after(sweepAgainMs, scope, () => this.sweep())
  }

  /** From here on it answers, and lets through whatever it is shown. */
  calm(): void {
    this.#calm = true
    this.#mood = 'allows'
  }

  #ask(): void {
    const { random, asks } = this.#world
    if (!this.#calm && random.chance(0.15))
      this.#mood = random.pick<Mood>(['allows', 'allows', 'refuses', 'fails', 'hangs'])
    if (asks()) this.#world.write(() => this.#claim())
    this.#later(askEveryMs, () => this.#ask())
  }

  #claim(): void {
    const { store } = this.#world
    // In calm weather what was refused stays so: asked again, it would change whenever its pause is over.
    const states = this.#calm ? (['waiting', 'bypassed'] as const) : (['waiting', 'bypassed', 'refused'] as const)
    const work = claimWork(store, { hook, states, limit: 5, claimMs, fingerprint: hookCover.fingerprint })
    // Who hangs is asked again when the claim is over.
    if (work.length === 0 || this.#mood === 'hangs') return
    const mood = this.#mood
    const verdicts = work.map(({ row, authored, version }): Verdict => {
      const key = { type: row.type, mesh: row.mesh, name: row.name }
      switch (mood) {
        case 'refuses':
          return { key, version, judgement: { kind: 'refused', hook, reason: 'not today' } }
        case 'fails':
          return {
            key,
            version,
            judgement: { kind: 'failed', hook, reason: 'no answer', nextTryMs: store.nowMs() + failedPauseMs },
          }
        default:
          return { key, version, judgement: { kind: 'publish', content: authored } }
      }
    })
    this.#later(answerMs, () => this.#world.write(() => this.#world.judged(settleVerdicts(store, verdicts))))
  }

  #later([low, high]: readonly [number, number], run: () => void): void {
    const { clock, random, scope } = this.#world
    clock.after(random.between(low, high), scope, run)
  }
}

/** What waits for a hook, though it answers: LKG demands that it goes on by itself. */
export const unjudged = (store: MemoryStore): string | undefined =>
  [...store.image.rows.values()].find((row) => !row.deleted && row.form?.state === 'waiting')?.name
