import {
  type Dataplane,
  type Dataplane_Networking,
  type Dataplane_Networking_Gateway,
  type Dataplane_Networking_Inbound,
  type Dataplane_Networking_Listener,
  type Dataplane_Networking_Outbound,
  DataplaneSchema,
  Dataplane_Networking_Gateway_GatewayType as GatewayType,
  Dataplane_Networking_Listener_Type as ListenerType,
} from '@holdfast/proto'
import { listenerEgressLabel, listenerIngressLabel, proxyTypeLabel } from '../labels.js'
import { isDnsName, isIp, isLoopback, isUnspecified } from './addresses.js'
import { column, shownObject, shownObjects, shownText, wideColumn } from './columns.js'
import { type Finding, refused } from './finding.js'
import { isKnownProtocol, isPort, protocols } from './ports.js'
import { protoKind } from './proto-kind.js'
import { protocolTag, serviceTag, tagFindings } from './tags.js'

/** One proxy, with the rules of Kuma 2.14. Their order is Kuma's too, so that answers compare. */
export const dataplaneKind = protoKind(DataplaneSchema, findings, [
  column('ADDRESS', (item) => shownText(shownObject(item.networking).address)),
  column('PORTS', (item) =>
    shownObjects(shownObject(item.networking).inbound)
      .map(({ port }) => String(port))
      .join(', '),
  ),
  wideColumn('TAGS', (item) => {
    const { inbound, gateway } = shownObject(item.networking)
    const tags = [...shownObjects(inbound), shownObject(gateway)].flatMap((each) =>
      Object.entries(shownObject(each.tags)),
    )
    return [...new Set(tags.map(([key, value]) => `${key}=${String(value)}`))].sort().join(' ')
  }),
])

/** Labels that the spec implies; `undefined` says that the label must not be there. */
export function dataplaneLabels({ networking }: Dataplane): Readonly<Record<string, string | undefined>> {
  const has = (type: ListenerType) =>
    networking?.listeners.some((listener) => listener.type === type) === true ? 'enabled' : undefined
  return {
    [proxyTypeLabel]: networking?.gateway?.type === GatewayType.BUILTIN ? 'gateway' : 'sidecar',
    [listenerIngressLabel]: has(ListenerType.ZoneIngress),
    [listenerEgressLabel]: has(ListenerType.ZoneEgress),
  }
}

const portReason = 'port must be in the range [1, 65535]'

function* findings({ networking }: Dataplane): Iterable<Finding> {
  if (networking === undefined) {
    yield refused('networking', 'must be defined')
    return
  }
  const { address, inbound, outbound, gateway, listeners, admin } = networking
  yield* addressFindings('networking.address', address)
  const isDelegated = gateway !== undefined && gateway.type === GatewayType.DELEGATED
  if (isDelegated && inbound.length > 0)
    yield refused('networking.inbound', 'inbound cannot be defined for delegated gateways')
  if (isDelegated && listeners.length > 0)
    yield refused('networking.listeners', 'listeners cannot be defined for delegated gateways')
  if (gateway !== undefined) yield* gatewayFindings('networking.gateway', gateway)
  for (const [index, each] of inbound.entries()) yield* inboundFindings(`networking.inbound[${index}]`, each, address)
  for (const [index, each] of outbound.entries()) yield* outboundFindings(`networking.outbound[${index}]`, each)
  yield* listenerFindings(networking)
  yield* reachableFindings(networking)
  if (admin !== undefined) {
    // The admin listener is bound to the loopback address, so only what is bound there too can be in its way.
    const isInItsWay = (bound: string, port: number): boolean => isLoopback(bound) && port === admin.port
    if (inbound.some((each) => isInItsWay(each.address || address, each.port)))
      yield refused('networking.admin.port', 'must differ from inbound')
    if (outbound.some((each) => isInItsWay(each.address || '127.0.0.1', each.port)))
      yield refused('networking.admin.port', 'must differ from outbound')
  }
}

function* addressFindings(path: string, address: string): Iterable<Finding> {
  if (address === '') yield refused(path, "address can't be empty")
  else if (isUnspecified(address)) yield refused(path, 'must not be 0.0.0.0 or ::')
  else if (!isIp(address) && !isDnsName(address))
    yield refused(path, 'address has to be valid IP address or domain name')
}

