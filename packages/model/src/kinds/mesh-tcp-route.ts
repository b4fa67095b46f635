import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { backendRef, backendRefFindings, serviceKinds, targetRef, targetRefFindings, topKinds } from './target-ref.js'

/** Where TCP connections go. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  to: z
    .array(
      z.looseObject({
        targetRef,
        rules: z
          .array(z.looseObject({ default: z.looseObject({ backendRefs: z.array(backendRef).optional() }) }))
          .max(1),
      }),
    )
    .min(1)
    .optional(),
})

export type MeshTCPRouteSpec = z.infer<typeof schema>
export const meshTCPRouteKind = keptKind('MeshTCPRoute', schema, findings, policyColumns)

function* findings(spec: MeshTCPRouteSpec): Iterable<Finding> {
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true })
  const kinds = spec.targetRef?.kind === 'MeshGateway' ? (['Mesh'] as const) : serviceKinds
  for (const [index, to] of (spec.to ?? []).entries()) {
    yield* targetRefFindings(`spec.to[${index}].targetRef`, to.targetRef, { kinds })
    for (const [at, rule] of to.rules.entries()) {
      const path = `spec.to[${index}].rules[${at}].default.backendRefs`
      const refs = rule.default.backendRefs ?? []
      if (refs.length === 0) yield strict(path, 'must be defined')
      for (const [place, ref] of refs.entries())
        yield* backendRefFindings(`${path}[${place}]`, ref, [...serviceKinds, 'MeshServiceSubset'])
    }
  }
}
