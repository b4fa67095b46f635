import { GlobalKDSService, KDSSyncService } from '@holdfast/proto'

/** Full paths of the six methods on a global's KDS port. */
export const syncPaths = {
  globalToZone: `/${KDSSyncService.typeName}/${KDSSyncService.method.globalToZoneSync.name}`,
  zoneToGlobal: `/${KDSSyncService.typeName}/${KDSSyncService.method.zoneToGlobalSync.name}`,
} as const

export const healthCheckPath = `/${GlobalKDSService.typeName}/${GlobalKDSService.method.healthCheck.name}`

/** Messages stay bytes as far as gRPC is concerned: decoding is ours, so that it can say what is wrong. */
export const asIs = (bytes: Buffer): Buffer => bytes
