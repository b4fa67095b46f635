import { GlobalKDSService, KDSSyncService } from '@holdfast/proto'

/** Full paths of the six methods on a global's KDS port. */
export const syncPaths = {
  globalToZone: `/${KDSSyncService.typeName}/${KDSSyncService.method.globalToZoneSync.name}`,
  zoneToGlobal: `/${KDSSyncService.typeName}/${KDSSyncService.method.zoneToGlobalSync.name}`,
} as const

export const healthCheckPath = `/${GlobalKDSService.typeName}/${GlobalKDSService.method.healthCheck.name}`

/** Global asks here what the proxies of a zone are configured with. */
export const adminPaths: readonly string[] = [
  GlobalKDSService.method.streamXDSConfigs,
  GlobalKDSService.method.streamStats,
  GlobalKDSService.method.streamClusters,
].map((method) => `/${GlobalKDSService.typeName}/${method.name}`)

/** Messages stay bytes as far as gRPC is concerned: decoding is ours, so that it can say what is wrong. */
export const asIs = (bytes: Buffer): Buffer => bytes
