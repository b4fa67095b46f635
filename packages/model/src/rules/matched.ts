import type { JsonObject } from '../kinds/json.js'
import { type InboundRule, inboundRules } from './inbound-rules.js'
import { mergedConfs } from './merge.js'
import { byWhole } from './policy-order.js'
import { objectsOf, type PolicyResource, policySpec } from './policy-spec.js'
import { isReferred, type ProxyInbound, type Selected, selectedBy, type TargetedProxy } from './proxy-target.js'
import { itemConf, matchesHash, type ReadPolicy } from './resource-rules.js'
import { subsetOf, type TagItem, type TagRule, tagRules } from './tag-rules.js'

/** A policy that is about a proxy, with what of the proxy it is about. */
export interface MatchedPolicy extends ReadPolicy, Selected {}

const effectLabel = 'kuma.io/effect'

/** Those about a proxy, in the order in which they are merged. Shadows have no effect. */
export function matchedPolicies(
  policies: readonly PolicyResource[],
  proxy: TargetedProxy,
  routes: readonly PolicyResource[] = [],
): readonly MatchedPolicy[] {
  const routeOf = (policy: PolicyResource, name: string) => routes.find((route) => isReferred(policy, name, route))
  return policies
    .flatMap((policy): readonly MatchedPolicy[] => {
      if (policy.labels[effectLabel] === 'shadow') return []
      const selected = selectedBy(policy, proxy, routeOf)
      const spec = selected === undefined ? undefined : policySpec(policy)
      return selected === undefined || spec === undefined
        ? []
        : [{ policy, top: spec.targetRef, spec, inbounds: selected.inbounds }]
    })
    .sort(byWhole)
}

/** What the policies of one kind say about a proxy as a whole; undefined where none does. */
export function proxyConf(type: string, policies: readonly MatchedPolicy[]): JsonObject | undefined {
  return mergedConfs(
    type,
    policies.map(({ spec }) => spec.conf),
  )[0]
}

export interface InboundRules<Rule> {
  readonly inbound: ProxyInbound
  readonly rules: readonly Rule[]
}

/** What Kuma takes for one inbound: listeners of a gateway on one port, whatever their hostnames, are told together. */
function* byPlace(policies: readonly MatchedPolicy[], { inbounds }: TargetedProxy) {
  const places = new Map<string, ProxyInbound[]>()
  for (const inbound of inbounds) {
    const place = `${inbound.address}:${inbound.port}`
    places.set(place, [...(places.get(place) ?? []), inbound])
  }
  for (const [, same] of places) {
    const [inbound] = same
    if (inbound === undefined) continue
    yield { inbound, about: policies.filter((policy) => policy.inbounds.some((each) => same.includes(each))) }
  }
}

/** For each inbound of a proxy that something is said about, by port. */
export const rulesOfInbounds = (
  type: string,
  policies: readonly MatchedPolicy[],
  proxy: TargetedProxy,
): readonly InboundRules<InboundRule>[] =>
  byPort([...byPlace(policies, proxy)].map(({ inbound, about }) => ({ inbound, rules: inboundRules(type, about) })))

/** Undefined for rules of which there are too many to be listed. */
export function fromRulesOfInbounds(
  type: string,
  policies: readonly MatchedPolicy[],
  proxy: TargetedProxy,
): readonly InboundRules<TagRule>[] | undefined {
  const all = [...byPlace(policies, proxy)].map(({ inbound, about }) => ({
    inbound,
    rules: tagRules(type, itemsOf(type, about, 'from'), true),
  }))
  return all.every((each): each is InboundRules<TagRule> => each.rules !== undefined) ? byPort(all) : undefined
}

const byPort = <Rule>(all: readonly InboundRules<Rule>[]): readonly InboundRules<Rule>[] =>
  all.filter(({ rules }) => rules.length > 0).sort((a, b) => a.inbound.port - b.inbound.port)

/** What is said about outbounds to what Kuma called a service. Undefined: too much to be listed. */
export const toRules = (
  type: string,
  policies: readonly MatchedPolicy[],
  routes: readonly PolicyResource[],
): readonly TagRule[] | undefined =>
  tagRules(
    type,
    itemsOf(
      type,
      policies.filter(({ spec }) => spec.to.every(({ targetRef }) => targetRef.kind !== 'MeshHTTPRoute')),
      'to',
      routes,
    ),
    false,
  )

/** Under this tag Kuma tells apart what is configured for one route. */
const matchesTag = '__rule-matches-hash__'

const itemsOf = (
  type: string,
  policies: readonly MatchedPolicy[],
  list: 'from' | 'to',
  routes: readonly PolicyResource[] = [],
): readonly TagItem[] =>
  policies.flatMap(({ policy, top, spec }) =>
    list === 'to' && top.kind === 'MeshHTTPRoute'
      ? itemsOfRoute(
          type,
          policy,
          routes.find((route) => isReferred(policy, top.name ?? '', route)),
          spec.to,
        )
      : spec[list].flatMap((item) => {
          const subset = subsetOf(item.targetRef)
          return subset === undefined ? [] : [{ policy, subset, conf: itemConf(type, item) }]
        }),
  )

/** A policy about a route is about each of its rules, wherever that sends. */
function itemsOfRoute(
  type: string,
  policy: PolicyResource,
  route: PolicyResource | undefined,
  items: MatchedPolicy['spec']['to'],
): readonly TagItem[] {
  const spec = route === undefined ? undefined : policySpec(route)
  return (spec?.to ?? []).flatMap(({ targetRef, item }) =>
    objectsOf(item.rules).flatMap(({ matches }) => {
      const tags = { [matchesTag]: matchesHash(matches ?? null) }
      const subset =
        targetRef.kind === 'Mesh' || targetRef.kind === 'MeshSubset'
          ? subsetOf({ kind: 'MeshSubset', tags })
          : subsetOf({ kind: 'MeshServiceSubset', name: targetRef.name ?? '', tags })
      return items.map((each) => ({ policy, subset: subset ?? [], conf: itemConf(type, each) }))
    }),
  )
}
