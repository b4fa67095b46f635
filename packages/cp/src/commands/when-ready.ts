import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Scope } from '../lifecycle/scope.js'

/** How often a store that is not ready is looked at again: `holdfast init` is another process. */
const stateWatchMs = 1_000

export interface WhenReadyOptions {
  readonly store: ControlPlaneStore
  readonly log: Logger
  readonly scope: Scope
  readonly signal: AbortSignal
  /** Runs once, when the store may be spoken of. */
  readonly start: () => Promise<void>
  /** Told when a start that came later failed: nobody waits for it any more. */
  readonly fatal: (reason: string) => void
}

/**
 * Starts what needs a store that was initialised, now or as soon as somebody has done so. One that recovers is started
 * as well: its peers are its witnesses, it takes what they remember, and a session sends nothing from it.
 * @returns whether it was started at once
 * @throws whatever `start` throws, if it was started at once
 */
export async function whenReady({ store, log, scope, signal, start, fatal }: WhenReadyOptions): Promise<boolean> {
  const first = await store.status()
  if (first.state !== 'ready') log.warn({ state: first.state, reasons: first.reasons }, notReadyText(first.state))
  if (first.state !== 'uninitialised') {
    await start()
    return true
  }
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    const { state } = await store.status()
    if (state === 'uninitialised' || signal.aborted) return
    clearInterval(timer)
    log.info({ state }, 'the store was initialised')
    await start().catch((error: unknown) => fatal((error as Error).message))
  }
  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) => log.error({ err: error }, 'the state of the store could not be read'))
      .finally(() => {
        looking = undefined
      })
  }, stateWatchMs)
  scope.own('watch of the store', async () => {
    clearInterval(timer)
    await looking
  })
  return false
}

const notReadyText = (state: string): string =>
  state === 'uninitialised'
    ? 'this store was never initialised, so zones are told nothing: run `holdfast init` with the same --database-url or --data-dir once'
    : 'this store is not what it was (see reasons), so nobody is sent anything until its peers have brought back what it lost: `holdfastctl status` tells what it waits for'
