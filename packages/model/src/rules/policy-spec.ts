import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kinds/json.js'
import { readJsonSpec } from '../kinds/json-kind.js'
import { type TargetRef, targetRef } from '../kinds/target-ref.js'
import type { Resource } from '../resource.js'

export type PolicyResource = Pick<Resource, 'type' | 'mesh' | 'name' | 'labels' | 'spec' | 'origin' | 'displayName'>

/** One item of `to` or `from`. */
export interface PolicyItem {
  readonly targetRef: TargetRef
  readonly item: JsonObject
  /** Its place in the list. */
  readonly index: number
}

export interface PolicySpec {
  readonly targetRef: TargetRef
  readonly to: readonly PolicyItem[]
  readonly from: readonly PolicyItem[]
  readonly rules: readonly JsonObject[]
  /** Of a policy that has one configuration for a whole proxy. */
  readonly conf: JsonObject
}

const wholeMesh: TargetRef = { kind: 'Mesh' }

/**
 * What every targetRef policy has, whatever its kind; undefined for bytes that are none. Items that refer to what we
 * do not understand are left out: a newer peer may have written them.
 */
export function policySpec({ spec }: Pick<PolicyResource, 'spec'>): PolicySpec | undefined {
  const read = readJsonSpec(spec)
  if (read === undefined) return undefined
  const top = read.targetRef === undefined ? { success: true as const, data: wholeMesh } : refOf(read.targetRef)
  if (!top.success) return undefined
  return {
    targetRef: top.data,
    to: itemsOf(read.to),
    from: itemsOf(read.from),
    rules: objectsOf(read.rules),
    conf: objectOf(read.default),
  }
}

const refOf = (value: Json | undefined) => targetRef.safeParse(value)

const itemsOf = (list: Json | undefined): readonly PolicyItem[] =>
  (isJsonArray(list) ? list : []).flatMap((item, index) => {
    if (!isJsonObject(item)) return []
    const ref = item.targetRef === undefined ? { success: true as const, data: wholeMesh } : refOf(item.targetRef)
    return ref.success ? [{ targetRef: ref.data, item, index }] : []
  })

export const objectsOf = (list: Json | undefined): readonly JsonObject[] =>
  isJsonArray(list) ? list.filter(isJsonObject) : []

export const objectOf = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {})
