import { isJsonObject, type Json } from '../kinds/json.js'
import { readJsonSpec } from '../kinds/json-kind.js'
import { type Labels, namespaceLabel, policyRoleLabel } from '../labels.js'
import type { PolicyFlags } from '../type-table.js'

/**
 * Whom a policy is written for, by where it lives: `system` for everybody, by those who run the mesh; `producer` for all
 * clients of services beside it; `consumer` and `workload-owner` for proxies of its own namespace.
 */
export type PolicyRole = 'system' | 'producer' | 'consumer' | 'workload-owner'

/**
 * As Kuma computes it of what a policy says and where. There are namespaces in Kubernetes zones only.
 * @returns undefined where it says two things at once, which Kuma's admission refuses
 */
export function policyRoleOf(
  flags: Pick<PolicyFlags, 'hasTo' | 'hasFrom'>,
  spec: Uint8Array,
  namespace: string,
): PolicyRole | undefined {
  if (namespace === '') return 'system'
  const read = readJsonSpec(spec)
  const to = flags.hasTo ? itemsOf(read?.to) : []
  const from = flags.hasFrom ? itemsOf(read?.from) : []
  if (to.length > 0 && from.length > 0) return undefined
  if (to.length === 0) return 'workload-owner'
  const producing = to.filter((item) => isBeside(item, namespace)).length
  if (producing === to.length) return 'producer'
  return producing === 0 ? 'consumer' : undefined
}

const itemsOf = (list: Json | undefined): readonly Json[] => (Array.isArray(list) ? list : [])

/** Whether the destination is one named service or route of the policy's own namespace. */
function isBeside(item: Json, namespace: string): boolean {
  const ref = isJsonObject(item) ? item.targetRef : undefined
  if (!isJsonObject(ref) || (ref.kind !== 'MeshService' && ref.kind !== 'MeshHTTPRoute')) return false
  const said = ref.namespace ?? ''
  return typeof ref.name === 'string' && ref.name !== '' && (said === '' || said === namespace)
}

/**
 * Whether a zone's policy is one for clients in all zones. Its label is not believed alone: a zone that does not check what
 * is written there could reach into the others with it.
 */
export const isProducer = (
  flags: Pick<PolicyFlags, 'hasTo' | 'hasFrom'>,
  { labels, spec }: { readonly labels: Labels; readonly spec: Uint8Array },
): boolean =>
  labels[policyRoleLabel] === 'producer' && policyRoleOf(flags, spec, labels[namespaceLabel] ?? '') === 'producer'
