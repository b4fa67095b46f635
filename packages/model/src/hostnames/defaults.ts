import type { JsonObject } from '../kinds/json.js'
import { envLabel, headlessLabel, originLabel } from '../labels.js'

/** A HostnameGenerator that exists from the first start on; changed or deleted ones are left as they are. */
export interface DefaultGenerator {
  readonly name: string
  readonly spec: JsonObject
}

type Selector = 'meshService' | 'meshExternalService' | 'meshMultiZoneService'

const generator = (
  name: string,
  selector: Selector,
  matchLabels: Readonly<Record<string, string>>,
  template: string,
): DefaultGenerator => ({ name, spec: { selector: { [selector]: { matchLabels } }, template } })

const synced = { [originLabel]: 'global' }
const local = { [originLabel]: 'zone' }
const kubernetes = (isHeadless: boolean) => ({
  ...synced,
  [headlessLabel]: String(isHeadless),
  [envLabel]: 'kubernetes',
})

/** Those of a global: names that its zones give to what they have from elsewhere. */
const ofGlobal: readonly DefaultGenerator[] = [
  generator('synced-mesh-multi-zone-service', 'meshMultiZoneService', synced, '{{ .DisplayName }}.mzsvc.mesh.local'),
  generator(
    'synced-kube-mesh-service',
    'meshService',
    kubernetes(false),
    '{{ .DisplayName }}.{{ .Namespace }}.svc.{{ .Zone }}.mesh.local',
  ),
  generator(
    'synced-headless-kube-mesh-service',
    'meshService',
    kubernetes(true),
    '{{ label "statefulset.kubernetes.io/pod-name" }}.{{ label "k8s.kuma.io/service-name" }}.{{ .Namespace }}.svc.{{ .Zone }}.mesh.local',
  ),
  generator(
    'synced-universal-mesh-service',
    'meshService',
    { ...synced, [envLabel]: 'universal' },
    '{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local',
  ),
  generator('synced-mesh-external-service', 'meshExternalService', synced, '{{ .DisplayName }}.extsvc.mesh.local'),
]

/** Those of a zone without Kubernetes: names of what is its own. */
const ofZone: readonly DefaultGenerator[] = [
  generator('local-mesh-external-service', 'meshExternalService', local, '{{ .DisplayName }}.extsvc.mesh.local'),
  generator('local-universal-mesh-service', 'meshService', local, '{{ .DisplayName }}.svc.mesh.local'),
]

/** Kuma's default HostnameGenerators. A standalone zone has those of a zone. */
export const defaultHostnameGenerators = (role: 'global' | 'zone'): readonly DefaultGenerator[] =>
  role === 'global' ? ofGlobal : ofZone
