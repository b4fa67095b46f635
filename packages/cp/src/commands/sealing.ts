import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Scope } from '../lifecycle/scope.js'

const stepRows = 100
const betweenMs = 15_000

/** Brings secrets under the active key, a few at a time: those of before there was one, and after each rotation all. */
export function keepSealed(store: ControlPlaneStore, log: Logger, scope: Scope): void {
  const { sealing } = store
  if (sealing === undefined) {
    log.warn('secrets stand in the database as they are: give a key to seal them with, --secrets-key-file')
    return
  }
  let working: Promise<void> | undefined
  let closed = false
  const work = async (): Promise<void> => {
    let total = 0
    for (let moved = stepRows; moved === stepRows && !closed; total += moved) moved = await sealing.reseal(stepRows)
    if (total > 0) log.info({ secrets: total, key: sealing.activeKeyId() }, 'secrets were sealed under the active key')
  }
  const start = (): void => {
    working ??= work()
      .catch((error: unknown) => log.warn({ err: error }, 'secrets could not be sealed; trying again'))
      .finally(() => {
        working = undefined
      })
  }
  const timer = setInterval(start, betweenMs)
  timer.unref()
  start()
  scope.own('sealing', async () => {
    closed = true
    clearInterval(timer)
    await working
  })
}
