import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { match, matchFindings } from './matches.js'
import { affectsInbounds, fromOf, itemFindings, rulesOf, topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef } from './target-ref.js'

const action = z.looseObject({ action: z.enum(['Allow', 'Deny', 'AllowWithShadowDeny']).optional() }).default({})
const decision = z.looseObject({
  deny: z.array(match).optional(),
  allowWithShadowDeny: z.array(match).optional(),
  allow: z.array(match).optional(),
})

/** Who may call. */
const schema = z.looseObject({ targetRef: targetRef.optional(), from: fromOf(action), rules: rulesOf(decision) })

export type MeshTrafficPermissionSpec = z.infer<typeof schema>
export const meshTrafficPermissionKind = keptKind('MeshTrafficPermission', schema, findings, policyColumns)

function* findings(spec: MeshTrafficPermissionSpec): Iterable<Finding> {
  const { from = [], rules = [] } = spec
  yield* topFindings(spec.targetRef, {
    kinds: ['Mesh', 'MeshSubset', 'MeshService', 'MeshServiceSubset', 'Dataplane'],
    inbound: affectsInbounds(spec),
  })
  if (from.length > 0 && rules.length > 0) yield strict('spec', "field 'from' must be empty when 'rules' is defined")
  if (from.length === 0 && rules.length === 0)
    yield strict('spec', "at least one of 'from' or 'rules' has to be defined")
  for (const [index, rule] of rules.entries()) {
    // Kuma leaves `default` out of these paths.
    const path = `spec.rules[${index}]`
    const { allow = [], allowWithShadowDeny = [], deny = [] } = rule.default
    if (allow.length + allowWithShadowDeny.length + deny.length === 0)
      yield strict(path, "at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined")
    for (const [name, matches] of Object.entries({ allow, allowWithShadowDeny, deny }))
      for (const [at, each] of matches.entries()) yield* matchFindings(`${path}.${name}[${at}]`, each)
  }
  const kinds = ['Mesh', 'MeshSubset', 'MeshService', 'MeshServiceSubset'] as const
  yield* itemFindings('spec.from', from, { kinds }, function* (path, given) {
    if (given.action === undefined) yield strict(`${path}.action`, 'must be defined')
  })
  if (from.length === 0) return
  yield warning(
    '',
    "'from' field is deprecated and will be removed in 3.0, use 'rules' with MeshIdentity (spiffeId) instead",
  )
  for (const each of from)
    if (each.targetRef.kind === 'MeshService')
      yield warning(
        '',
        "MeshService value for 'from[].targetRef.kind' is deprecated, use MeshSubset with 'kuma.io/service' instead",
      )
}
