import type { JsonObject } from '../kinds/json.js'
import { meshMultiZoneServiceKind } from '../kinds/mesh-multi-zone-service.js'
import { type Labels, namespaceLabel, zoneLabel } from '../labels.js'
import { displayNameOf } from '../names.js'
import type { Resource } from '../resource.js'

/** A MeshService that a MeshMultiZoneService may match, with its labels as the API shows them. */
export interface Candidate {
  readonly mesh: string
  readonly name: string
  readonly labels: Labels
}

/**
 * Status of a MeshMultiZoneService as one control plane sees it: services of every zone, its own included. It is told
 * to nobody. Of one mesh, for traffic does not leave its mesh; Kuma does not look at that.
 */
export function multiZoneStatus(
  { mesh, spec }: Pick<Resource, 'mesh' | 'spec'>,
  candidates: readonly Candidate[],
): { readonly meshServices: readonly JsonObject[]; readonly condition: JsonObject } {
  const wanted = Object.entries(meshMultiZoneServiceKind.read(spec)?.selector.meshService.matchLabels ?? {})
  const matched = candidates.filter(
    (service) =>
      service.mesh === mesh && wanted.length > 0 && wanted.every(([key, value]) => service.labels[key] === value),
  )
  const found = matched
    .map(({ name, labels }) => ({
      name: displayNameOf(name, labels),
      namespace: labels[namespaceLabel] ?? '',
      zone: labels[zoneLabel] ?? '',
      mesh,
    }))
    .sort((a, b) => compare(identity(a), identity(b)))
  return { meshServices: found, condition: conditionOf(found.length) }
}

const identity = (of: { readonly name: string; readonly namespace: string; readonly zone: string }): string =>
  [of.name, of.namespace, of.zone].join('/')
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const conditionOf = (count: number): JsonObject =>
  count > 0
    ? {
        type: 'MeshServicesMatched',
        status: 'True',
        reason: 'MatchesFound',
        message: `Matched ${count} MeshService(s)`,
      }
    : {
        type: 'MeshServicesMatched',
        status: 'False',
        reason: 'NoMatchesFound',
        message: 'Selector does not match any MeshService in this zone',
      }
