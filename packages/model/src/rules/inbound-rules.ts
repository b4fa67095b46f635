import { isJsonObject, type JsonObject } from '../kinds/json.js'
import { typeOf } from '../types.js'
import { byAttributes, byName } from './policy-order.js'
import { objectOf, objectsOf } from './policy-spec.js'
import type { ReadPolicy, RuleOrigin } from './resource-rules.js'

/** What one rule of one policy configures of an inbound. They are not merged: proxies go through them in this order. */
export interface InboundRule {
  readonly conf: JsonObject
  /** Which clients it is about; undefined: all of them. */
  readonly match: JsonObject | undefined
  readonly origin: RuleOrigin
}

/** Kinds of which a rule can be about some clients. In others it is not read: a proxy obeys such a rule for everybody. */
const withMatches: ReadonlySet<string> = new Set([
  'MeshAccessLog',
  'MeshFaultInjection',
  'MeshRateLimit',
  'MeshTimeout',
])

/** Of the policies of one kind that are about an inbound; `from` counts where that is what it has become. */
export function inboundRules(type: string, policies: readonly ReadPolicy[]): readonly InboundRule[] {
  const isFromAsRules = typeOf(type).policy?.isFromAsRules === true
  return policies
    .flatMap((each) => {
      const { rules, from } = each.spec
      const items = rules.length > 0 ? rules.map((item, index) => ({ item, index })) : isFromAsRules ? from : []
      return items.map(({ item, index }) => ({ ...each, item, index }))
    })
    .sort((a, b) => byAttributes(a, b) || byName(a, b))
    .flatMap(({ policy, item, index }) => {
      const matches = withMatches.has(type) ? objectsOf(item.matches) : []
      // One rule with two matches is two to a proxy, which takes the first that fits.
      return (matches.length === 0 ? [undefined] : matches).map((match) => ({
        ...{ conf: objectOf(item.default), match },
        origin: { policy, index },
      }))
    })
    .sort((a, b) => exactness(b.match) - exactness(a.match))
}

/** A whole identity before the beginning of one, that before the name that was dialled, and everybody last. */
function exactness({ spiffeID, sni }: JsonObject = {}): number {
  const identity = isJsonObject(spiffeID) ? (spiffeID.type === 'Exact' ? 3 : spiffeID.type === 'Prefix' ? 2 : 1) : 0
  return 2 * identity + (isJsonObject(sni) ? 1 : 0)
}
