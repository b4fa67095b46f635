import { create, toBinary } from '@bufbuild/protobuf'
import {
  ServiceInsightSchema,
  ServiceInsight_Service_Status as Status,
  ServiceInsight_Service_Type as Type,
} from '@holdfast/proto'

/** A service as the tag `kuma.io/service` makes it, over all zones of a mesh. */
export interface TaggedService {
  readonly name: string
  readonly type: 'internal' | 'external' | 'gateway_delegated' | 'gateway_builtin'
  readonly status: 'online' | 'offline' | 'partially_degraded'
  readonly online: number
  readonly offline: number
  /** Sorted. */
  readonly zones: readonly string[]
  /** Proxies by the backend that gave them their certificate. */
  readonly issuedBackends: Readonly<Record<string, number>>
}

/** Where a service is, in names that Kuma's zones made before there were MeshServices. */
export const addressOfTagged = (service: string): string => `${service}.mesh:80`

/** The one ServiceInsight of a mesh as Kuma stores it. Equal services, equal bytes, whatever their order. */
export function serviceInsightSpec(services: readonly TaggedService[]): Uint8Array {
  const sorted = [...services].sort((a, b) => (a.name < b.name ? -1 : 1))
  return toBinary(
    ServiceInsightSchema,
    create(ServiceInsightSchema, {
      services: Object.fromEntries(
        sorted.map(({ name, type, status, online, offline, zones, issuedBackends }) => [
          name,
          {
            status: Status[status],
            dataplanes: { online, offline },
            issuedBackends: Object.fromEntries(Object.entries(issuedBackends).sort(([a], [b]) => (a < b ? -1 : 1))),
            serviceType: Type[type],
            addressPort: type === 'internal' ? addressOfTagged(name) : '',
            zones: [...zones],
          },
        ]),
      ),
    }),
  )
}
