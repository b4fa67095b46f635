import { expect, test } from 'vitest'
import { Problem } from './problems.js'
import { allTypes, type TypeDescriptor } from './type-table.js'
import {
  findType,
  typeOf,
  typeOfPath,
  typeOfWord,
  typeSetHash,
  typesSentDown,
  typesSentDownToKuma,
  typesSentUp,
} from './types.js'

// What a zone of Kuma 2.14 subscribes to, and what its global subscribes to, sorted.
const recordedDown =
  'CircuitBreaker Config ExternalService FaultInjection GlobalSecret HealthCheck HostnameGenerator Mesh MeshAccessLog MeshCircuitBreaker MeshExternalService MeshFaultInjection MeshGateway MeshGatewayRoute MeshHTTPRoute MeshHealthCheck MeshIdentity MeshLoadBalancingStrategy MeshMetric MeshMultiZoneService MeshOpenTelemetryBackend MeshPassthrough MeshProxyPatch MeshRateLimit MeshRetry MeshService MeshTCPRoute MeshTLS MeshTimeout MeshTrace MeshTrafficPermission MeshTrust MeshZoneAddress ProxyTemplate RateLimit Retry Secret ServiceInsight Timeout TrafficLog TrafficPermission TrafficRoute TrafficTrace VirtualOutbound ZoneIngress'
const recordedUp =
  'Dataplane DataplaneInsight HostnameGenerator MeshAccessLog MeshCircuitBreaker MeshExternalService MeshFaultInjection MeshGateway MeshHTTPRoute MeshHealthCheck MeshIdentity MeshLoadBalancingStrategy MeshMetric MeshOpenTelemetryBackend MeshPassthrough MeshProxyPatch MeshRateLimit MeshRetry MeshService MeshTCPRoute MeshTLS MeshTimeout MeshTrace MeshTrafficPermission MeshTrust MeshZoneAddress Workload ZoneEgress ZoneEgressInsight ZoneIngress ZoneIngressInsight'

const names = (types: readonly TypeDescriptor[]): string =>
  types
    .map((type) => type.name)
    .sort()
    .join(' ')

test('the types on the wire are those of Kuma, and our three towards Holdfast', () => {
  expect(names(typesSentDownToKuma)).toBe(recordedDown)
  expect(names(typesSentUp)).toBe(recordedUp)
  expect(typesSentDown.length).toBe(typesSentDownToKuma.length + 3)
})

test('names, paths, short names and orders are unique, and every order is the place in the table', () => {
  const unique = (values: readonly (string | number)[]) => expect(new Set(values).size).toBe(values.length)
  unique(allTypes.map((type) => type.name))
  unique(allTypes.flatMap((type) => [...(type.path === undefined ? [] : [type.path]), ...type.pathAliases]))
  unique(allTypes.map((type) => type.shortName).filter((name) => name !== ''))
  const orders = allTypes.map((type) => type.order)
  unique(orders)
  expect(orders).toEqual([...orders].sort((a, b) => a - b))
})

test('ORDER: blocks before meshes, meshes before services, services and routes before policies', () => {
  const order = (name: string) => typeOf(name).order
  const chain = ['VipPool', 'VipBlock', 'Mesh', 'MeshService', 'MeshMultiZoneService', 'MeshHTTPRoute', 'MeshTimeout']
  expect([...chain].sort((a, b) => order(a) - order(b))).toEqual(chain)
})

