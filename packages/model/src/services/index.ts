export {
  type ComputedService,
  computedService,
  type DataplaneProxies,
  isBlankStatus,
  type Matched,
  serviceStatusBytes,
} from './computed.js'
export {
  type Agreed,
  agreedService,
  byAge,
  type Contribution,
  type ContributionProblem,
  contributionsOf,
  generatorName,
  propagatedLabels,
  type WantedService,
} from './generated.js'
export { type Candidate, MultiZoneIndex, type MultiZoneStatus } from './multi-zone.js'
export { isProducer, type PolicyRole, policyRoleOf } from './policy-role.js'
export {
  type Inbound,
  type MeshRules,
  meshRulesOf,
  type ProxyInsight,
  proxyInsightOf,
  proxyOf,
  type ServingProxy,
} from './proxy.js'
export {
  type DeclaredProxy,
  declaredProxyOf,
  type ProxyKind,
  type ProxyState,
  type ProxyStatus,
  proxyStateFrom,
  proxyStateOf,
  type ToldOfProxy,
  toldOfProxy,
} from './proxy-state.js'
export { pairsOf, pairsWanted, selects } from './selector.js'
