import { audienceOf, equalBytes, globalOrigin, isZoneEnabled, type Labels, typeOf } from '@holdfast/model'
import { zoneKey } from './deleted-zones.js'
import type { PlanOptions } from './local.js'
import type { Row } from './types.js'
import type { WorkingSet } from './working-set.js'
import { enabledZone, hiddenByZone } from './zones.js'

/** What an operator has said of a zone at global, as its zones remember it: it travels to nobody as a resource. */
export interface ZoneObject {
  readonly name: string
  readonly labels: Labels
  /** Base64 of the message. */
  readonly spec: string
  /** On global's clock, both. */
  readonly createdAtMs: number
  readonly modifiedAtMs: number
}

/** Objects that are told; an installation with more of them that are disabled or labelled tells the first ones by name. */
export const zoneObjectsMax = 500

export function isZoneObject(value: unknown): value is ZoneObject {
  const { name, labels, spec, createdAtMs, modifiedAtMs } = (value ?? {}) as Partial<Record<keyof ZoneObject, unknown>>
  return (
    typeof name === 'string' &&
    typeof spec === 'string' &&
    typeof labels === 'object' &&
    labels !== null &&
    Object.values(labels).every((label) => typeof label === 'string') &&
    typeof createdAtMs === 'number' &&
    typeof modifiedAtMs === 'number'
  )
}

type ZoneFacts = Pick<Row, 'name' | 'labels' | 'spec' | 'createdAtMs' | 'modifiedAtMs'>

/**
 * What is worth remembering: that a zone is there its own return says, that it is disabled, or what labels it has, it
 * does not know. In the order of their names.
 */
export const zoneObjectsOf = (rows: readonly ZoneFacts[]): readonly ZoneObject[] =>
  rows
    .filter((row) => !isPlain(row))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, zoneObjectsMax)
    .map(({ name, labels, spec, createdAtMs, modifiedAtMs }) => ({
      ...{ name, labels, createdAtMs, modifiedAtMs },
      spec: Buffer.from(spec).toString('base64'),
    }))

/** As it is made when a zone is met. */
const isPlain = ({ labels, spec }: Pick<Row, 'labels' | 'spec'>): boolean =>
  equalBytes(spec, enabledZone) && Object.keys(labels).length === 0

/**
 * A lost or restored global takes its Zone objects back from whoever remembers them: a disabled zone does not come back
 * enabled. One that an operator has changed here since stays, and so does one that was deleted here.
 * @returns names of those that were made or changed
 */
export function rememberZones(
  said: readonly ZoneObject[],
  ws: WorkingSet,
  { nowMs }: PlanOptions,
): readonly { readonly name: string; readonly enabled: boolean }[] {
  return said.flatMap((zone) => {
    const before = ws.row(zoneKey(zone.name))
    const spec = new Uint8Array(Buffer.from(zone.spec, 'base64'))
    if (before !== undefined && !isOlder(before, zone)) return []
    if (before !== undefined && equalBytes(before.spec, spec) && sameLabels(before.labels, zone.labels)) return []
    const type = typeOf('Zone')
    const after = ws.put({
      ...(before ?? {
        ...zoneKey(zone.name),
        typeUrl: type.encoding.kind === 'protobuf' ? type.encoding.typeUrl : '',
        origin: globalOrigin,
        exportName: zone.name,
        displayName: zone.name,
        namespace: '',
        audience: audienceOf(type, zone.labels, zone.name, globalOrigin),
        revision: 0,
        deleted: false,
        statusRevision: 0,
        exposed: false,
      }),
      labels: zone.labels,
      spec,
      createdAtMs: zone.createdAtMs,
      modifiedAtMs: Math.min(zone.modifiedAtMs, nowMs),
    })
    ws.setZoneTimes({ name: zone.name, createdAtMs: after.createdAtMs, modifiedAtMs: after.modifiedAtMs })
    hiddenByZone(before, after, ws)
    return [{ name: zone.name, enabled: isZoneEnabled(spec) }]
  })
}

/** Nobody has said anything of it here: it was made when the zone came back. Or what was said here is the older word. */
const isOlder = (here: Row, { modifiedAtMs }: ZoneObject): boolean =>
  !here.deleted && ((isPlain(here) && here.createdAtMs === here.modifiedAtMs) || here.modifiedAtMs < modifiedAtMs)

const sameLabels = (a: Labels, b: Labels): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort())
