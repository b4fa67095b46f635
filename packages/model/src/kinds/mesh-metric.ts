import { z } from 'zod'
import { duration } from './duration.js'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { portFindings, uint32 } from './numbers.js'
import { endpointDeprecated, otelTarget, otelTargetFindings, saysEndpoint } from './otel-backend.js'
import { topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef, topKinds } from './target-ref.js'

const selector = z.looseObject({ type: z.enum(['Prefix', 'Regex', 'Exact', 'Contains']), match: z.string() })
const sidecar = z.looseObject({
  profiles: z
    .looseObject({
      appendProfiles: z.array(z.looseObject({ name: z.enum(['All', 'Basic', 'None']) })).optional(),
      exclude: z.array(selector).optional(),
      include: z.array(selector).optional(),
    })
    .optional(),
  includeUnused: z.boolean().optional(),
})
const backend = z.looseObject({
  type: z.enum(['Prometheus', 'OpenTelemetry']),
  prometheus: z
    .looseObject({
      clientId: z.string().optional(),
      port: uint32.default(5670),
      path: z.string().default('/metrics'),
      tls: z
        .looseObject({ mode: z.enum(['Disabled', 'ProvidedTLS', 'ActiveMTLSBackend']).default('Disabled') })
        .optional(),
    })
    .optional(),
  openTelemetry: z.looseObject({ ...otelTarget, refreshInterval: duration.optional() }).optional(),
})
const conf = z
  .looseObject({
    sidecar: sidecar.optional(),
    applications: z
      .array(
        z.looseObject({
          name: z.string().optional(),
          path: z.string().default('/metrics'),
          address: z.string().optional(),
          port: uint32,
        }),
      )
      .optional(),
    backends: z.array(backend).optional(),
  })
  .default({})
type Backend = z.infer<typeof backend>

/** Which metrics proxies give, and to whom. */
const schema = z.looseObject({ targetRef: targetRef.optional(), default: conf })

export type MeshMetricSpec = z.infer<typeof schema>
export const meshMetricKind = keptKind('MeshMetric', schema, findings, policyColumns)

function* findings({ targetRef: top, default: given }: MeshMetricSpec): Iterable<Finding> {
  yield* topFindings(top, { kinds: topKinds, gatewayTags: true })
  const { exclude = [], include = [] } = given.sidecar?.profiles ?? {}
  for (const [name, selectors] of Object.entries({ exclude, include }))
    for (const [index, { type, match }] of selectors.entries())
      if (type === 'Regex' && !isExpression(match))
        yield strict(`spec.default.sidecar.profiles.${name}[${index}].match`, 'invalid regex')
  // `application` and `backend` in the paths are Kuma's; clients know them.
  for (const [index, { port }] of (given.applications ?? []).entries())
    yield* portFindings(`spec.default.applications.application[${index}]`, port)
  for (const [index, each] of (given.backends ?? []).entries())
    yield* backendFindings(`spec.default.backends.backend[${index}]`, each)
  if (saysEndpoint(given.backends)) yield warning('', endpointDeprecated)
}

function* backendFindings(path: string, { type, prometheus, openTelemetry }: Backend): Iterable<Finding> {
  if (type === 'Prometheus') {
    if (prometheus === undefined) yield strict(`${path}.prometheus`, 'must be defined')
    else yield* portFindings(`${path}.port`, prometheus.port)
    return
  }
  if (openTelemetry === undefined) yield strict(`${path}.openTelemetry`, 'must be defined')
  else yield* otelTargetFindings(`${path}.openTelemetry`, openTelemetry, { needsPort: true })
}

function isExpression(text: string): boolean {
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}
