export { proxyOfGateway, runningGateway, selectsGateway } from './gateway.js'
export type { InboundRule } from './inbound-rules.js'
export { selectedByRoute, selectedByTags } from './legacy-selectors.js'
export {
  fromRulesOfInbounds,
  type InboundRules,
  type MatchedPolicy,
  matchedPolicies,
  proxyConf,
  rulesOfInbounds,
  toRules,
} from './matched.js'
export { type Outbound, outboundsOf } from './outbounds.js'
export { isReferred, type ProxyInbound, selectedBy, type TargetedProxy, targetedProxy } from './proxy-target.js'
export {
  matchesHash,
  type Referables,
  type ResourceRule,
  type RuleOrigin,
  referredTypes,
  resourceRules,
  ruleKey,
} from './resource-rules.js'
export type { TagMatcher, TagRule } from './tag-rules.js'
export { spiffeIdOf } from './workload-identity.js'
