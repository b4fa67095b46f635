import { ZoneSchema } from '@holdfast/proto'
import { protoKind } from './proto-kind.js'

/** A zone: enabled unless it says otherwise. Only its name has rules. */
export const zoneKind = protoKind(ZoneSchema, () => [])

/** A zone that was never written is enabled. Bytes that are no Zone: enabled as well, for nobody disabled it. */
export const isZoneEnabled = (spec: Uint8Array): boolean => zoneKind.read(spec)?.enabled ?? true
