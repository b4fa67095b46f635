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
 * Starts what needs a store that was initialised and is whole, now or as soon as it is. One that recovers is started as
 * well: its peers are its witnesses, it takes what they remember, and a session sends nothing from it. One that is not whole
 * takes no write, not even that of a key, and what it lacks comes back by a restore and not by its peers.
 * @returns whether it was started at once
 * @throws whatever `start` throws, if it was started at once
 */
export async function whenReady({ store, log, scope, signal, start, fatal }: WhenReadyOptions): Promise<boolean> {
  const first = await store.status()
  const isWhole = (): boolean => store.faults().length === 0
  if (!isWhole()) log.warn({ state: first.state, reasons: first.reasons }, notWholeText)
  else if (first.state !== 'ready') log.warn({ state: first.state, reasons: first.reasons }, notReadyText(first.state))
  if (isWhole() && first.state !== 'uninitialised') {
    await start()
    return true
  }
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    const { state } = await store.status()
    if (state === 'uninitialised' || !isWhole() || signal.aborted) return
    clearInterval(timer)
    log.info({ state }, 'the store is initialised and whole')
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

const notWholeText =
  'the database is not whole (see reasons), so nothing starts on it: restore it, and this process goes on by itself'
const notReadyText = (state: string): string =>
  state === 'uninitialised'
    ? 'this store was never initialised, so zones are told nothing: run `holdfast init` with the same --database-url or --data-dir once'
    : 'this store is not what it was (see reasons), so nobody is sent anything until its peers have brought back what it lost: `holdfastctl status` tells what it waits for'
