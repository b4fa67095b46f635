import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { intOrString, numberOf } from './numbers.js'
import { endpointDeprecated, otelTarget, otelTargetFindings, saysEndpoint } from './otel-backend.js'
import { topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef, topKinds } from './target-ref.js'
import { isUrlLike, urlParts } from './urls.js'

const backend = z.looseObject({
  type: z.enum(['Zipkin', 'Datadog', 'OpenTelemetry']),
  zipkin: z
    .looseObject({
      url: z.string(),
      traceId128bit: z.boolean().default(false),
      apiVersion: z.enum(['httpJson', 'httpProto']).default('httpJson'),
      sharedSpanContext: z.boolean().default(true),
    })
    .optional(),
  datadog: z.looseObject({ url: z.string(), splitService: z.boolean().default(false) }).optional(),
  openTelemetry: z.looseObject(otelTarget).optional(),
})
const conf = z
  .looseObject({
    backends: z.array(backend).max(1).optional(),
    sampling: z
      .looseObject({
        overall: intOrString.optional(),
        client: intOrString.optional(),
        random: intOrString.optional(),
      })
      .optional(),
    tags: z
      .array(
        z.looseObject({
          name: z.string(),
          literal: z.string().optional(),
          header: z.looseObject({ name: z.string(), default: z.string().optional() }).optional(),
        }),
      )
      .optional(),
  })
  .default({})
type Backend = z.infer<typeof backend>

/** Which requests are traced, and where the spans go. */
const schema = z.looseObject({ targetRef: targetRef.optional(), default: conf })

export type MeshTraceSpec = z.infer<typeof schema>
export const meshTraceKind = keptKind('MeshTrace', schema, findings, policyColumns)

function* findings({ targetRef: top, default: given }: MeshTraceSpec): Iterable<Finding> {
  yield* topFindings(top, { kinds: topKinds })
  if (given.backends === undefined) yield strict('spec.default.backends', 'must be defined')
  for (const [index, each] of (given.backends ?? []).entries())
    yield* backendFindings(`spec.default.backends[${index}]`, each)
  for (const [index, { name, header, literal }] of (given.tags ?? []).entries()) {
    if (name === '') yield strict(`spec.default.tags[${index}].name`, 'must not be empty')
    if ((header === undefined) === (literal === undefined))
      yield strict(`spec.default.tags[${index}]`, 'tag must have only one type defined: header, literal')
  }
  for (const field of ['client', 'random', 'overall'] as const) {
    const value = given.sampling?.[field]
    const number = value === undefined ? 0 : numberOf(value)
    if (number === undefined) yield strict(`spec.default.sampling.${field}`, 'string is not a number')
    else if (number < 0 || number > 100) yield strict(`spec.default.sampling.${field}`, 'must be between 0 and 100')
  }
  if (saysEndpoint(given.backends)) yield warning('', endpointDeprecated)
}

function* backendFindings(path: string, { type, zipkin, datadog, openTelemetry }: Backend): Iterable<Finding> {
  switch (type) {
    case 'Zipkin':
      if (zipkin === undefined) yield strict(`${path}.zipkin`, 'must be defined')
      else if (zipkin.url === '') yield strict(`${path}.zipkin.url`, 'must not be empty')
      else if (!isUrlLike(zipkin.url)) yield strict(`${path}.zipkin.url`, 'must be a valid url')
      return
    case 'Datadog':
      if (datadog === undefined) yield strict(`${path}.datadog`, 'must be defined')
      else yield* agentFindings(`${path}.datadog.url`, datadog.url)
      return
    case 'OpenTelemetry':
      if (openTelemetry === undefined) yield strict(`${path}.openTelemetry`, 'must be defined')
      else yield* otelTargetFindings(`${path}.openTelemetry`, openTelemetry)
  }
}

/** The agent is told by host and port; the rest of a URL would be forgotten. */
function* agentFindings(path: string, url: string): Iterable<Finding> {
  const parts = urlParts(url)
  if (parts === undefined) {
    yield strict(path, 'must be a valid url')
    return
  }
  if (parts.scheme !== 'http') yield strict(path, 'scheme must be http')
  if (parts.port === '') yield strict(path, 'port must be defined')
  else if (!/^\d+$/.test(parts.port) || Number(parts.port) < 1 || Number(parts.port) > 65_535)
    yield strict(path, 'port must be a valid (1-65535)')
  const { user, path: ofUrl, query, fragment } = parts
  for (const [name, value] of Object.entries({ user: user ?? '', path: ofUrl, query, fragment }))
    if (value !== '') yield strict(path, `${name} must not be defined`)
}
