import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Scope } from '../lifecycle/scope.js'

/** Quarantine and compaction are measured in hours. */
const upkeepEveryMs = 60_000

/** Looks after the store until `scope` closes. Each round is bounded; the next one goes on where it ended. */
export function keepUp(store: ControlPlaneStore, log: Logger, scope: Scope, signal: AbortSignal): void {
  let round: Promise<void> | undefined
  const timer = setInterval(() => {
    if (round !== undefined || signal.aborted) return
    round = store
      .upkeep()
      .then((done) => {
        if (done.addressesFreed > 0 || done.tombstonesForgotten > 0) log.info(done, 'upkeep of the store')
      })
      .catch((error: unknown) => log.warn({ err: error }, 'upkeep of the store failed; trying again'))
      .finally(() => {
        round = undefined
      })
  }, upkeepEveryMs)
  scope.own('upkeep of the store', async () => {
    clearInterval(timer)
    await round
  })
}
