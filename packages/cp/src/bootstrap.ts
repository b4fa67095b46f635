import { defaultResources } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'

/**
 * What a control plane has from its first day: at global the mesh `default` and Kuma's HostnameGenerators, in a zone the
 * generators of its own services. Made once, at initialisation; who deletes one of them means it.
 */
export async function createDefaults(
  store: ControlPlaneStore,
  role: 'global' | 'zone',
  zone: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const changes = defaultResources(role, zone)
  const outcomes = await store.local.apply({ changes, atomic: true, actor: 'holdfast' }, { signal })
  const refused = outcomes.flatMap((o) => (o.outcome === 'refused' ? [o.problem.message] : []))
  if (refused.length > 0) log.error({ refused }, 'default resources could not be made')
  else log.info({ count: changes.length }, 'default resources made')
}
