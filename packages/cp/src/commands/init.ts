import { randomBytes } from 'node:crypto'
import type { ControlPlaneStore, PoolSetting } from '@holdfast/store'
import type { Logger } from 'pino'
import { createDefaults } from '../bootstrap.js'
import type { Settings } from '../config/settings.js'

/** Makes a store ready that never was, with its pools and its first resources. One that was is left as it is. */
export async function initialise(
  store: ControlPlaneStore,
  role: 'global' | 'zone',
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  // What is there cannot be told from what should be: nothing is made in such a database.
  if (store.faults().length > 0) return false
  const pools = poolsOf(settings)
  const { changed } = await store.initialise({
    actor: 'holdfast init',
    random: randomBytes(16),
    ...(pools.length > 0 ? { pools } : {}),
  })
  if (!changed) return false
  log.info({ role }, 'store initialised')
  await createDefaults(store, role, settings.zone, log, signal)
  return true
}

function poolsOf(settings: Settings): readonly PoolSetting[] {
  const given = settings.vipPools.map((text): PoolSetting => {
    const [kind = '', cidr = ''] = text.split('=')
    return { kind, cidr, family: cidr.includes(':') ? 6 : 4 }
  })
  const ula = settings.ulaPrefix
  if (ula === undefined) return given
  return [...given, { kind: '*', cidr: ula, family: 6 }]
}
