import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { filterFindings, type HttpFilter, httpFilter } from './http-filters.js'
import { keptKind } from './json-kind.js'
import { headerMatch } from './matches.js'
import { topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { httpMethods } from './retry-conditions.js'
import { backendRef, backendRefFindings, serviceKinds, targetRef, targetRefFindings, topKinds } from './target-ref.js'

const requestMatch = z.looseObject({
  path: z
    .looseObject({ value: z.string().min(1), type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']) })
    .optional(),
  method: httpMethods.optional(),
  queryParams: z
    .array(z.looseObject({ type: z.enum(['Exact', 'RegularExpression']), name: z.string().min(1), value: z.string() }))
    .optional(),
  headers: z.array(headerMatch).optional(),
})
const rule = z.looseObject({
  matches: z.array(requestMatch).min(1),
  default: z.looseObject({ filters: z.array(httpFilter).optional(), backendRefs: z.array(backendRef).optional() }),
})
type RequestMatch = z.infer<typeof requestMatch>
type Rule = z.infer<typeof rule>

/** Which requests go where, and what is changed of them. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  to: z.array(z.looseObject({ hostnames: z.array(z.string()).optional(), targetRef, rules: z.array(rule) })).optional(),
})

export type MeshHTTPRouteSpec = z.infer<typeof schema>
export const meshHTTPRouteKind = keptKind('MeshHTTPRoute', schema, findings, policyColumns)

function* findings(spec: MeshHTTPRouteSpec): Iterable<Finding> {
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true })
  const ofGateway = spec.targetRef?.kind === 'MeshGateway'
  for (const [index, to] of (spec.to ?? []).entries()) {
    const path = `spec.to[${index}]`
    yield* targetRefFindings(`${path}.targetRef`, to.targetRef, { kinds: ofGateway ? ['Mesh'] : serviceKinds })
    for (const [at, each] of to.rules.entries()) yield* ruleFindings(`${path}.rules[${at}]`, each, ofGateway)
    if (!ofGateway && (to.hostnames ?? []).length > 0) yield strict(`${path}.hostnames`, 'must not be defined')
  }
}

function* ruleFindings(path: string, { matches, default: conf }: Rule, ofGateway: boolean): Iterable<Finding> {
  for (const [index, each] of matches.entries()) yield* matchFindings(`${path}.matches[${index}]`, each)
  const filters: readonly HttpFilter[] = conf.filters ?? []
  const prefixesOnly = matches.every((each) => each.path?.type === 'PathPrefix')
  for (const [index, each] of filters.entries())
    yield* filterFindings(`${path}.default.filters[${index}]`, each, { prefixesOnly, ofGateway })
  const refs = conf.backendRefs ?? []
  if (refs.length === 0 && ofGateway && !filters.some(({ type }) => type === 'RequestRedirect'))
    yield strict(`${path}.default.backendRefs`, 'must not be empty')
  for (const [index, ref] of refs.entries())
    yield* backendRefFindings(`${path}.default.backendRefs[${index}]`, ref, [...serviceKinds, 'MeshServiceSubset'])
}

function* matchFindings(path: string, { path: of, queryParams = [], headers = [] }: RequestMatch): Iterable<Finding> {
  if (of !== undefined && of.type !== 'RegularExpression') {
    if (of.type === 'PathPrefix' && of.value !== '/' && of.value.endsWith('/'))
      yield strict(
        `${path}.path.value`,
        'does not need a trailing slash because only a `/`-separated prefix or an entire path is matched',
      )
    if (!of.value.startsWith('/')) yield strict(`${path}.path.value`, 'must be an absolute path')
  }
  const seen = new Set<string>()
  for (const [index, { name }] of queryParams.entries()) {
    if (seen.has(name)) yield strict(`${path}.queryParams[${index}].name`, `multiple entries for name ${name}`)
    seen.add(name)
  }
  for (const [index, { type, value = '' }] of headers.entries())
    if ((type === 'Present' || type === 'Absent') && value !== '')
      yield strict(`${path}.headers[${index}].value`, 'must not be defined')
}
