import { legacyPolicyOf } from '../kinds/proto-kind.js'
import type { Labels } from '../labels.js'
import type { Resource } from '../resource.js'
import { hasTags } from './gateway.js'
import type { TargetedProxy } from './proxy-target.js'

type Policy = Pick<Resource, 'type' | 'spec'>

/**
 * Whether a proxy is one that a policy of before the targetRef family is about: one of its selectors, or one end of the
 * connections that it speaks of, has the tags of an inbound or of the gateway.
 */
export function selectedByTags(policy: Policy, { inbounds, gatewayTags }: TargetedProxy): boolean {
  const all = [gatewayTags, ...inbounds.flatMap(({ tags, listener }) => (listener === undefined ? [tags] : []))]
  return selectorsOf(policy).some((match) => all.some((tags) => hasTags(tags, match)))
}

/** Whether one of the listeners that a builtin gateway runs is one that a MeshGatewayRoute is for. */
export function selectedByRoute(route: Policy, { gateway, inbounds }: TargetedProxy): boolean {
  return gateway === 'builtin' && selectorsOf(route).some((match) => inbounds.some(({ tags }) => hasTags(tags, match)))
}

function selectorsOf({ type, spec }: Policy): readonly Labels[] {
  const { selectors, sources, destinations } = legacyPolicyOf(type, spec)
  return [selectors, sources, destinations].flatMap((list) => (list ?? []).map(({ match }) => match))
}
