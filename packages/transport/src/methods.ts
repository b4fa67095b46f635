import { GlobalKDSService, KDSSyncService, ZoneIdentity } from '@holdfast/proto'

/** Full paths of every method on a global's KDS port: whoever is not let in gets nothing from any of them. */
export const servedPaths: readonly string[] = [KDSSyncService, GlobalKDSService, ZoneIdentity].flatMap(
  ({ typeName, methods }) => methods.map(({ name }) => `/${typeName}/${name}`),
)

/** Of the two streams. */
export const syncPaths = {
  globalToZone: `/${KDSSyncService.typeName}/${KDSSyncService.method.globalToZoneSync.name}`,
  zoneToGlobal: `/${KDSSyncService.typeName}/${KDSSyncService.method.zoneToGlobalSync.name}`,
} as const

export const healthCheckPath = `/${GlobalKDSService.typeName}/${GlobalKDSService.method.healthCheck.name}`

/** Messages stay bytes as far as gRPC is concerned: decoding is ours, so that it can say what is wrong. */
export const asIs = (bytes: Buffer): Buffer => bytes
