import type { ProxyState, TaggedService } from '@holdfast/model'
import { timeText } from '../resources/render.js'
import { tallyOf } from './json.js'
import { countsOf, policiesIn, totals } from './mesh-insight.js'
import type { Estate } from './reader.js'
import { type ServiceType, servicesOf } from './service-insight.js'

export interface ZonesOnline {
  readonly controlPlanes: { readonly online: number; readonly total: number }
  readonly zoneIngresses: { readonly online: number; readonly total: number }
  readonly zoneEgresses: { readonly online: number; readonly total: number }
}

/** All meshes together; keys in alphabetical order, zeros and all, as Kuma has them. */
export function globalInsight(estate: Estate, zones: ZonesOnline) {
  const { meshes, counts, proxiesOf, atMs } = estate
  const proxies = meshes.flatMap(({ name }) => proxiesOf(name))
  const services = meshes.flatMap(({ name }) => servicesOf(proxiesOf(name)))
  const inMeshes = meshes.flatMap(({ name }) => countsOf(counts, name))
  const resources = new Map<string, number>()
  for (const { type, count } of [...inMeshes, ...countsOf(counts, '').filter(({ type }) => type.style === 'B')])
    resources.set(type.name, (resources.get(type.name) ?? 0) + count)
  const ofKind = (kind: ProxyState['kind']) => sorted(tallyOf(proxies.filter((proxy) => proxy.kind === kind)))
  return {
    createdAt: timeText(atMs),
    dataplanes: {
      gatewayBuiltin: ofKind('gatewayBuiltin'),
      gatewayDelegated: ofKind('gatewayDelegated'),
      standard: ofKind('standard'),
    },
    meshes: { total: meshes.length },
    policies: { total: policiesIn(inMeshes) },
    resources: Object.fromEntries(
      [...resources].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, total]) => [name, { total }] as const),
    ),
    services: {
      external: { total: 0 },
      gatewayBuiltin: serviceTally(services, 'gateway_builtin'),
      gatewayDelegated: serviceTally(services, 'gateway_delegated'),
      internal: serviceTally(services, 'internal'),
    },
    zones: {
      controlPlanes: zones.controlPlanes,
      zoneEgresses: zones.zoneEgresses,
      zoneIngresses: zones.zoneIngresses,
    },
  }
}

function serviceTally(services: readonly TaggedService[], type: ServiceType) {
  const ofType = services.filter((service) => service.type === type)
  const count = (status: TaggedService['status']) => ofType.filter((service) => service.status === status).length
  return {
    offline: count('offline'),
    online: count('online'),
    partiallyDegraded: count('partially_degraded'),
    total: ofType.length,
  }
}

const sorted = ({ offline, online, partiallyDegraded, total }: ReturnType<typeof tallyOf>) => ({
  offline,
  online,
  partiallyDegraded,
  total,
})

/** The older form: what there is outside of meshes. */
export function globalInsights({ counts, atMs }: Estate) {
  const there = totals(countsOf(counts, ''))
  const always = ['GlobalSecret', 'HostnameGenerator', 'Mesh', 'Zone', 'ZoneEgress', 'ZoneIngress'] as const
  return {
    type: 'GlobalInsights',
    creationTime: timeText(atMs),
    resources: Object.fromEntries(always.map((name) => [name, there[name] ?? { total: 0 }] as const)),
  }
}
