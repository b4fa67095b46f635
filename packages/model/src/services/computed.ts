import { utf8 } from '../bytes.js'
import type { ComputedFields } from '../kinds/computed.js'
import type { MeshServiceSpec } from '../kinds/mesh-service.js'
import { serviceTag } from '../kinds/tags.js'
import type { MeshRules, ProxyInsight, ServingProxy } from './proxy.js'

/** A proxy that a service selects, with what its insight tells. */
export interface Matched {
  readonly proxy: ServingProxy
  /** Undefined: it has never connected. */
  readonly insight: ProxyInsight | undefined
}

export interface DataplaneProxies {
  readonly connected: number
  readonly healthy: number
  readonly total: number
}

export interface ComputedService {
  readonly computed: ComputedFields
  readonly proxies: DataplaneProxies
  readonly tls: 'Ready' | 'NotReady'
}

/**
 * What follows for a service from the proxies that it selects, by Kuma's rules. Healthy are those that have a ready
 * inbound for every port, connected or not; one of them makes the service available.
 * @param wasTlsReady once ready it stays so while the mesh has mTLS
 */
export function computedService(
  { ports = [] }: Pick<MeshServiceSpec, 'ports'>,
  matched: readonly Matched[],
  { enabledBackend }: Pick<MeshRules, 'enabledBackend'>,
  wasTlsReady: boolean,
): ComputedService {
  const healthy = matched.filter(({ proxy }) =>
    ports.every(({ targetPort }) =>
      proxy.inbounds.some(
        ({ isReady, port, name }) =>
          isReady && (typeof targetPort === 'string' ? targetPort === name : targetPort === port),
      ),
    ),
  ).length
  const tags = new Set(
    matched.flatMap(({ proxy }) =>
      proxy.inbounds.flatMap(({ tags }) => (tags[serviceTag] === undefined ? [] : [tags[serviceTag]])),
    ),
  )
  const isReady =
    enabledBackend !== '' && (wasTlsReady || matched.every(({ insight }) => insight?.issuedBackend === enabledBackend))
  return {
    computed: {
      state: healthy > 0 ? 'Available' : 'Unavailable',
      ...(tags.size === 0
        ? {}
        : { identities: [...tags].sort().map((value) => ({ type: 'ServiceTag' as const, value })) }),
    },
    proxies: {
      connected: matched.filter(({ insight }) => insight?.isOnline === true).length,
      healthy,
      total: matched.length,
    },
    tls: isReady ? 'Ready' : 'NotReady',
  }
}

/** The status that a zone writes of a service of its own, in Kuma's form: counts that are zero are left out. */
export function serviceStatusBytes({ tls, proxies }: Pick<ComputedService, 'tls' | 'proxies'>): Uint8Array {
  const counts = Object.fromEntries(Object.entries(proxies).filter(([, count]) => count > 0))
  return utf8(JSON.stringify({ tls: { status: tls }, dataplaneProxies: counts }))
}

/** What a service has that no proxy has ever served: not worth a row, and nothing is stored for it. */
export const isBlankStatus = ({ tls, proxies }: Pick<ComputedService, 'tls' | 'proxies'>): boolean =>
  tls === 'NotReady' && proxies.total === 0