function* inboundFindings(path: string, inbound: Dataplane_Networking_Inbound, address: string): Iterable<Finding> {
  const { port, servicePort, serviceAddress, serviceProbe, tags, protocol } = inbound
  if (!isPort(port)) yield refused(`${path}.port`, portReason)
  if (servicePort > 65_535) yield refused(`${path}.servicePort`, portReason)
  if (serviceAddress !== '' && !isIp(serviceAddress))
    yield refused(`${path}.serviceAddress`, 'serviceAddress has to be valid IP address')
  if (inbound.address !== '' && !isIp(inbound.address))
    yield refused(`${path}.address`, 'address has to be valid IP address')
  const isSamePort = servicePort === 0 || servicePort === port
  if (serviceAddress !== '' && (serviceAddress === address || serviceAddress === inbound.address) && isSamePort)
    yield refused(`${path}.serviceAddress`, 'serviceAddress and servicePort has to differ from address and port')
  if (serviceProbe !== undefined) {
    const { interval, timeout, unhealthyThreshold, healthyThreshold } = serviceProbe
    const probe = `${path}.serviceProbe`
    if (interval !== undefined && !isPositive(interval)) yield refused(`${probe}.interval`, positiveReason)
    if (timeout !== undefined && !isPositive(timeout)) yield refused(`${probe}.timeout`, positiveReason)
    if (unhealthyThreshold === 0) yield refused(`${probe}.unhealthyThreshold`, positiveReason)
    if (healthyThreshold === 0) yield refused(`${probe}.healthyThreshold`, positiveReason)
  }
  if (protocol !== '' && !isKnownProtocol(protocol))
    yield refused(`${path}.protocol`, `has an invalid value "${protocol}". Allowed values: ${protocols.join(', ')}`)
  if (Object.keys(tags).length === 0) return
  if (tags[serviceTag] === undefined) yield refused(`${path}.tags[${JSON.stringify(serviceTag)}]`, 'tag has to exist')
  const tagged = tags[protocolTag]
  if (tagged !== undefined && !isKnownProtocol(tagged))
    yield refused(
      `${path}.tags[${JSON.stringify(protocolTag)}]`,
      `tag "${protocolTag}" has an invalid value "${tagged}". Allowed values: ${protocols.join(', ')}`,
    )
  yield* tagFindings(`${path}.tags`, tags)
}

const positiveReason = 'must have a positive value'
const isPositive = ({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): boolean =>
  seconds > 0n || (seconds === 0n && nanos > 0)

function* gatewayFindings(path: string, { tags }: Dataplane_Networking_Gateway): Iterable<Finding> {
  if (Object.keys(tags).length === 0) return
  if (tags[serviceTag] === undefined) yield refused(`${path}.tags`, `mandatory tag "${serviceTag}" is missing`)
  const protocol = tags[protocolTag]
  if (protocol !== undefined && protocol !== 'tcp')
    yield refused(
      `${path}.tags[${JSON.stringify(protocolTag)}]`,
      `other values than tcp are not allowed, provided value "${protocol}"`,
    )
  yield* tagFindings(`${path}.tags`, tags)
}

const backendKinds = ['MeshExternalService', 'MeshMultiZoneService', 'MeshService']
const kindReason = `invalid value. Available values are: ${backendKinds.join(',')}`

function* outboundFindings(path: string, outbound: Dataplane_Networking_Outbound): Iterable<Finding> {
  const { port, address, backendRef, tags } = outbound
  if (!isPort(port)) yield refused(`${path}.port`, portReason)
  if (address !== '' && !isIp(address)) yield refused(`${path}.address`, 'address has to be valid IP address')
  if (backendRef !== undefined) {
    const { kind, name, labels } = backendRef
    const ref = `${path}.backendRef`
    if (!backendKinds.includes(kind)) yield refused(`${ref}.kind`, kindReason)
    if (name === '' && Object.keys(labels).length === 0)
      yield refused(ref, "either 'name' or 'labels' should be specified")
    if (!isPort(backendRef.port)) yield refused(`${ref}.port`, portReason)
    return
  }
  if (tags[serviceTag] === undefined) yield refused(`${path}.tags`, `mandatory tag "${serviceTag}" is missing`)
  yield* tagFindings(`${path}.tags`, tags)
}

function* listenerFindings({ listeners, inbound }: Dataplane_Networking): Iterable<Finding> {
  const names = new Set(inbound.map(({ name }) => name).filter((name) => name !== ''))
  const taken = new Map<string, Dataplane_Networking_Listener>()
  for (const [index, listener] of listeners.entries()) {
    const path = `networking.listeners[${index}]`
    const { type, address, port, name } = listener
    if (type !== ListenerType.ZoneIngress && type !== ListenerType.ZoneEgress)
      yield refused(`${path}.type`, 'type must be ZoneIngress or ZoneEgress')
    yield* addressFindings(`${path}.address`, address)
    if (!isPort(port)) yield refused(`${path}.port`, portReason)
    if (names.has(name)) yield refused(`${path}.name`, `name "${name}" is already used by an inbound or listener`)
    if (name !== '') names.add(name)
    const place = `${address}:${port}`
    const other = taken.get(place)
    if (other !== undefined)
      yield refused(
        path,
        other.type === type
          ? `address:port ${place} is already used by another listener`
          : `address:port ${place} is used by listeners of different types`,
      )
    taken.set(place, listener)
  }
}

function* reachableFindings({ transparentProxying }: Dataplane_Networking): Iterable<Finding> {
  for (const [index, ref] of (transparentProxying?.reachableBackends?.refs ?? []).entries()) {
    // The spelling of the path is Kuma's.
    const path = `networking.transparentProxing.reachableBackends.refs[${index}]`
    if (!backendKinds.includes(ref.kind)) yield refused(`${path}.kind`, kindReason)
    if (ref.name === '' && Object.keys(ref.labels).length === 0)
      yield refused(`${path}.name`, 'name or labels are required')
  }
}
