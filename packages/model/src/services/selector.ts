import type { MeshServiceSpec } from '../kinds/mesh-service.js'
import type { ServingProxy } from './proxy.js'

type Selector = MeshServiceSpec['selector']

/**
 * What a selector asks for, as pairs that are all needed: `pairsOf` of a proxy that it selects has each of them.
 * Undefined: it selects nothing.
 */
export function pairsWanted({ dataplaneRef, dataplaneLabels, dataplaneTags }: Selector): readonly string[] | undefined {
  if (dataplaneRef !== undefined) return dataplaneRef.name === undefined ? undefined : [namePair(dataplaneRef.name)]
  const [pair, wanted] =
    dataplaneLabels === undefined ? [tagPair, dataplaneTags] : [labelPair, dataplaneLabels.matchLabels]
  const pairs = Object.entries(wanted ?? {}).map(([key, value]) => pair(key, value))
  return pairs.length === 0 ? undefined : pairs
}

/** Everything that a selector could find a proxy by. */
export const pairsOf = (proxy: ServingProxy): readonly string[] => [
  ...new Set([
    namePair(proxy.name),
    ...Object.entries(proxy.labels).map(([key, value]) => labelPair(key, value)),
    ...proxy.inbounds.flatMap(({ tags }) => Object.entries(tags).map(([key, value]) => tagPair(key, value))),
  ]),
]

/** Whether a selector finds a proxy. One without inbounds serves nothing; tags are found on one inbound together. */
export function selects(selector: Selector, proxy: ServingProxy): boolean {
  if (proxy.inbounds.length === 0) return false
  const { dataplaneRef, dataplaneLabels, dataplaneTags } = selector
  if (dataplaneRef !== undefined) return dataplaneRef.name === proxy.name
  if (dataplaneLabels !== undefined) return hasAll(proxy.labels, dataplaneLabels.matchLabels)
  return dataplaneTags !== undefined && proxy.inbounds.some(({ tags }) => hasAll(tags, dataplaneTags))
}

function hasAll(has: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> | undefined): boolean {
  const entries = Object.entries(wanted ?? {})
  return entries.length > 0 && entries.every(([key, value]) => has[key] === value)
}

const namePair = (name: string): string => `n\u0000${name}`
const labelPair = (key: string, value: string): string => `l\u0000${key}\u0000${value}`
const tagPair = (key: string, value: string): string => `t\u0000${key}\u0000${value}`
