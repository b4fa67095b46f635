import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import {
  CircuitBreakerSchema,
  ConfigSchema,
  DataplaneInsightSchema,
  ExternalServiceSchema,
  FaultInjectionSchema,
  HealthCheckSchema,
  MeshGatewayRouteSchema,
  MeshGatewaySchema,
  ProxyTemplateSchema,
  RateLimitSchema,
  RetrySchema,
  SecretSchema,
  ServiceInsightSchema,
  TimeoutSchema,
  TrafficLogSchema,
  TrafficPermissionSchema,
  TrafficRouteSchema,
  TrafficTraceSchema,
  VirtualOutboundSchema,
  ZoneEgressSchema,
  ZoneIngressSchema,
  ZoneInsightSchema,
} from '@holdfast/proto'
import type { KindColumn } from './columns.js'
import type { Finding } from './finding.js'
import { type LegacyPolicy, legacyFindings } from './legacy-policies.js'

/** A kind whose spec is a protobuf message that we have the fields of. */
export interface ProtoKind {
  readonly message: DescMessage
  /** What a table shows of it, beside what it shows of everything. */
  readonly columns: readonly KindColumn[]
  /** Everything to say about a spec; `undefined` if the bytes are not this message. Paths begin at its fields. */
  findings(spec: Uint8Array): readonly Finding[] | undefined
}

export const protoKind = <Desc extends DescMessage>(
  message: Desc,
  semantic: (spec: MessageShape<Desc>) => Iterable<Finding>,
  columns: readonly KindColumn[] = [],
): ProtoKind & { read(spec: Uint8Array): MessageShape<Desc> | undefined } => {
  const read = (spec: Uint8Array): MessageShape<Desc> | undefined => {
    try {
      return fromBinary(message, spec)
    } catch {
      return undefined
    }
  }
  return {
    message,
    columns,
    read,
    findings(spec) {
      const message_ = read(spec)
      return message_ === undefined ? undefined : [...semantic(message_)]
    },
  }
}

const plain = <Desc extends DescMessage>(message: Desc) => protoKind(message, () => [])

const legacy = <Desc extends DescMessage>(message: Desc) =>
  protoKind(message, (spec) => legacyFindings(message.name, spec as LegacyPolicy))

export const meshGatewayKind = legacy(MeshGatewaySchema)

/**
 * Kinds without a file of their own. Kuma's policies of before the targetRef family are kept and passed on: zones of Kuma obey
 * them, and judge what is not judged here.
 */
export const plainProtoKinds: Readonly<Record<string, ProtoKind>> = {
  CircuitBreaker: legacy(CircuitBreakerSchema),
  Config: plain(ConfigSchema),
  DataplaneInsight: plain(DataplaneInsightSchema),
  ExternalService: plain(ExternalServiceSchema),
  FaultInjection: legacy(FaultInjectionSchema),
  GlobalSecret: plain(SecretSchema),
  HealthCheck: legacy(HealthCheckSchema),
  MeshGateway: meshGatewayKind,
  MeshGatewayRoute: legacy(MeshGatewayRouteSchema),
  ProxyTemplate: legacy(ProxyTemplateSchema),
  RateLimit: legacy(RateLimitSchema),
  Retry: legacy(RetrySchema),
  Secret: plain(SecretSchema),
  ServiceInsight: plain(ServiceInsightSchema),
  Timeout: legacy(TimeoutSchema),
  TrafficLog: legacy(TrafficLogSchema),
  TrafficPermission: legacy(TrafficPermissionSchema),
  TrafficRoute: legacy(TrafficRouteSchema),
  TrafficTrace: legacy(TrafficTraceSchema),
  VirtualOutbound: legacy(VirtualOutboundSchema),
  ZoneEgress: plain(ZoneEgressSchema),
  ZoneIngress: plain(ZoneIngressSchema),
  ZoneInsight: plain(ZoneInsightSchema),
}

/** Whom a policy of before the targetRef family is about; nobody for what is none, or cannot be read. */
export function legacyPolicyOf(type: string, spec: Uint8Array): LegacyPolicy {
  const kind = plainProtoKinds[type]
  try {
    return kind === undefined ? {} : (fromBinary(kind.message, spec) as LegacyPolicy)
  } catch {
    return {}
  }
}
