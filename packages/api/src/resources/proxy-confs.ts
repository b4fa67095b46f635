import {
  allTypes,
  type JsonObject,
  kriOf,
  matchesHash,
  type ProxyInbound,
  proxyConf,
  type ResourceRule,
  resourceRules,
  rulesOfInbounds,
  typeOf,
} from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { badRequest } from '../http/errors.js'
import type { PoliciesOfType, ProxyPolicies } from './proxy-rules.js'

/** An identifier in a path: of the whole resource, and of the part of it that is meant. */
export interface Identifier {
  readonly whole: string
  readonly section: string
  readonly mesh: string
}

/** Throws 400 in Kuma's words for what is no identifier. */
export function identifierOf(text: string): Identifier {
  const parts = text.split('_')
  if (parts.length < 7) throw badRequest(`bad request: invalid identifier string: ${JSON.stringify(text)}`)
  if (parts[0] !== 'kri') throw badRequest(`bad request: identifier must start with 'kri': ${JSON.stringify(text)}`)
  const [, shortName = '', mesh = ''] = parts
  if (shortName === '' || !allTypes.some((type) => type.shortName === shortName))
    throw badRequest(`bad request: unknown short name of resource type: ${JSON.stringify(shortName)}`)
  return { whole: `${parts.slice(0, 6).join('_')}_`, section: parts.slice(6).join(''), mesh }
}

type Named = Pick<Row, 'type' | 'mesh' | 'name' | 'labels'>
const originOf = (policy: Named) => ({ kri: kriOf(typeOf(policy.type), policy) ?? '' })
const distinct = <Policy extends Named>(policies: readonly Policy[]): readonly Policy[] => [...new Set(policies)]

/** What is said about a proxy as a whole. */
export const proxyPolicies = ({ matched }: ProxyPolicies) => ({
  policies: matched.flatMap(({ type, policies }) => {
    const conf = proxyConf(type, policies)
    return conf === undefined ? [] : [{ conf, kind: type, origins: policies.map(({ policy }) => originOf(policy)) }]
  }),
})

/** What is said about one of its inbounds: rules one after another, for proxies go through them so. */
export const inboundPolicies = ({ matched, proxy }: ProxyPolicies, inbound: ProxyInbound) => ({
  policies: matched.flatMap(({ type, policies }) => {
    const found = rulesOfInbounds(type, policies, { ...proxy, inbounds: [inbound] })
    const rules = found.flatMap((each) => each.rules)
    if (rules.length === 0) return []
    return [
      {
        kind: type,
        origins: distinct(rules.map(({ origin }) => origin.policy)).map(originOf),
        rules: rules.map(({ conf, origin }) => ({ conf, ...originOf(origin.policy) })),
      },
    ]
  }),
})

/**
 * What is said about an outbound, or about a route of one: by the most exact of what some policy names, the mesh as a
 * whole at last.
 */
export const outboundPolicies = (found: ProxyPolicies, from: Identifier, ...closer: readonly Identifier[]) => ({
  policies: found.matched.flatMap((of) => {
    const rule = firstRule(of, found, [
      ...closer.map(keyOf).reverse(),
      keyOf(from),
      from.whole,
      `kri_m____${from.mesh}_`,
    ])
    return rule === undefined
      ? []
      : [
          {
            conf: rule.confs,
            kind: of.type,
            origins: rule.origins.map(({ policy }) => originOf(policy)),
          },
        ]
  }),
})

/** How traffic to an outbound is led on. */
export const outboundRoutes = (found: ProxyPolicies, outbound: Identifier) => ({
  routes: found.matched.flatMap((of) => {
    const rule = firstRule(of, found, [keyOf(outbound), outbound.whole, `kri_m____${outbound.mesh}_`])
    if (rule === undefined) return []
    return [
      {
        kind: of.type,
        origins: rule.origins.map(({ policy }) => originOf(policy)),
        rules: of.type === 'MeshHTTPRoute' ? httpRules(rule) : rule.confs.map(tcpRule),
      },
    ]
  }),
})

const keyOf = ({ whole, section }: Identifier): string => `${whole}${section}`

function firstRule(
  { type, policies }: PoliciesOfType,
  { referables }: ProxyPolicies,
  keys: readonly string[],
): ResourceRule | undefined {
  const rules = resourceRules(type, policies, referables)
  const key = keys.find((each) => rules.has(each))
  return key === undefined ? undefined : rules.get(key)
}

const httpRules = ({ confs, originByMatches }: ResourceRule) =>
  confs
    .flatMap(({ rules }) => (Array.isArray(rules) ? (rules as readonly JsonObject[]) : []))
    .map(({ matches = null, default: conf = {} }) => {
      const origin = originByMatches.get(matchesHash(matches))
      return { conf, kri: origin === undefined ? '' : originOf(origin.policy).kri, matches }
    })

/** A MeshTCPRoute has no matches, and says of no rule alone whose it is. */
const tcpRule = ({ default: conf = {} }: JsonObject) => ({ conf, kri: '', matches: null })
