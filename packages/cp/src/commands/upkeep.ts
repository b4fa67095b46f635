import type { Leases } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Scope } from '../lifecycle/scope.js'

export const upkeepLease = 'upkeep'
/** Quarantine and compaction are measured in hours. */
const upkeepEveryMs = 60_000

/** Looks after the store until `scope` closes, while no other process does. Each round is bounded; the next one goes on where it ended. */
export function keepUp(store: ControlPlaneStore, leases: Leases, log: Logger, scope: Scope, signal: AbortSignal): void {
  let round: Promise<void> | undefined
  const timer = setInterval(() => {
    const lease = leases.held(upkeepLease)
    if (round !== undefined || signal.aborted || lease === undefined) return
    round = store
      .upkeep({ lease })
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
