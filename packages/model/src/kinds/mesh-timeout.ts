import { z } from 'zod'
import { duration } from './duration.js'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { bySourceReason, isBySource, type Match, ruleMatchFindings } from './matches.js'
import { notNegativeDuration, positiveDuration } from './numbers.js'
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
import { type TargetRefKind, targetRef, topKinds } from './target-ref.js'

const conf = z
  .looseObject({
    connectionTimeout: duration.optional(),
    idleTimeout: duration.optional(),
    http: z
      .looseObject({
        requestTimeout: duration.optional(),
        streamIdleTimeout: duration.optional(),
        maxStreamDuration: duration.optional(),
        maxConnectionDuration: duration.optional(),
        requestHeadersTimeout: duration.optional(),
      })
      .optional(),
  })
  .default({})
type Conf = z.infer<typeof conf>

/** How long proxies wait. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  to: toOf(conf),
  from: fromOf(conf),
  rules: matchedRulesOf(conf),
})

export type MeshTimeoutSpec = z.infer<typeof schema>
export const meshTimeoutKind = keptKind('MeshTimeout', schema, findings, policyColumns)

function* findings(spec: MeshTimeoutSpec): Iterable<Finding> {
  const { to, from = [], rules = [] } = spec
  const top = spec.targetRef?.kind ?? 'Mesh'
  yield* topFindings(spec.targetRef, {
    kinds: [...topKinds, 'MeshHTTPRoute'],
    gatewayTags: true,
    inbound: affectsInbounds(spec),
  })
  yield* directionFindings(spec, true)
  yield* deprecatedFromFindings(spec)
  const said = (path: string, each: Conf) => confFindings(path, each, top)
  const narrow = top === 'MeshHTTPRoute' || top === 'MeshGateway'
  if (!narrow) yield* itemFindings('spec.from', from, { kinds: ['Mesh'] }, said)
  else if (from.length > 0) yield strict('spec.from', 'must not be defined')
  const kinds: readonly TargetRefKind[] = narrow
    ? ['Mesh', 'MeshExternalService']
    : ['Mesh', 'MeshService', 'MeshExternalService', 'MeshMultiZoneService', 'MeshHTTPRoute']
  yield* itemFindings('spec.to', to, { kinds }, said)
  for (const [index, rule] of rules.entries()) {
    const path = `spec.rules[${index}]`
    yield* ruleMatchFindings(`${path}.matches`, rule.matches)
    yield* bySourceFindings(`${path}.default`, rule.matches, rule.default)
    yield* confFindings(`${path}.default`, rule.default, top)
  }
}

function* bySourceFindings(path: string, matches: readonly Match[] | undefined, given: Conf): Iterable<Finding> {
  if (!isBySource(matches)) return
  for (const field of ['connectionTimeout', 'idleTimeout'] as const)
    if (given[field] !== undefined) yield strict(`${path}.${field}`, bySourceReason)
  for (const field of ['requestHeadersTimeout', 'maxStreamDuration', 'maxConnectionDuration'] as const)
    if (given.http?.[field] !== undefined) yield strict(`${path}.http.${field}`, bySourceReason)
}

function* confFindings(path: string, given: Conf, top: TargetRefKind): Iterable<Finding> {
  const { connectionTimeout, idleTimeout, http } = given
  if (connectionTimeout === undefined && idleTimeout === undefined && http === undefined) {
    yield strict(path, 'at least one timeout should be configured')
    return
  }
  if (top === 'MeshHTTPRoute') {
    const reason = "can't be specified when top-level TargetRef is referencing MeshHTTPRoute"
    for (const field of ['connectionTimeout', 'idleTimeout'] as const)
      if (given[field] !== undefined) yield strict(`${path}.${field}`, reason)
    for (const field of ['maxStreamDuration', 'maxConnectionDuration'] as const)
      if (http?.[field] !== undefined) yield strict(`${path}.http.${field}`, reason)
  }
  yield* positiveDuration(`${path}.connectionTimeout`, connectionTimeout)
  yield* notNegativeDuration(`${path}.idleTimeout`, idleTimeout)
  if (http === undefined) return
  const { requestTimeout, streamIdleTimeout, maxStreamDuration, maxConnectionDuration, requestHeadersTimeout } = http
  const main = { requestTimeout, streamIdleTimeout, maxStreamDuration, maxConnectionDuration }
  if (Object.values(main).every((each) => each === undefined))
    yield strict(`${path}.http`, 'at least one timeout in this section should be configured')
  for (const [field, value] of Object.entries({ ...main, requestHeadersTimeout }))
    yield* notNegativeDuration(`${path}.http.${field}`, value)
}
