import { isPlainObject, type JsonObject, specJson } from '@holdfast/model'
import type { Row } from '@holdfast/store'

/** From what is about everything to what is about few: the later says the last word. */
const specificity = ['Mesh', 'MeshGateway', 'MeshSubset', 'MeshService', 'MeshServiceSubset', 'Dataplane']

/**
 * The one configuration that several policies of a kind give a proxy: merged from the most general to the most
 * specific, of equals by name backwards, so that the first in the alphabet wins. Lists named `append…` are joined.
 */
export function mergedConf(policies: readonly Row[]): JsonObject {
  const rank = (row: Row): number => specificity.indexOf(kindOf(row))
  const ordered = [...policies].sort((a, b) => rank(a) - rank(b) || (a.displayName < b.displayName ? 1 : -1))
  return ordered.reduce<JsonObject>((merged, row) => together(merged, confOf(row)), {})
}

const specOf = (row: Row): JsonObject => {
  const { spec } = specJson(row)
  return isPlainObject(spec) ? spec : {}
}

const kindOf = (row: Row): string => {
  const { targetRef } = specOf(row)
  return isPlainObject(targetRef) && typeof targetRef.kind === 'string' ? targetRef.kind : 'Mesh'
}

const confOf = (row: Row): JsonObject => {
  const conf = specOf(row).default
  return isPlainObject(conf) ? conf : {}
}

function together(base: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, JsonObject[string]> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    if (isPlainObject(value) && isPlainObject(before)) merged[key] = together(before, value)
    else if (key.startsWith('append') && Array.isArray(value) && Array.isArray(before))
      merged[key] = [...before, ...value]
    else merged[key] = value
  }
  return merged
}
