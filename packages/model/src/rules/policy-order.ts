import type { TargetRef, TargetRefKind } from '../kinds/target-ref.js'
import { policyRoleLabel } from '../labels.js'
import type { PolicyResource } from './policy-spec.js'

/** From what is about everything to what is about few. */
const kinds: readonly TargetRefKind[] = [
  'Mesh',
  'Dataplane',
  'MeshSubset',
  'MeshGateway',
  'MeshService',
  'MeshExternalService',
  'MeshMultiZoneService',
  'MeshServiceSubset',
  'MeshHTTPRoute',
]
const roles: readonly string[] = ['system', 'producer', 'consumer', 'workload-owner']

export const byKind = (a: TargetRef, b: TargetRef): number => kinds.indexOf(a.kind) - kinds.indexOf(b.kind)

/** Of two about Dataplanes, one by labels comes before one by name, and a whole proxy before one inbound of it. */
function byDataplane(a: TargetRef, b: TargetRef): number {
  if (a.kind !== 'Dataplane' || b.kind !== 'Dataplane') return 0
  const isNamed = ({ name = '' }: TargetRef) => name !== ''
  const hasLabels = ({ labels }: TargetRef) => labels !== undefined
  const hasSection = ({ sectionName = '' }: TargetRef) => sectionName !== ''
  if (isNamed(a) && hasLabels(b)) return 1
  if (hasLabels(a) && isNamed(b)) return -1
  return Number(hasSection(a)) - Number(hasSection(b))
}

interface Ordered {
  readonly policy: PolicyResource
  readonly top: TargetRef
}

/**
 * The order in which policies are merged, as Kuma's: the later says the last word. By what they are about, then
 * global's before the zone's own, then by role. What is equal is left to the names, see `byName`.
 */
export const byAttributes = (a: Ordered, b: Ordered): number =>
  byTarget(a, b) || byOrigin(a, b) || roleOf(a.policy) - roleOf(b.policy)

/** The order of whole policies: as that of their items, but of two about listeners of a gateway that with fewer tags is first. */
export const byWhole = (a: Ordered, b: Ordered): number =>
  byTarget(a, b) || byOrigin(a, b) || byListeners(a.top, b.top) || roleOf(a.policy) - roleOf(b.policy) || byName(a, b)

const byTarget = (a: Ordered, b: Ordered): number => byKind(a.top, b.top) || byDataplane(a.top, b.top)
const byOrigin = (a: Ordered, b: Ordered): number => Number(a.policy.origin !== '') - Number(b.policy.origin !== '')
const byListeners = (a: TargetRef, b: TargetRef): number =>
  a.kind === 'MeshGateway' ? Object.keys(a.tags ?? {}).length - Object.keys(b.tags ?? {}).length : 0

const roleOf = ({ labels }: PolicyResource): number => roles.indexOf(labels[policyRoleLabel] ?? 'system')

/** Backwards, so that of equals the first in the alphabet says the last word. */
export const byName = ({ policy: { displayName: a } }: Ordered, { policy: { displayName: b } }: Ordered): number =>
  a === b ? 0 : a < b ? 1 : -1
