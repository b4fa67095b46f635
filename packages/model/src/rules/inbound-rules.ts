import type { JsonObject } from '../kinds/json.js'
import { typeOf } from '../types.js'
import { byAttributes, byName } from './policy-order.js'
import { objectOf } from './policy-spec.js'
import type { ReadPolicy, RuleOrigin } from './resource-rules.js'

/** What one rule of one policy configures of an inbound. They are not merged: proxies go through them in this order. */
export interface InboundRule {
  readonly conf: JsonObject
  readonly origin: RuleOrigin
}

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
    .map(({ policy, item, index }) => ({ conf: objectOf(item.default), origin: { policy, index } }))
}
