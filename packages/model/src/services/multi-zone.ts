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

export interface MultiZoneStatus {
  readonly meshServices: readonly JsonObject[]
  readonly condition: JsonObject
}

/**
 * Which services MeshMultiZoneServices match, as one control plane sees it: services of every zone, its own included.
 * Of one mesh, for traffic does not leave its mesh; Kuma does not look at that.
 */
export class MultiZoneIndex {
  readonly #candidates = new Map<string, Candidate>()
  readonly #byLabel = new Map<string, Set<Candidate>>()

  constructor(candidates: Iterable<Candidate> = []) {
    for (const candidate of candidates) this.put(candidate)
  }

  put(candidate: Candidate): void {
    this.remove(candidate)
    this.#candidates.set(keyText(candidate), candidate)
    for (const [label, value] of Object.entries(candidate.labels)) {
      const key = textOf(candidate.mesh, label, value)
      const same = this.#byLabel.get(key)
      if (same === undefined) this.#byLabel.set(key, new Set([candidate]))
      else same.add(candidate)
    }
  }

  /** Nothing happens where it is not known. */
  remove(key: Pick<Candidate, 'mesh' | 'name'>): void {
    const candidate = this.#candidates.get(keyText(key))
    if (candidate === undefined) return
    this.#candidates.delete(keyText(key))
    for (const [label, value] of Object.entries(candidate.labels)) {
      const text = textOf(candidate.mesh, label, value)
      const same = this.#byLabel.get(text)
      same?.delete(candidate)
      if (same?.size === 0) this.#byLabel.delete(text)
    }
  }

  statusOf({ mesh, spec }: Pick<Resource, 'mesh' | 'spec'>): MultiZoneStatus {
    const wanted = Object.entries(meshMultiZoneServiceKind.read(spec)?.selector.meshService.matchLabels ?? {})
    // The rarest label leaves the fewest to look at; a selector without labels matches nothing.
    const [fewest = []] = wanted
      .map(([label, value]) => this.#byLabel.get(textOf(mesh, label, value)) ?? new Set<Candidate>())
      .sort((a, b) => a.size - b.size)
    const matched = [...fewest]
      .filter(({ labels }) => wanted.every(([label, value]) => labels[label] === value))
      .map(({ name, labels }) => ({
        name: displayNameOf(name, labels),
        namespace: labels[namespaceLabel] ?? '',
        zone: labels[zoneLabel] ?? '',
        mesh,
      }))
      .sort((a, b) => compare(identity(a), identity(b)))
    return { meshServices: matched, condition: conditionOf(matched.length) }
  }
}

const keyText = ({ mesh, name }: Pick<Candidate, 'mesh' | 'name'>): string => `${mesh}\u0000${name}`
const textOf = (mesh: string, label: string, value: string): string => `${mesh}\u0000${label}\u0000${value}`

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
