import {
  addressOfTagged as addressOf,
  type JsonObject,
  type ProxyState,
  type TaggedService,
  typeOf,
} from '@holdfast/model'
import { withoutZeros } from './json.js'

export type ServiceType = TaggedService['type']
export const serviceTypes: readonly ServiceType[] = ['internal', 'external', 'gateway_delegated', 'gateway_builtin']

const typeOfKind = {
  standard: 'internal',
  gatewayBuiltin: 'gateway_builtin',
  gatewayDelegated: 'gateway_delegated',
} as const satisfies Readonly<Record<ProxyState['kind'], ServiceType>>

/** Sorted by name. An instance is an inbound: a proxy with two of one service counts twice, as in Kuma. */
export function servicesOf(proxies: readonly ProxyState[]): readonly TaggedService[] {
  const found = new Map<
    string,
    { type: ServiceType; online: number; offline: number; zones: Set<string>; backends: Map<string, number> }
  >()
  for (const proxy of proxies)
    for (const { name, zone } of proxy.services) {
      const known = found.get(name) ?? {
        type: typeOfKind[proxy.kind],
        online: 0,
        offline: 0,
        zones: new Set<string>(),
        backends: new Map<string, number>(),
      }
      found.set(name, known)
      // Kuma counts what is up in parts with what is not.
      if (proxy.status === 'online') known.online++
      else known.offline++
      if (zone !== '') known.zones.add(zone)
      const { issuedBackend } = proxy
      if (issuedBackend !== '') known.backends.set(issuedBackend, (known.backends.get(issuedBackend) ?? 0) + 1)
    }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { type, online, offline, zones, backends }]) => ({
      name,
      type,
      status: online === 0 ? 'offline' : offline === 0 ? 'online' : 'partially_degraded',
      online,
      offline,
      zones: [...zones].sort(),
      issuedBackends: Object.fromEntries(backends),
    }))
}

export interface InsightEnvelope {
  readonly mesh: string
  readonly creationTime: string
  readonly modificationTime: string
}

/** One service as the API shows it; zero values are left out, as protobuf's JSON does. */
export function serviceInsight(service: TaggedService, { mesh, creationTime, modificationTime }: InsightEnvelope) {
  const { name, type, status, online, offline, zones, issuedBackends } = service
  return {
    type: typeOf('ServiceInsight').name,
    mesh,
    name,
    creationTime,
    modificationTime,
    status,
    dataplanes: withoutZeros({ total: online + offline, online, offline }),
    ...(Object.keys(issuedBackends).length === 0 ? {} : { issuedBackends }),
    ...(type === 'internal' ? {} : { serviceType: type }),
    ...(type === 'internal' ? { addressPort: addressOf(name) } : {}),
    ...(zones.length === 0 ? {} : { zones }),
  }
}

/** Nobody has it: Kuma says so in this way. */
export const noService = (name: string, { mesh, creationTime, modificationTime }: InsightEnvelope): JsonObject => ({
  type: typeOf('ServiceInsight').name,
  mesh,
  name,
  creationTime,
  modificationTime,
  dataplanes: {},
  addressPort: addressOf(name),
})
