import { z } from 'zod'
import { duration } from './duration.js'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { matchFindings } from './matches.js'
import { httpStatusFindings, intOrString, notNegativeDuration, percentageFindings } from './numbers.js'
import { affectsInbounds, fromOf, itemFindings, matchedRulesOf, toOf, topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { includesGateways, targetRef, topKinds } from './target-ref.js'

const faults = z.looseObject({
  http: z
    .array(
      z.looseObject({
        abort: z.looseObject({ httpStatus: z.int32(), percentage: intOrString }).optional(),
        delay: z.looseObject({ value: duration, percentage: intOrString }).optional(),
        responseBandwidth: z.looseObject({ limit: z.string(), percentage: intOrString }).optional(),
      }),
    )
    .optional(),
})
const conf = faults.default({})
type Conf = z.infer<typeof conf>

/** Faults that proxies make on purpose. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  from: fromOf(conf),
  to: toOf(conf),
  rules: matchedRulesOf(faults),
})

export type MeshFaultInjectionSpec = z.infer<typeof schema>
export const meshFaultInjectionKind = keptKind('MeshFaultInjection', schema, findings, policyColumns)

function* findings(spec: MeshFaultInjectionSpec): Iterable<Finding> {
  const { from = [], to = [], rules = [] } = spec
  const withGateways = includesGateways(spec.targetRef)
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true, inbound: affectsInbounds(spec) })
  if (from.length > 0 && rules.length > 0) yield strict('spec', "field 'from' must be empty when 'rules' is defined")
  for (const [index, rule] of rules.entries()) {
    for (const [at, match] of (rule.matches ?? []).entries())
      yield* matchFindings(`spec.rules[${index}].matches[${at}]`, match)
    yield* confFindings(`spec.rules[${index}].default`, rule.default)
  }
  if (withGateways && from.length > 0)
    yield strict(
      'spec.from',
      'must not be defined when the scope includes a Gateway, select only proxyType Sidecar or select only gateways and use spec.to',
    )
  else {
    const kinds = ['Mesh', 'MeshSubset', 'MeshServiceSubset', 'MeshService'] as const
    yield* itemFindings('spec.from', from, { kinds }, confFindings)
  }
  if (!withGateways && to.length > 0) yield strict('spec.to', 'must not be defined')
  else yield* itemFindings('spec.to', to, { kinds: ['Mesh'] }, confFindings)
  if (from.length > 0) yield warning('', "'from' field is deprecated, use 'rules' with SPIFFE-based 'matches' instead")
}

function* confFindings(path: string, { http = [] }: Conf): Iterable<Finding> {
  // Kuma puts the index behind the member; clients know that path.
  for (const [index, { abort, delay, responseBandwidth }] of http.entries()) {
    if (abort !== undefined) {
      yield* httpStatusFindings(`${path}.http.abort[${index}].httpStatus`, abort.httpStatus)
      yield* percentageFindings(`${path}.http.abort[${index}].percentage`, abort.percentage)
    }
    if (delay !== undefined) {
      yield* notNegativeDuration(`${path}.http.delay[${index}].value`, delay.value)
      yield* percentageFindings(`${path}.http.delay[${index}].percentage`, delay.percentage)
    }
    if (responseBandwidth !== undefined) {
      const at = `${path}.http.responseBandwidth[${index}]`
      const { limit } = responseBandwidth
      if (limit === '') yield strict(`${at}.limit`, 'must be defined')
      else if (!/^\d*\s?[GMk]+bps$/.test(limit)) yield strict(`${at}.limit`, 'must be in kbps/Mbps/Gbps units')
      yield* percentageFindings(`${at}.percentage`, responseBandwidth.percentage)
    }
  }
}
