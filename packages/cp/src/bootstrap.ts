import { policiesOfNewMesh } from '@holdfast/api'
import {
  computedLabels,
  defaultHostnameGenerators,
  displayNameOf,
  envLabel,
  jsonSpec,
  type Labels,
  specTypeUrl,
  type TypeDescriptor,
  typeOf,
} from '@holdfast/model'
import type { ControlPlaneStore, LocalChange } from '@holdfast/store'
import type { Logger } from 'pino'

/**
 * What a control plane has from its first day: at global the mesh `default` with the policies that every new mesh has, and
 * Kuma's HostnameGenerators; in a zone the generators of its own services. Made once, at initialisation; who deletes one of them means it.
 */
export async function createDefaults(
  store: ControlPlaneStore,
  role: 'global' | 'zone',
  zone: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const changes = defaultChanges(role, zone)
  const outcomes = await store.local.apply({ changes, atomic: true, actor: 'holdfast' }, { signal })
  const refused = outcomes.flatMap((o) => (o.outcome === 'refused' ? [o.problem.message] : []))
  if (refused.length > 0)
    throw new Error(
      `the default resources could not be made: ${refused.join('; ')}; start again with an empty database`,
    )
  log.info({ made: changes.map((c) => `${c.key.type} ${c.key.name}`) }, 'default resources made')
}

function defaultChanges(role: 'global' | 'zone', zone: string): readonly LocalChange[] {
  const generatorType = typeOf('HostnameGenerator')
  const generators = defaultHostnameGenerators(role).map(({ name, spec }) =>
    put(generatorType, name, jsonSpec(generatorType, spec), role, zone),
  )
  const meshType = typeOf('Mesh')
  const mesh = put(meshType, 'default', { typeUrl: specTypeUrl(meshType), spec: new Uint8Array() }, role, zone)
  if (role === 'zone') return generators
  const policies = policiesOfNewMesh({ mode: 'global', zoneName: '' }, 'default').map(
    (change): LocalChange => ({
      ...change,
      content: { ...change.content, labels: withoutEnvironment(change.content.labels) },
    }),
  )
  return [mesh, ...policies, ...generators]
}

function put(
  type: TypeDescriptor,
  name: string,
  content: { readonly typeUrl: string; readonly spec: Uint8Array },
  role: 'global' | 'zone',
  zone: string,
): LocalChange {
  const labels = withoutEnvironment(computedLabels(type, '', name, role, zone, {}))
  return {
    change: 'put',
    key: { type: type.name, mesh: '', name },
    content: { labels, ...content },
    namespace: '',
    displayName: displayNameOf(name, labels),
    wantsVip: false,
  }
}

/** What a Kuma makes at its start has not the label of its environment, which only the API computes. */
function withoutEnvironment(labels: Labels): Labels {
  const { [envLabel]: _, ...rest } = labels
  return rest
}
