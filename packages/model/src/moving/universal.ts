import { fieldOf, isJsonObject, type Json, type JsonObject } from '../kinds/json.js'
import { displayNameLabel, type Labels, meshLabel, namespaceLabel, originLabel, zoneLabel } from '../labels.js'
import { exportName } from '../names.js'
import type { TypeDescriptor } from '../type-table.js'
import { findType } from '../types.js'

/** Where Kuma's own objects live in Kubernetes unless its operator has said otherwise. */
export const systemNamespaceDefault = 'kuma-system'

const secretTypes: Readonly<Record<string, string>> = {
  'system.kuma.io/secret': 'Secret',
  'system.kuma.io/global-secret': 'GlobalSecret',
}

/**
 * An object of `kumactl export -f kubernetes` as the HTTP API writes it; what is no Kubernetes object stays as it is.
 * Undefined: of a kind that is not Kuma's.
 */
export function universalObject(value: JsonObject, systemNamespace: string): JsonObject | undefined {
  const kind = textOf(value, 'kind')
  const apiVersion = textOf(value, 'apiVersion')
  if (kind === '' || apiVersion === '') return value
  const metadata = objectOf(fieldOf(value, 'metadata'))
  const labels = labelsOf(metadata)
  const name = textOf(metadata, 'name')
  if (apiVersion === 'v1' && kind === 'Secret') {
    const type = secretTypes[textOf(value, 'type')]
    if (type === undefined) return undefined
    const { [meshLabel]: mesh = 'default', ...others } = labels
    const data = fieldOf(objectOf(fieldOf(value, 'data')), 'value') ?? ''
    return { type, ...(type === 'Secret' ? { mesh } : {}), name, ...withLabels(others), data }
  }
  if (!apiVersion.startsWith('kuma.io/')) return undefined
  const type = findType(kind)
  const namespace = textOf(metadata, 'namespace')
  const isForeign = namespace !== '' && namespace !== systemNamespace && type?.scope === 'mesh'
  const spec = objectOf(fieldOf(value, 'spec'))
  const status = fieldOf(value, 'status')
  // Types with fields beside the metadata name their mesh at the top, the others in a label.
  const mesh = labels[meshLabel] ?? (textOf(value, 'mesh') || 'default')
  return {
    type: kind,
    ...(type?.scope === 'global' ? {} : { mesh }),
    name: isForeign ? `${name}.${namespace}` : name,
    ...withLabels(isForeign ? { [namespaceLabel]: namespace, ...labels } : labels),
    ...(type?.style === 'A' ? spec : { spec, ...(isJsonObject(status) ? { status } : {}) }),
  }
}

/**
 * The Kubernetes form of an export leaves out the labels that say whose a resource is. A name that the resource of one
 * owner would have, and of no other, says it as well: name and labels are put back.
 * @param zones names of the zones that may own it
 * @param sourceZone the zone that was asked, '' for a global
 */
export function withOwner(
  type: TypeDescriptor,
  object: JsonObject,
  zones: readonly string[],
  sourceZone: string,
): JsonObject {
  const labels = labelsOf(object)
  if (labels[originLabel] !== undefined || !type.hashed || (sourceZone === '' && !type.zoneToGlobal)) return object
  const name = textOf(object, 'name')
  const base = /^(.+)-[bcdfghjklmnpqrstvwxz2456789]{16}$/.exec(name)?.[1]
  if (base === undefined) return object
  const ofOwner = (zone: string): Labels => ({
    ...labels,
    [displayNameLabel]: base,
    ...(zone === '' ? {} : { [zoneLabel]: zone }),
  })
  const mesh = type.scope === 'mesh' ? textOf(object, 'mesh') : ''
  const owner = [...(sourceZone === '' ? [] : ['']), ...zones].find(
    (zone) => exportName(type, mesh, base, ofOwner(zone)) === name,
  )
  const origin = sourceZone === '' ? 'zone' : 'global'
  if (owner !== undefined) return { ...object, labels: { ...ofOwner(owner), [originLabel]: origin } }
  // Somebody's copy for certain, and not known whose: nobody's address is told by it.
  const { status: _, ...rest } = object
  return { ...rest, labels: { ...labels, [originLabel]: origin } }
}

const withLabels = (labels: Labels): JsonObject => (Object.keys(labels).length === 0 ? {} : { labels })

export const textOf = (object: JsonObject, key: string): string => {
  const value = fieldOf(object, key)
  return typeof value === 'string' ? value : ''
}

export const objectOf = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {})

export const labelsOf = (object: JsonObject): Labels =>
  Object.fromEntries(
    Object.entries(objectOf(fieldOf(object, 'labels'))).flatMap(([key, value]): [string, string][] =>
      typeof value === 'string' ? [[key, value]] : [],
    ),
  )