// As `/_resources` of Kuma 2.14.3 lists them: path, scope, short name, read only on global, in federation, policy flags.
const resourcesOfKuma = `
CircuitBreaker circuit-breakers Mesh - rw fed pol (Circuit Breaker | Circuit Breakers)
Dataplane dataplanes Mesh dp rw local (Dataplane | Dataplanes)
DataplaneInsight dataplane-insights Mesh - ro local (Dataplane Insight | Dataplane Insights)
ExternalService external-services Mesh - rw fed (External Service | External Services)
FaultInjection fault-injections Mesh - rw fed pol (Fault Injection | Fault Injections)
GlobalSecret globalsecrets Global - rw fed (Global Secret | Global Secrets)
HealthCheck health-checks Mesh - rw fed pol (Health Check | Health Checks)
HostnameGenerator hostnamegenerators Global hg rw fed (Hostname Generator | Hostname Generators)
Mesh meshes Global m rw fed (Mesh | Meshes)
MeshAccessLog meshaccesslogs Mesh mal rw fed pol TtfrF (Mesh Access Log | Mesh Access Logs)
MeshCircuitBreaker meshcircuitbreakers Mesh mcb rw fed pol TtfrF (Mesh Circuit Breaker | Mesh Circuit Breakers)
MeshExternalService meshexternalservices Mesh extsvc rw fed (Mesh External Service | Mesh External Services)
MeshFaultInjection meshfaultinjections Mesh mfi rw fed pol Ttfr (Mesh Fault Injection | Mesh Fault Injections)
MeshGateway meshgateways Mesh mgw rw fed (Mesh Gateway | Mesh Gateways)
MeshGatewayRoute meshgatewayroutes Mesh - rw fed pol (Mesh Gateway Route | Mesh Gateway Routes)
MeshHTTPRoute meshhttproutes Mesh mhttpr rw fed pol Tt (Mesh HTTP Route | Mesh HTTP Routes)
MeshHealthCheck meshhealthchecks Mesh mhc rw fed pol Tt (Mesh Health Check | Mesh Health Checks)
MeshIdentity meshidentities Mesh mid rw fed (Mesh Identity | Mesh Identities)
MeshInsight mesh-insights Global - ro local (Mesh Insight | Mesh Insights)
MeshLoadBalancingStrategy meshloadbalancingstrategies Mesh mlbs rw fed pol Tt (Mesh Load Balancing Strategy | Mesh Load Balancing Strategies)
MeshMetric meshmetrics Mesh mm rw fed pol T (Mesh Metric | Mesh Metrics)
MeshMultiZoneService meshmultizoneservices Mesh mzsvc rw fed (Mesh Multi Zone Service | Mesh Multi Zone Services)
MeshOpenTelemetryBackend meshopentelemetrybackends Mesh motb rw fed (Mesh OpenTelemetry Backend | Mesh OpenTelemetry Backends)
MeshPassthrough meshpassthroughs Mesh mp rw fed pol T (Mesh Passthrough | Mesh Passthroughs)
MeshProxyPatch meshproxypatches Mesh mpp rw fed pol T (Mesh Proxy Patch | Mesh Proxy Patches)
MeshRateLimit meshratelimits Mesh mrl rw fed pol TtfrF (Mesh Rate Limit | Mesh Rate Limits)
MeshRetry meshretries Mesh mr rw fed pol Tt (Mesh Retry | Mesh Retries)
MeshService meshservices Mesh msvc rw local (Mesh Service | Mesh Services)
MeshTCPRoute meshtcproutes Mesh mtcpr rw fed pol Tt (Mesh TCP Route | Mesh TCP Routes)
MeshTLS meshtlses Mesh mtls rw fed pol TfrF (Mesh TLS | Mesh TLSes)
MeshTimeout meshtimeouts Mesh mt rw fed pol TtfrF (Mesh Timeout | Mesh Timeouts)
MeshTrace meshtraces Mesh mtr rw fed pol T (Mesh Trace | Mesh Traces)
MeshTrafficPermission meshtrafficpermissions Mesh mtp rw fed pol Tfr (Mesh Traffic Permission | Mesh Traffic Permissions)
MeshTrust meshtrusts Mesh mtrust rw fed (Mesh Trust | Mesh Trusts)
MeshZoneAddress meshzoneaddresses Mesh mza rw local (Mesh Zone Address | Mesh Zone Addresses)
ProxyTemplate proxytemplates Mesh - rw fed pol (Proxy Template | Proxy Templates)
RateLimit rate-limits Mesh - rw fed pol (Rate Limit | Rate Limits)
Retry retries Mesh - rw fed pol (Retry | Retries)
Secret secrets Mesh - rw fed (Secret | Secrets)
ServiceInsight service-insights Mesh - ro local (Service Insight | Service Insights)
Timeout timeouts Mesh - rw fed pol (Timeout | Timeouts)
TrafficLog traffic-logs Mesh - rw fed pol (Traffic Log | Traffic Logs)
TrafficPermission traffic-permissions Mesh - rw fed pol (Traffic Permission | Traffic Permissions)
TrafficRoute traffic-routes Mesh - rw fed pol (Traffic Route | Traffic Routes)
TrafficTrace traffic-traces Mesh - rw fed pol (Traffic Trace | Traffic Traces)
VirtualOutbound virtual-outbounds Mesh - rw fed pol (Virtual Outbound | Virtual Outbounds)
Workload workloads Mesh wl rw local (Workload | Workloads)
Zone zones Global z rw local (Zone | Zones)
ZoneEgress zoneegresses Global ze rw local (Zone Egress | Zone Egresses)
ZoneEgressInsight zoneegressinsights Global - ro local (Zone Egress Insight | Zone Egress Insights)
ZoneIngress zoneingresses Global zi rw local (Zone Ingress | Zone Ingresses)
ZoneIngressInsight zone-ingress-insights Global - ro local (Zone Ingress Insight | Zone Ingress Insights)
ZoneInsight zone-insights Global - ro local (Zone Insight | Zone Insights)`

