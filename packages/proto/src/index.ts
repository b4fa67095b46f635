export * from './gen/envoy/config/core/v3/base_pb.js'
export * from './gen/envoy/service/discovery/v3/discovery_pb.js'
export * from './gen/google/rpc/status_pb.js'
export {
  type Item as HookItemMessage,
  PolicyHook,
  type Result as HookResultMessage,
  type ReviewRequest,
  ReviewRequestSchema,
  type ReviewResponse,
  ReviewResponseSchema,
} from './gen/holdfast/hooks/v1/hooks_pb.js'
export {
  type CertifyRequest,
  CertifyRequestSchema,
  type CertifyResponse,
  CertifyResponseSchema,
  ZoneIdentity,
} from './gen/holdfast/identity/v1/identity_pb.js'
export * from './gen/holdfast/kds/v1/kds_pb.js'
export * from './gen/kuma/mesh/v1alpha1/dataplane_insight_pb.js'
export * from './gen/kuma/mesh/v1alpha1/dataplane_pb.js'
export * from './gen/kuma/mesh/v1alpha1/envoy_admin_pb.js'
export {
  ExternalServiceSchema,
  type MeshGateway,
  MeshGateway_Listener_Protocol,
  MeshGatewayRouteSchema,
  MeshGatewaySchema,
} from './gen/kuma/mesh/v1alpha1/gateway_pb.js'
export * from './gen/kuma/mesh/v1alpha1/kds_pb.js'
export {
  CircuitBreakerSchema,
  FaultInjectionSchema,
  HealthCheckSchema,
  ProxyTemplateSchema,
  RateLimitSchema,
  RetrySchema,
  TimeoutSchema,
  TrafficLogSchema,
  TrafficPermissionSchema,
  TrafficRouteSchema,
  TrafficTraceSchema,
  VirtualOutboundSchema,
} from './gen/kuma/mesh/v1alpha1/legacy_policies_pb.js'
export * from './gen/kuma/mesh/v1alpha1/mesh_pb.js'
export * from './gen/kuma/mesh/v1alpha1/metrics_pb.js'
export * from './gen/kuma/mesh/v1alpha1/service_insight_pb.js'
export * from './gen/kuma/mesh/v1alpha1/zone_proxy_pb.js'
export * from './gen/kuma/system/v1alpha1/system_pb.js'
export * from './gen/kuma/system/v1alpha1/zone_insight_pb.js'
