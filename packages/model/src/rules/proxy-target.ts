import {
  type Dataplane_Networking,
  Dataplane_Networking_Gateway_GatewayType as GatewayType,
  Dataplane_Networking_Listener_Type as ListenerType,
} from '@holdfast/proto'
import { dataplaneKind } from '../kinds/dataplane.js'
import { serviceTag } from '../kinds/tags.js'
import type { TargetRef } from '../kinds/target-ref.js'
import { displayNameLabel, type Labels, namespaceLabel, policyRoleLabel, zoneLabel } from '../labels.js'
import type { Resource } from '../resource.js'
import { type PolicyResource, policySpec } from './policy-spec.js'

type Stored = Pick<Resource, 'name' | 'labels' | 'spec' | 'origin'>

/** One port on which a proxy takes traffic: an inbound, or a listener of a zone proxy. */
export interface ProxyInbound {
  readonly address: string
  readonly port: number
  /** Its name, or its port where it has none: how it is named in an identifier and in `sectionName`. */
  readonly section: string
  readonly name: string
  /** As it says, or by its tag; tcp where nothing is said. */
  readonly protocol: string
  readonly tags: Labels
  /** Undefined: an inbound. */
  readonly listener?: 'ZoneIngress' | 'ZoneEgress' | undefined
}

/** A Dataplane, as far as policies are concerned. */
export interface TargetedProxy {
  readonly name: string
  readonly labels: Labels
  readonly origin: string
  readonly gateway: 'none' | 'builtin' | 'delegated'
  readonly gatewayTags: Labels
  /** The MeshGateway that a builtin gateway runs; its listeners stand among the inbounds. */
  readonly runs?: PolicyResource | undefined
  readonly inbounds: readonly ProxyInbound[]
}

const protocolTag = 'kuma.io/protocol'

/** Undefined for bytes that are no Dataplane. */
export function targetedProxy({ name, labels, spec, origin }: Stored): TargetedProxy | undefined {
  const read = dataplaneKind.read(spec)
  if (read === undefined) return undefined
  const { networking } = read
  return {
    name,
    labels,
    origin,
    gateway:
      networking?.gateway === undefined
        ? 'none'
        : networking.gateway.type === GatewayType.BUILTIN
          ? 'builtin'
          : 'delegated',
    gatewayTags: networking?.gateway?.tags ?? {},
    inbounds: networking === undefined ? [] : inboundsOf(networking),
  }
}

const inboundsOf = ({ address, inbound, listeners }: Dataplane_Networking): readonly ProxyInbound[] => [
  ...inbound.map((each) => ({
    address: each.address || address,
    port: each.port,
    section: each.name || String(each.port),
    name: each.name,
    protocol: each.protocol || each.tags[protocolTag] || 'tcp',
    tags: each.tags,
  })),
  ...listeners.map((each) => ({
    address: each.address || address,
    port: each.port,
    section: each.name || String(each.port),
    name: each.name,
    protocol: 'tcp',
    tags: {},
    listener: each.type === ListenerType.ZoneEgress ? ('ZoneEgress' as const) : ('ZoneIngress' as const),
  })),
]

/** Which inbounds of a proxy a policy is about; of a delegated gateway none, although it is about the gateway. */
export interface Selected {
  readonly inbounds: readonly ProxyInbound[]
}

/**
 * What of a proxy a policy is about, by its targetRef at the top, in 2.14's kinds and those of later ones; undefined:
 * nothing. A zone's own policies are for that zone's proxies, but for those that a producer gives to all consumers.
 * What is about a builtin gateway is about listeners of its MeshGateway, whose origin counts then and not the proxy's.
 * @param routeOf the MeshHTTPRoute that a policy names: what that one is about, the policy is
 */
export function selectedBy(
  policy: PolicyResource,
  proxy: TargetedProxy,
  routeOf: (policy: PolicyResource, name: string) => PolicyResource | undefined = () => undefined,
): Selected | undefined {
  const { origin, labels } = policy
  const role = labels[policyRoleLabel] ?? 'system'
  const owner = (proxy.runs ?? proxy).origin
  const isForAll = role === 'producer' || origin === '' || (proxy.runs !== undefined && owner === '')
  if (!isForAll && origin !== owner) return undefined
  if (role === 'consumer' || role === 'workload-owner') {
    const namespace = labels[namespaceLabel]
    if (namespace === undefined || namespace !== proxy.labels[namespaceLabel]) return undefined
  }
  const top = policySpec(policy)?.targetRef
  if (top === undefined) return undefined
  if (top.kind !== 'MeshHTTPRoute') return selectedByRef(policy, top, proxy)
  const route = routeOf(policy, top.name ?? '')
  const routeTop = route === undefined ? undefined : policySpec(route)?.targetRef
  return route === undefined || routeTop === undefined || routeTop.kind === 'MeshHTTPRoute'
    ? undefined
    : selectedByRef(route, routeTop, proxy)
}

function selectedByRef(policy: PolicyResource, ref: TargetRef, proxy: TargetedProxy): Selected | undefined {
  const { kind, name = '', tags = {}, proxyTypes = [], sectionName = '' } = ref
  const isOfType = proxyTypes.length === 0 || proxyTypes.includes(proxy.gateway === 'none' ? 'Sidecar' : 'Gateway')
  const some = (isMeant: (inbound: ProxyInbound) => boolean, isGatewayMeant: boolean): Selected | undefined => {
    const inbounds = proxy.inbounds.filter(isMeant)
    return inbounds.length > 0 || (proxy.gateway === 'delegated' && isGatewayMeant) ? { inbounds } : undefined
  }
  const byTags = (wanted: Labels) =>
    some((inbound) => inbound.listener === undefined && hasAll(inbound.tags, wanted), hasAll(proxy.gatewayTags, wanted))
  switch (kind) {
    case 'Mesh':
      return isOfType ? some(() => true, true) : undefined
    case 'MeshSubset':
      return isOfType ? byTags(tags) : undefined
    case 'MeshService':
      return byTags({ [serviceTag]: name })
    case 'MeshServiceSubset':
      return byTags({ ...tags, [serviceTag]: name })
    case 'MeshGateway':
      return proxy.runs !== undefined && isReferred(policy, name, proxy.runs) ? byTags(tags) : undefined
    case 'Dataplane':
      if (proxy.gateway === 'builtin' || !isNamed(policy, ref, proxy)) return undefined
      return some(({ section }) => sectionName === '' || section === sectionName, true)
    default:
      return undefined
  }
}

/** What a policy names is of its own control plane, or global's. */
export const isReferred = (policy: PolicyResource, name: string, named: PolicyResource): boolean =>
  named.mesh === policy.mesh && named.displayName === name && (named.origin === policy.origin || named.origin === '')

/** A name is one in the policy's own zone and namespace. */
function isNamed(policy: PolicyResource, { name = '', namespace = '', labels }: TargetRef, proxy: TargetedProxy) {
  if (name === '' && labels !== undefined) return hasAll(proxy.labels, labels)
  if (name === '') return namespace === ''
  const ownNamespace = policy.labels[namespaceLabel] ?? ''
  return (
    (proxy.labels[displayNameLabel] ?? proxy.name) === name &&
    (proxy.labels[zoneLabel] ?? '') === (policy.labels[zoneLabel] ?? '') &&
    (proxy.labels[namespaceLabel] ?? '') === (namespace || ownNamespace)
  )
}

export const hasAll = (has: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => has[key] === value)
