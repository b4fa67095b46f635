/** Written out: a peer that took them from our own descriptors would follow our mistakes. */
const sync = '/kuma.mesh.v1alpha1.KDSSyncService'
const global = '/kuma.mesh.v1alpha1.GlobalKDSService'

export const globalToZonePath = `${sync}/GlobalToZoneSync`
export const zoneToGlobalPath = `${sync}/ZoneToGlobalSync`
export const healthCheckPath = `${global}/HealthCheck`
export const adminPaths = [`${global}/StreamXDSConfigs`, `${global}/StreamStats`, `${global}/StreamClusters`] as const

export const asIs = (bytes: Buffer): Buffer => bytes

export const kumaLimits = {
  'grpc.max_receive_message_length': 10 * 1024 * 1024,
  'grpc.max_send_message_length': 10 * 1024 * 1024,
} as const

/** Metadata of a described node, in the order that a Kuma's JSON has. */
export const nodeMetadata = (version: string, instanceId: string, config: string) => ({
  config,
  'control-plane-id': instanceId,
  features: ['zone-token', 'hash-suffix', 'hg-mz-selector', 'producer-policy-flow', 'optional-top-level-target-ref'],
  version: { kumaCp: { version, gitTag: `v${version}`, gitCommit: '0000000', buildDate: '2026-01-01T00:00:00Z' } },
})
