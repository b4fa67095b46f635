import { isJsonObject, type Json, type JsonObject, parseJson, sortedKeys } from '../kinds/json.js'
import { readJsonSpec } from '../kinds/json-kind.js'
import { specKindOf } from '../kinds/kinds.js'
import { type Labels, originLabel } from '../labels.js'
import { globalOrigin, type Resource } from '../resource.js'
import type { TypeDescriptor } from '../type-table.js'
import { findType } from '../types.js'
import { toBase64 } from './base64.js'
import { kriOf, snisOf } from './kri.js'
import { protoToJson } from './proto-json.js'

/** Key under which a spec stands that we have no fields for: base64 of its protobuf. */
export const opaqueKey = '@spec'

/** Which control plane shows a resource: labels tell whose it is from where one looks. */
export type Viewer = { readonly role: 'global' } | { readonly role: 'zone'; readonly zone: string }

export interface RestOptions {
  readonly viewer: Viewer
  /** RFC 3339, UTC. */
  readonly creationTime: string
  readonly modificationTime: string
  /** What is shown as `status` of types that have one; the zero status by default. */
  readonly status?: JsonObject | undefined
}

type Shown = Pick<Resource, 'type' | 'mesh' | 'name' | 'labels' | 'spec' | 'origin'>

/**
 * A resource as Kuma's HTTP API shows it, keys in its order: type, mesh, name, creationTime, modificationTime, labels,
 * kri, snis, then `spec` and `status` or the fields of the message. Never throws: what cannot be read is shown as
 * base64 under `@spec`.
 */
export function toRest(resource: Shown, options: RestOptions): JsonObject {
  const type = findType(resource.type)
  const labels = shownLabels(resource, type, options.viewer)
  const snis = type === undefined ? [] : snisOf(type, resource)
  const entries: [string, Json | undefined][] = [
    ['type', resource.type],
    ['mesh', resource.mesh === '' ? undefined : resource.mesh],
    ['name', resource.name],
    ['creationTime', options.creationTime],
    ['modificationTime', options.modificationTime],
    ['labels', Object.keys(labels).length === 0 ? undefined : labels],
    ['kri', type === undefined ? undefined : kriOf(type, resource)],
    ['snis', snis.length === 0 ? undefined : snis.map(({ port, sni }) => ({ port, sni }))],
    ...specEntries(type, resource.spec),
    ['status', type?.hasStatus === true ? (options.status ?? zeroStatus(type)) : undefined],
  ]
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

/**
 * Stored labels and, as Kuma 2.14 shows it, whose the resource is: on a zone everything that is not its own came from
 * global; global's own carry no such label.
 */
export function shownLabels(
  { labels, origin }: Pick<Shown, 'labels' | 'origin'>,
  type: TypeDescriptor | undefined,
  viewer: Viewer,
): Labels {
  const shown = { ...labels, ...originOf(origin, type, viewer) }
  return Object.fromEntries(sortedKeys(shown).map((key) => [key, shown[key] ?? '']))
}

function originOf(origin: string, type: TypeDescriptor | undefined, viewer: Viewer): Labels {
  if (viewer.role === 'global') return origin === globalOrigin ? {} : { [originLabel]: 'zone' }
  if (origin !== viewer.zone) return { [originLabel]: 'global' }
  return type === undefined || type.providedByZone ? { [originLabel]: 'zone' } : {}
}

function specEntries(type: TypeDescriptor | undefined, spec: Uint8Array): readonly [string, Json][] {
  const opaque: [string, Json] = [opaqueKey, toBase64(spec)]
  const json = type === undefined || type.encoding.kind === 'json' ? readJsonSpec(spec) : undefined
  if (json !== undefined) return [['spec', json]]
  const known = type === undefined ? undefined : specKindOf(type)
  if (known?.format !== 'protobuf') return [['spec', Object.fromEntries([opaque])]]
  if (known.kind === undefined) return [opaque]
  try {
    return Object.entries(protoToJson(known.kind.message, spec))
  } catch {
    return [opaque]
  }
}

/** The fields of a spec as the API shows them beside the metadata, or its `spec`. */
export const specJson = ({ type, spec }: Pick<Resource, 'type' | 'spec'>): JsonObject =>
  Object.fromEntries(specEntries(findType(type), spec))

function zeroStatus(type: TypeDescriptor): JsonObject {
  const result = parseJson(type.emptyStatus)
  return result.outcome === 'read' && isJsonObject(result.value) ? result.value : {}
}
