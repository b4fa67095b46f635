import type { TypeDescriptor } from '../type-table.js'
import type { KindColumn } from './columns.js'
import { dataplaneKind } from './dataplane.js'
import { globalEndpointsKind } from './global-endpoints.js'
import { hostnameGeneratorKind } from './hostname-generator.js'
import type { JsonKind } from './json-kind.js'
import { meshKind } from './mesh.js'
import { meshAccessLogKind } from './mesh-access-log.js'
import { meshCircuitBreakerKind } from './mesh-circuit-breaker.js'
import { meshExternalServiceKind } from './mesh-external-service.js'
import { meshFaultInjectionKind } from './mesh-fault-injection.js'
import { meshHealthCheckKind } from './mesh-health-check.js'
import { meshHTTPRouteKind } from './mesh-http-route.js'
import { meshIdentityKind } from './mesh-identity.js'
import { meshLoadBalancingStrategyKind } from './mesh-load-balancing-strategy.js'
import { meshMetricKind } from './mesh-metric.js'
import { meshMultiZoneServiceKind } from './mesh-multi-zone-service.js'
import { meshOpenTelemetryBackendKind } from './mesh-open-telemetry-backend.js'
import { meshPassthroughKind } from './mesh-passthrough.js'
import { meshProxyPatchKind } from './mesh-proxy-patch.js'
import { meshRateLimitKind } from './mesh-rate-limit.js'
import { meshRetryKind } from './mesh-retry.js'
import { meshServiceKind } from './mesh-service.js'
import { meshTCPRouteKind } from './mesh-tcp-route.js'
import { meshTimeoutKind } from './mesh-timeout.js'
import { meshTLSKind } from './mesh-tls.js'
import { meshTraceKind } from './mesh-trace.js'
import { meshTrafficPermissionKind } from './mesh-traffic-permission.js'
import { meshTrustKind } from './mesh-trust.js'
import { meshZoneAddressKind } from './mesh-zone-address.js'
import { type ProtoKind, plainProtoKinds } from './proto-kind.js'
import { vipBlockKind } from './vip-block.js'
import { vipPoolKind } from './vip-pool.js'
import { workloadKind } from './workload.js'
import { zoneKind } from './zone.js'

const jsonKinds: ReadonlyMap<string, JsonKind<unknown>> = new Map<string, JsonKind<unknown>>(
  [
    meshServiceKind,
    meshExternalServiceKind,
    meshMultiZoneServiceKind,
    hostnameGeneratorKind,
    vipPoolKind,
    vipBlockKind,
    globalEndpointsKind,
    meshAccessLogKind,
    meshCircuitBreakerKind,
    meshFaultInjectionKind,
    meshHealthCheckKind,
    meshHTTPRouteKind,
    meshIdentityKind,
    meshLoadBalancingStrategyKind,
    meshMetricKind,
    meshOpenTelemetryBackendKind,
    meshPassthroughKind,
    meshProxyPatchKind,
    meshRateLimitKind,
    meshRetryKind,
    meshTCPRouteKind,
    meshTimeoutKind,
    meshTLSKind,
    meshTraceKind,
    meshTrafficPermissionKind,
    meshTrustKind,
    meshZoneAddressKind,
    workloadKind,
  ].map((kind) => [kind.type, kind]),
)

const protoKinds: ReadonlyMap<string, ProtoKind> = new Map(
  Object.entries({ ...plainProtoKinds, Mesh: meshKind, Zone: zoneKind, Dataplane: dataplaneKind }),
)

/**
 * What is known about the spec of a type: `json` or `protobuf` with a kind that has its fields, or `opaque` protobuf
 * (insights that each control plane computes) and JSON without a schema, which are kept as they come.
 */
export type SpecKind =
  | { readonly format: 'json'; readonly kind: JsonKind<unknown> | undefined }
  | { readonly format: 'protobuf'; readonly kind: ProtoKind | undefined }

export const specKindOf = (type: TypeDescriptor): SpecKind =>
  type.encoding.kind === 'json'
    ? { format: 'json', kind: jsonKinds.get(type.name) }
    : { format: 'protobuf', kind: protoKinds.get(type.name) }

/** What a table shows of resources of a type, beside what it shows of everything. */
export const columnsOfKind = (type: TypeDescriptor): readonly KindColumn[] => specKindOf(type).kind?.columns ?? []

/** Type URL of the Any that carries a spec of this type: '' for JSON. */
export const specTypeUrl = (type: TypeDescriptor): string =>
  type.encoding.kind === 'json' ? '' : type.encoding.typeUrl