function lineOf(type: TypeDescriptor): string {
  const { policy } = type
  const flags =
    policy === undefined
      ? []
      : [
          'pol',
          ...(policy.plugin
            ? [
                ['T', policy.hasTo && 't', policy.hasFrom && 'f', policy.hasRules && 'r', policy.isFromAsRules && 'F']
                  .filter((flag) => flag !== false)
                  .join(''),
              ]
            : []),
        ]
  return [
    type.name,
    type.path,
    type.scope === 'mesh' ? 'Mesh' : 'Global',
    type.shortName || '-',
    type.readOnly ? 'ro' : 'rw',
    type.globalToZones && !type.readOnly ? 'fed' : 'local',
    ...flags,
    `(${type.displayName} | ${type.displayNamePlural})`,
  ].join(' ')
}

test('words and flags are those of Kuma', () => {
  const ours = allTypes.filter((type) => type.path !== undefined && !type.internal).map(lineOf)
  expect(ours.sort().join('\n')).toBe(resourcesOfKuma.trim().split('\n').sort().join('\n'))
})

test('who may write what', () => {
  const written = (flag: 'providedByZone' | 'providedByGlobal') =>
    names(allTypes.filter((type) => !type.readOnly && !type[flag]))
  expect(written('providedByGlobal')).toBe('Dataplane MeshService MeshZoneAddress Workload ZoneEgress ZoneIngress')
  expect(written('providedByZone')).toBe(
    'CircuitBreaker ExternalService FaultInjection HealthCheck Mesh MeshGatewayRoute MeshMultiZoneService ProxyTemplate RateLimit Retry Timeout TrafficLog TrafficPermission TrafficRoute TrafficTrace VirtualOutbound',
  )
})

test('types that keep their name', () => {
  expect(names(typesSentDown.filter((type) => !type.hashed))).toBe(
    'Config GlobalEndpoints GlobalSecret Mesh Secret VipBlock VipPool',
  )
})

test('types with status and what a zone is told of it', () => {
  const withStatus = allTypes.filter((type) => type.hasStatus)
  expect(names(withStatus)).toBe(
    'MeshAccessLog MeshExternalService MeshIdentity MeshMetric MeshMultiZoneService MeshOpenTelemetryBackend MeshService MeshTrace MeshTrust Workload',
  )
  expect(typeOf('MeshService').emptyStatus).toBe('{"tls":{},"dataplaneProxies":{}}')
  expect(typeOf('MeshExternalService').emptyStatus).toBe('{"vip":{}}')
})

test('JSON types are shown with spec and status, protobuf types inline', () => {
  for (const type of allTypes)
    expect([type.name, type.style]).toEqual([type.name, type.encoding.kind === 'json' ? 'B' : 'A'])
  expect(typeOf('GlobalSecret').encoding).toEqual({
    kind: 'protobuf',
    typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Secret',
  })
  expect(typeOf('TrafficRoute').encoding).toEqual({
    kind: 'protobuf',
    typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.TrafficRoute',
  })
})

test('kinds with VIPs', () => {
  expect(names(allTypes.filter((type) => type.vipKind))).toBe('MeshExternalService MeshMultiZoneService MeshService')
})

test.each([
  ['MeshService', 'MeshService'],
  ['meshservices', 'MeshService'],
  ['msvc', 'MeshService'],
  ['mesh', 'Mesh'],
  ['m', 'Mesh'],
  ['global-secret', 'GlobalSecret'],
  ['healthchecks', 'HealthCheck'],
  ['retry', 'Retry'],
  ['circuit-breaker', 'CircuitBreaker'],
  ['mtls', 'MeshTLS'],
  ['vip-block', 'VipBlock'],
  ['', undefined],
  ['nope', undefined],
])('the word %j means %s', (word, name) => {
  expect(typeOfWord(word)?.name).toBe(name)
})

test('by path, aliases included', () => {
  expect(typeOfPath('global-secrets')?.name).toBe('GlobalSecret')
  expect(typeOfPath('zoneingresses')?.name).toBe('ZoneIngress')
  expect(typeOfPath('configs')).toBe(undefined)
})

test('an unknown type is named', () => {
  expect(findType('Nope')).toBe(undefined)
  expect(() => typeOf('Nope')).toThrow(
    new Problem('invalid', 'unknown resource type "Nope"; see /_resources for those there are'),
  )
})

test('the hash of the type set is fixed: a change is a change of what peers mean', () => {
  expect(typeSetHash()).toBe('3372dda08c80e682fb3bf8e4735a3b487d12975dd74c89843c304374be6f43f3')
})
