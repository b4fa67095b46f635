export type { KindColumn } from './columns.js'
export { type ComputedFields, keepComputed, sameAuthored, withComputed } from './computed.js'
export { configSpec, configText } from './config.js'
export { dataplaneKind, dataplaneLabels } from './dataplane.js'
export type { Finding } from './finding.js'
export {
  endpointProblems,
  type GlobalEndpointsSpec,
  globalEndpointsKind,
  globalEndpointsMax,
} from './global-endpoints.js'
export { generatorProblems, type HostnameGeneratorSpec, hostnameGeneratorKind } from './hostname-generator.js'
export type { Json, JsonObject } from './json.js'
export { isJsonObject as isPlainObject, joinPath, parseJson } from './json.js'
export type { JsonKind } from './json-kind.js'
export { specSchema } from './json-schema.js'
export { columnsOfKind, specTypeUrl } from './kinds.js'
export { meshKind, readMesh } from './mesh.js'
export { authoritiesOfMesh, authoritySecretNames, type MeshAuthority, secretsOfBackend } from './mesh-authority.js'
export { type MeshExternalServiceSpec, meshExternalServiceKind } from './mesh-external-service.js'
export { type MeshMultiZoneServiceSpec, meshMultiZoneServiceKind } from './mesh-multi-zone-service.js'
export { type MeshServiceSpec, meshServiceKind } from './mesh-service.js'
export { isHeadless, pinViolations, type VipPins, vipPins, wantsVip } from './pins.js'
export type { ServicePort } from './ports.js'
export type { ProtoKind } from './proto-kind.js'
export {
  brakeViolations,
  isLimited,
  isProtected,
  protectionLabel,
  type Quota,
  quotaBytesLabel,
  quotaOf,
  quotaRateLabel,
  quotaResourcesLabel,
} from './quota.js'
export { type Received, receiptFindings, receiptProblems, receiptWarnings } from './receipt.js'
export { secretData, secretSpec } from './secret.js'
export { shownHostnames, shownState, shownVips } from './service-columns.js'
export { addressOfTagged, serviceInsightSpec, type TaggedService } from './service-insight.js'
export { jsonSpec, sameSpec } from './spec.js'
export { type VipBlockSpec, vipBlockKind } from './vip-block.js'
export { type VipPoolSpec, vipPoolKind } from './vip-pool.js'
export { isZoneEnabled, zoneKind } from './zone.js'
