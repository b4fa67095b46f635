import { readJsonSpec } from '../kinds/json-kind.js'
import { serviceTag } from '../kinds/tags.js'
import type { TargetRef } from '../kinds/target-ref.js'
import { targetRef } from '../kinds/target-ref.js'
import { displayNameLabel, type Labels, namespaceLabel } from '../labels.js'
import type { Resource } from '../resource.js'
import type { ProxyState } from './proxy-state.js'

type Policy = Pick<Resource, 'spec' | 'origin'>
type Proxy = Pick<ProxyState, 'name' | 'labels' | 'kind' | 'tags'> & Pick<Resource, 'origin'>

/**
 * Whether a policy is about a proxy: by its targetRef at the top, in 2.14's kinds and those of later ones. A zone's own
 * policies are for that zone's proxies. Nothing is about builtin gateways by name, for those have no proxies of ours.
 */
export function policySelects({ spec, origin }: Policy, proxy: Proxy): boolean {
  if (origin !== '' && origin !== proxy.origin) return false
  const read = readJsonSpec(spec)
  if (read === undefined) return false
  if (read.targetRef === undefined) return true
  const ref = targetRef.safeParse(read.targetRef)
  return ref.success && refSelects(ref.data, proxy)
}

function refSelects(ref: TargetRef, proxy: Proxy): boolean {
  const { kind, name = '', namespace = '', tags = {}, labels = {}, proxyTypes = [] } = ref
  const isGateway = proxy.kind !== 'standard'
  const isOfType = proxyTypes.length === 0 || proxyTypes.includes(isGateway ? 'Gateway' : 'Sidecar')
  const byTags = (wanted: Labels) => proxy.tags.some((each) => hasAll(each, wanted))
  switch (kind) {
    case 'Mesh':
      return isOfType
    case 'MeshSubset':
      return isOfType && byTags(tags)
    case 'MeshService':
      return byTags({ [serviceTag]: name })
    case 'MeshServiceSubset':
      return byTags({ ...tags, [serviceTag]: name })
    case 'Dataplane':
      if (name === '') return hasAll(proxy.labels, labels)
      return (
        (proxy.labels[displayNameLabel] ?? proxy.name) === name &&
        (namespace === '' || proxy.labels[namespaceLabel] === namespace)
      )
    default:
      return false
  }
}

const hasAll = (has: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => has[key] === value)
