import { type ControlPlaneStore, openStore, startEmbedded } from '@holdfast/store'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'
import type { Scope } from '../lifecycle/scope.js'
import { programVersion } from '../version.js'

/** The configured database, or a PostgreSQL of our own under the data directory. */
export async function databaseUrl(settings: Settings, log: Logger, scope: Scope, signal: AbortSignal): Promise<string> {
  if (settings.databaseUrl !== undefined) return settings.databaseUrl
  log.info({ dataDir: settings.dataDir }, 'no --database-url: starting the embedded PostgreSQL')
  const embedded = await startEmbedded({ dataDir: settings.dataDir, signal })
  scope.own('embedded PostgreSQL', () => embedded.stop())
  return embedded.url
}

export async function openConfiguredStore(
  role: 'global' | 'zone',
  settings: Settings,
  log: Logger,
  scope: Scope,
  signal: AbortSignal,
): Promise<ControlPlaneStore> {
  const url = await databaseUrl(settings, log, scope, signal)
  const store = await openStore({
    databaseUrl: url,
    role,
    name: role === 'global' ? '' : settings.zone,
    programVersion,
    dataDir: settings.dataDir,
    log,
  })
  scope.own('store', () => store.close())
  return store
}
