import { z } from 'zod'
import { duration, nanosecondsOf } from './duration.js'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { bySourceReason, headerKeyValue, isBySource, ruleMatchFindings } from './matches.js'
import { uint32 } from './numbers.js'
import {
  affectsInbounds,
  deprecatedFromFindings,
  directionFindings,
  fromOf,
  itemFindings,
  matchedRulesOf,
  toOf,
  topFindings,
} from './policy.js'
import { policyColumns } from './policy-columns.js'
import { includesGateways, targetRef, topKinds } from './target-ref.js'

const rate = z.looseObject({ num: uint32, interval: duration })
const local = z.looseObject({
  http: z
    .looseObject({
      disabled: z.boolean().optional(),
      requestRate: rate.optional(),
      onRateLimit: z
        .looseObject({
          status: uint32.optional(),
          headers: z
            .looseObject({
              set: z.array(headerKeyValue).max(16).optional(),
              add: z.array(headerKeyValue).max(16).optional(),
            })
            .optional(),
        })
        .optional(),
    })
    .optional(),
  tcp: z.looseObject({ disabled: z.boolean().optional(), connectionRate: rate.optional() }).optional(),
})
const conf = z.looseObject({ local: local.optional() }).default({})
type Conf = z.infer<typeof conf>
type Rate = z.infer<typeof rate>

/** How many requests or connections a proxy takes. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  from: fromOf(conf),
  to: toOf(conf),
  rules: matchedRulesOf(conf),
})

export type MeshRateLimitSpec = z.infer<typeof schema>
export const meshRateLimitKind = keptKind('MeshRateLimit', schema, findings, policyColumns)

function* findings(spec: MeshRateLimitSpec): Iterable<Finding> {
  const { from = [], to = [], rules = [] } = spec
  yield* directionFindings(spec, false)
  yield* topFindings(spec.targetRef, {
    kinds: [...topKinds, 'MeshHTTPRoute'],
    gatewayTags: true,
    inbound: affectsInbounds(spec),
  })
  const withGateways = includesGateways(spec.targetRef)
  if (withGateways && rules.length > 0) yield strict('spec.rules', 'must not be defined')
  else
    for (const [index, rule] of rules.entries()) {
      const path = `spec.rules[${index}]`
      yield* ruleMatchFindings(`${path}.matches`, rule.matches)
      if (isBySource(rule.matches) && rule.default.local?.tcp !== undefined)
        yield strict(`${path}.default.local.tcp`, bySourceReason)
      yield* confFindings(`${path}.default`, rule.default)
    }
  if (withGateways && from.length > 0)
    yield strict(
      'spec.from',
      'must not be defined when the scope includes a Gateway, select only proxyType Sidecar or select only gateways and use spec.to',
    )
  else yield* itemFindings('spec.from', from, { kinds: ['Mesh'] }, confFindings)
  if (!withGateways && to.length > 0) yield strict('spec.to', 'must not be defined')
  else yield* itemFindings('spec.to', to, { kinds: ['Mesh'] }, confFindings)
  yield* deprecatedFromFindings(spec)
  for (const [field, items] of Object.entries({ from, rules, to }))
    for (const [index, { default: given }] of items.entries())
      if ((given.local?.http?.onRateLimit?.status ?? 400) < 400)
        yield warning(
          '',
          `'spec.${field}[${index}].default.local.http.requestRate.status' must be 400 or higher. Please update your configuration.`,
        )
}

function* confFindings(path: string, { local: given }: Conf): Iterable<Finding> {
  if (given === undefined) {
    yield strict(`${path}.local`, 'must be defined')
    return
  }
  const { http, tcp } = given
  if (http === undefined && tcp === undefined)
    yield strict(`${path}.local`, 'must have at least one defined: tcp, http')
  if (http !== undefined) {
    if (http.disabled === undefined && http.requestRate === undefined && http.onRateLimit === undefined)
      yield strict(`${path}.local.http`, 'must have at least one defined: disabled, requestRate, onRateLimit')
    yield* rateFindings(`${path}.local.http.requestRate`, http.requestRate)
    if (http.onRateLimit?.status === 0) yield strict(`${path}.local.http.onRateLimit.status`, 'must be greater than 0')
  }
  if (tcp !== undefined) {
    if (tcp.disabled === undefined && tcp.connectionRate === undefined)
      yield strict(`${path}.local.tcp`, 'must have at least one defined: disabled, connectionRate')
    yield* rateFindings(`${path}.local.tcp.connectionRate`, tcp.connectionRate)
  }
}

const shortestNanoseconds = 50_000_000n

function* rateFindings(path: string, given: Rate | undefined): Iterable<Finding> {
  if (given === undefined) return
  if (given.num === 0) yield strict(`${path}.num`, 'must be greater than 0')
  if ((nanosecondsOf(given.interval) ?? 0n) <= shortestNanoseconds)
    yield strict(`${path}.interval`, 'must be greater than: 50ms')
}
