import { Problem } from '@holdfast/model'
import { type ControlPlaneStore, migrate, writableUrl } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'
import { Scope } from '../lifecycle/scope.js'
import { createLog } from '../logging.js'
import { programVersion } from '../version.js'
import { backup, restore } from './backup.js'
import { databaseUrl, openConfiguredStore } from './database.js'
import { initialise } from './init.js'

/** `holdfast migrate`: the migrations alone. */
export const migrateOnce = (settings: Settings, isTerminal: boolean): Promise<number> =>
  once('migrate', settings, isTerminal, async (log, scope, signal) => {
    const url = await databaseUrl(settings, { log, scope, signal, usesRunning: true })
    const { applied } = await migrate(url, { programVersion, signal })
    process.stdout.write(applied.length === 0 ? 'nothing to migrate\n' : `migrated: ${applied.join(', ')}\n`)
  })

/** `holdfast init`: uninitialised → ready; with `finishRecovery` recovering → ready, `confirmed` although zones are missing. */
export const initOnce = (
  settings: Settings,
  options: { readonly finishRecovery: boolean; readonly confirmed: boolean; readonly isTerminal: boolean },
): Promise<number> =>
  once('init', settings, options.isTerminal, async (log, scope, signal) => {
    const role = settings.zone === '' ? 'global' : 'zone'
    const store = await openConfiguredStore(role, settings, { log, scope, signal, usesRunning: true })
    if (options.finishRecovery) await finish(store, options.confirmed)
    const changed = await initialise(store, role, settings, log, signal)
    const { state, reasons, head } = await store.status()
    process.stdout.write(
      changed
        ? `initialised; the store is ${state}\n`
        : `this store was initialised before (revision ${head.revision}); nothing changed; it is ${state}\n`,
    )
    for (const reason of reasons) process.stdout.write(`  ${reason}\n`)
    if (state === 'recovering')
      process.stdout.write('  when it is what you want it to be: holdfast init --finish-recovery\n')
  })

/** `holdfast backup` and `holdfast restore`, of the configured database or the embedded one. */
export const backupOnce = (
  name: 'backup' | 'restore',
  settings: Settings,
  options: { readonly file: string; readonly pgBin?: string | undefined; readonly isTerminal: boolean },
): Promise<number> =>
  once(name, settings, options.isTerminal, async (log, scope, signal) => {
    const { file, pgBin } = options
    const url = await databaseUrl(settings, { log, scope, signal, usesRunning: true })
    const act = name === 'backup' ? backup : restore
    // PostgreSQL's own programs are given the one host that takes writes.
    await act({ databaseUrl: await writableUrl(url), file, pgBin, signal, write: (text) => process.stdout.write(text) })
  })

/** Nobody is asked here: zones that have not been in step since the loss may hold what would be missing. */
export async function finish(store: ControlPlaneStore, confirmed: boolean): Promise<void> {
  const { state } = await store.status()
  const missing = state === 'recovering' ? await store.recovery.missingZones() : []
  if (missing.length > 0 && !confirmed)
    throw new Problem(
      'conflict',
      `${missing.length === 1 ? `zone ${missing.join()} was` : `zones ${missing.join(', ')} were`} not in step since the store recovers: ` +
        'what only they remember (their blocks, their services, what global owned) would be missing until they return. ' +
        'Let global run and bring them back (holdfastctl recover status tells how far it is), or say --yes',
    )
  await store.finishRecovery(
    missing.length === 0 ? 'holdfast init --finish-recovery' : `without zones ${missing.join(', ')}`,
  )
}

async function once(
  name: string,
  settings: Settings,
  isTerminal: boolean,
  work: (log: Logger, scope: Scope, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const log = createLog({ level: settings.logLevel === 'info' ? 'warn' : settings.logLevel, name, isTerminal })
  const scope = new Scope()
  const stop = new AbortController()
  const onSignal = (): void => stop.abort(new Error('interrupted'))
  process.once('SIGTERM', onSignal).once('SIGINT', onSignal)
  let status = 0
  try {
    await work(log, scope, stop.signal)
  } catch (error) {
    process.stderr.write(`holdfast ${name}: ${(error as Error).message}\n`)
    status = 1
  }
  await scope.close(10_000).catch((error: unknown) => {
    process.stderr.write(`holdfast ${name}: ${(error as Error).message}\n`)
    status = 1
  })
  process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
  return status
}
