import {
  fromRulesOfInbounds,
  type InboundRules,
  type JsonObject,
  matchesHash,
  type ProxyInbound,
  proxyConf,
  type ResourceRule,
  type RuleOrigin,
  resourceRules,
  rulesOfInbounds,
  type TagRule,
  toRules,
} from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { type PoliciesOfType, type ProxyPolicies, wholeProxyTypes } from './proxy-rules.js'
import type { Resources } from './service.js'

interface Shown {
  readonly resources: Resources
  /** In a mesh of real services alone, what is said in the terms of before is said to nobody. */
  readonly isExclusive: boolean
}
type Meta = (resource: Pick<Row, 'type' | 'name'>) => JsonObject

/** `…/_rules` of a Dataplane: everything that policies say about it, and whose word it is. Keys in Kuma's order. */
export function inspectedRules(row: Row, found: ProxyPolicies, { resources, isExclusive }: Shown) {
  const metaOf = (each: Row): JsonObject => ({
    labels: resources.shownLabels(each),
    mesh: each.mesh,
    name: each.name,
    type: each.type,
  })
  const meta: Meta = (resource) => metaOf(found.rowOf(resource))
  const towards = new Map(
    found.matched.map((of) => [of.type, resourceRules(of.type, of.policies, found.referables)] as const),
  )
  const old = new Map(found.matched.map((of) => [of.type, oldRules(of, found)] as const))
  return {
    httpMatches: httpMatches([
      ...(old.get('MeshHTTPRoute')?.to ?? []).map(({ conf }) => conf),
      ...[...(towards.get('MeshHTTPRoute')?.values() ?? [])].flatMap(({ confs }) => confs),
    ]),
    resource: metaOf(row),
    rules: found.matched.flatMap((of) =>
      ruleOf(of, found, { meta, isExclusive, towards: towards.get(of.type), old: old.get(of.type) }),
    ),
  }
}

interface OldRules {
  readonly from: readonly InboundRules<TagRule>[]
  readonly to: readonly TagRule[]
  readonly warnings: readonly string[]
}

function oldRules({ type, policies }: PoliciesOfType, { proxy, routes }: ProxyPolicies): OldRules {
  const from = fromRulesOfInbounds(type, policies, proxy)
  const to = toRules(type, policies, routes)
  const tooMany = (list: string, instead: string) =>
    `${list} is left out: the tags in these policies can be combined in too many ways; see ${instead}`
  return {
    from: from ?? [],
    to: to ?? [],
    warnings: [
      ...(from === undefined ? [tooMany('fromRules', 'the policies themselves')] : []),
      ...(to === undefined ? [tooMany('toRules', 'toResourceRules')] : []),
    ],
  }
}

interface Parts {
  readonly meta: Meta
  readonly isExclusive: boolean
  readonly towards: ReadonlyMap<string, ResourceRule> | undefined
  readonly old: OldRules | undefined
}

function ruleOf({ type, policies }: PoliciesOfType, { proxy }: ProxyPolicies, parts: Parts): readonly object[] {
  const { meta, isExclusive, towards = new Map(), old = { from: [], to: [], warnings: [] } } = parts
  const conf = wholeProxyTypes.includes(type) ? proxyConf(type, policies) : undefined
  const inbounds = rulesOfInbounds(type, policies, proxy)
  const inboundOf = ({ name, port, tags, listener }: ProxyInbound) => ({
    ...(name === '' || listener !== undefined ? {} : { name }),
    port,
    tags: listener !== undefined ? null : proxy.gateway === 'none' ? tags : proxy.gatewayTags,
  })
  const originsOf = (origins: readonly RuleOrigin[]) =>
    origins.map(({ policy, index }) => ({ resourceMeta: meta(policy), ruleIndex: index }))
  const tagRule = ({ matchers, conf: of, origins }: TagRule) => ({
    conf: of,
    matchers: matchers.map(({ key, value, not }) => ({ key, not, value })),
    origin: origins.map(meta),
  })
  const rule = {
    fromRules: old.from.map(({ inbound, rules }) => ({ inbound: inboundOf(inbound), rules: rules.map(tagRule) })),
    inboundRules: inbounds.map(({ inbound, rules }) => ({
      inbound: inboundOf(inbound),
      rules: rules.map(({ conf: of, match, origin }) => ({
        ...{ conf: [of], ...(match === undefined ? {} : { match }) },
        origin: originsOf([origin]),
      })),
    })),
    ...(conf === undefined ? {} : { proxyRule: { conf, origin: policies.map(({ policy }) => meta(policy)) } }),
    toResourceRules: [...towards.values()]
      .map(({ confs, origins, resource, section }: ResourceRule) => ({
        conf: confs,
        origin: originsOf(origins),
        resourceMeta: meta(resource),
        resourceSectionName: section,
      }))
      .sort(
        (a, b) =>
          order(a.resourceMeta.name, b.resourceMeta.name) || order(a.resourceSectionName, b.resourceSectionName),
      ),
    toRules: isExclusive ? [] : old.to.map(tagRule),
    type,
    warnings: old.warnings,
  }
  const { fromRules, inboundRules, toResourceRules, toRules: to, warnings } = rule
  const says = [fromRules, inboundRules, toResourceRules, to, warnings].some((list) => list.length > 0)
  return says || conf !== undefined ? [rule] : []
}

const order = (a: unknown, b: unknown): number => (a === b ? 0 : String(a) < String(b) ? -1 : 1)

/** The matches of all routes, each once, by their hash. */
function httpMatches(confs: readonly JsonObject[]) {
  const matches = confs
    .flatMap(({ rules }) => (Array.isArray(rules) ? (rules as readonly JsonObject[]) : []))
    .map(({ matches: of = null }) => [matchesHash(of), of] as const)
  return [...new Map(matches)].sort(([a], [b]) => order(a, b)).map(([hash, match]) => ({ hash, match }))
}
