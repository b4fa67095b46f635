import { parseRedisUrl, RedisHints } from '@holdfast/bus'
import { coverOf } from '@holdfast/global'
import { Problem } from '@holdfast/model'
import { type ControlPlaneStore, openStore, runningEmbedded, startEmbedded } from '@holdfast/store'
import type { Tracing } from '@holdfast/tracing'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Settings } from '../config/settings.js'
import { databaseMetrics } from '../database-metrics.js'
import { masterKeys } from '../identity/master-keys.js'
import type { Scope } from '../lifecycle/scope.js'
import { redisMetrics } from '../redis-metrics.js'
import { programVersion } from '../version.js'

export interface Opening {
  readonly log: Logger
  readonly scope: Scope
  readonly signal: AbortSignal
  readonly registry?: Registry | undefined
  readonly tracing?: Tracing | undefined
  /** Told when the embedded database ended without having been asked to. */
  readonly onLost?: (reason: string) => void
  /** A command that is over in a moment: an embedded database that a control plane runs is used where it listens. */
  readonly usesRunning?: boolean
}

/** The configured database, or a PostgreSQL of our own under the data directory. */
export async function databaseUrl(
  settings: Settings,
  { log, scope, signal, onLost, usesRunning = false }: Opening,
): Promise<string> {
  if (settings.databaseUrl !== undefined) return settings.databaseUrl
  const running = usesRunning ? runningEmbedded(settings.dataDir) : undefined
  if (running !== undefined) return running
  log.info({ dataDir: settings.dataDir }, 'no --database-url: starting the embedded PostgreSQL')
  const embedded = await startEmbedded({ dataDir: settings.dataDir, signal })
  scope.own('embedded PostgreSQL', () => embedded.stop())
  if (onLost !== undefined) void embedded.died.then(onLost)
  return embedded.url
}

/** Each store has a channel of its own: several installations may use one Redis. */
export function redisBus(
  url: string,
  { log, registry }: Pick<Opening, 'log' | 'registry'>,
): (storeId: string) => RedisHints {
  const target = parseRedisUrl(url)
  if (!('shape' in target)) throw new Problem('invalid', `--redis-url: ${target.join('; ')}`)
  return (storeId) => {
    const hints = new RedisHints({ target, channel: `holdfast:${storeId}`, log })
    if (registry !== undefined) redisMetrics(registry, hints)
    return hints
  }
}

/** Opens the store of a control plane; `scope` closes it again. */
export async function openConfiguredStore(
  role: 'global' | 'zone',
  settings: Settings,
  opening: Opening,
): Promise<ControlPlaneStore> {
  const { log, scope, signal, tracing } = opening
  const url = await databaseUrl(settings, opening)
  const keys = await masterKeys(settings, process.env, log)
  const store = await openStore({
    masterKeys: keys,
    databaseUrl: url,
    connectionsMax: settings.databaseConnections,
    role,
    name: role === 'global' ? '' : settings.zone,
    programVersion,
    dataDir: settings.dataDir,
    thresholds: settings.holdThresholds,
    log,
    signal,
    traces: tracing?.revisions,
    ...(settings.redisUrl === undefined ? {} : { bus: redisBus(settings.redisUrl, opening) }),
    ...(role === 'global' && settings.policyHooks.length > 0 ? { hooks: coverOf(settings.policyHooks) } : {}),
  })
  scope.own('store', () => store.close())
  if (opening.registry !== undefined) databaseMetrics(opening.registry, () => store.poolUse)
  return store
}
