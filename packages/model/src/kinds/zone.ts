import { ZoneSchema } from '@holdfast/proto'
import { wideColumn } from './columns.js'
import { protoKind } from './proto-kind.js'

/** A zone: enabled unless it says otherwise. Only its name has rules. */
export const zoneKind = protoKind(ZoneSchema, () => [], [
  wideColumn('ENABLED', (item) => (item.enabled === false ? 'no' : 'yes')),
])

/** A zone that was never written is enabled. Bytes that are no Zone: enabled as well, for nobody disabled it. */
export const isZoneEnabled = (spec: Uint8Array): boolean => zoneKind.read(spec)?.enabled ?? true
