import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { matchFindings } from './matches.js'
import { endpointDeprecated, otelTarget, otelTargetFindings, saysEndpoint } from './otel-backend.js'
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
import { targetRef, topKinds } from './target-ref.js'
import { isFilePath, isUrlLike } from './urls.js'

const keyValue = z.looseObject({ key: z.string(), value: z.string() })
// A static name: placeholders are for values.
const attribute = z.looseObject({ key: z.string().regex(/^[a-z]([a-z0-9]|[._][a-z0-9])*$/), value: z.string() })
const format = z.looseObject({
  type: z.enum(['Plain', 'Json']),
  plain: z.string().optional(),
  json: z.array(keyValue).optional(),
  omitEmptyValues: z.boolean().default(false),
})
const backend = z.looseObject({
  type: z.enum(['Tcp', 'File', 'OpenTelemetry']),
  tcp: z.looseObject({ format: format.optional(), address: z.string().min(1) }).optional(),
  file: z.looseObject({ format: format.optional(), path: z.string().min(1) }).optional(),
  openTelemetry: z
    .looseObject({ attributes: z.array(attribute).optional(), body: z.unknown().optional(), ...otelTarget })
    .optional(),
})
const conf = z.looseObject({ backends: z.array(backend).optional() })
type Conf = z.infer<typeof conf>
type Backend = z.infer<typeof backend>
type Format = z.infer<typeof format>

/** Where proxies write what they have served. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  to: toOf(conf),
  from: fromOf(conf),
  rules: matchedRulesOf(conf),
})

export type MeshAccessLogSpec = z.infer<typeof schema>
export const meshAccessLogKind = keptKind('MeshAccessLog', schema, findings, policyColumns)

function* findings(spec: MeshAccessLogSpec): Iterable<Finding> {
  const { to, from, rules = [] } = spec
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true, inbound: affectsInbounds(spec) })
  yield* directionFindings(spec, true)
  const ofGateway = spec.targetRef?.kind === 'MeshGateway'
  const kinds = ofGateway
    ? (['Mesh'] as const)
    : (['Mesh', 'MeshService', 'MeshExternalService', 'MeshMultiZoneService', 'MeshHTTPRoute'] as const)
  yield* itemFindings('spec.to', to, { kinds }, confFindings)
  yield* itemFindings('spec.from', from, { kinds: ['Mesh'] }, confFindings)
  for (const [index, rule] of rules.entries()) {
    for (const [at, match] of (rule.matches ?? []).entries())
      yield* matchFindings(`spec.rules[${index}].matches[${at}]`, match)
    yield* confFindings(`spec.rules[${index}].default`, rule.default)
  }
  yield* deprecatedFromFindings(spec)
  if ([...(to ?? []), ...(from ?? []), ...rules].some((each) => saysEndpoint(each.default.backends)))
    yield warning('', endpointDeprecated)
}

function* confFindings(path: string, { backends }: Conf): Iterable<Finding> {
  if (backends === undefined) yield strict(`${path}.backends`, 'must be defined')
  for (const [index, each] of (backends ?? []).entries()) yield* backendFindings(`${path}.backends[${index}]`, each)
}

function* backendFindings(path: string, { type, tcp, file, openTelemetry }: Backend): Iterable<Finding> {
  switch (type) {
    case 'File':
      if (file === undefined) yield strict(`${path}.file`, 'must be defined')
      else {
        yield* formatFindings(`${path}.file.format`, file.format)
        if (!isFilePath(file.path)) yield strict(`${path}.file.path`, 'file backend requires a valid path')
      }
      return
    case 'Tcp':
      if (tcp === undefined) yield strict(`${path}.tcp`, 'must be defined')
      else {
        yield* formatFindings(`${path}.tcp.format`, tcp.format)
        if (!isUrlLike(tcp.address)) yield strict(`${path}.tcp.address`, 'tcp backend requires valid address')
      }
      return
    case 'OpenTelemetry':
      if (openTelemetry === undefined) yield strict(`${path}.openTelemetry`, 'must be defined')
      else {
        yield* otelTargetFindings(`${path}.openTelemetry`, openTelemetry)
        for (const [index, { key }] of (openTelemetry.attributes ?? []).entries())
          if (key.startsWith('otel.'))
            yield strict(
              `${path}.openTelemetry.attributes[${index}].key`,
              "must not use the reserved OpenTelemetry prefix 'otel.'",
            )
      }
  }
}

function* formatFindings(path: string, given: Format | undefined): Iterable<Finding> {
  if (given === undefined) return
  const { type, plain, json } = given
  if (type === 'Plain') {
    if (plain === undefined) yield strict(`${path}.plain`, 'must be defined')
    else if (plain === '') yield strict(`${path}.plain`, 'must not be empty')
    return
  }
  if (json === undefined) yield strict(`${path}.json`, 'must be defined')
  else if (json.length === 0) yield strict(`${path}.json`, 'must not be empty')
  for (const [index, { key, value }] of (json ?? []).entries()) {
    if (key === '') yield strict(`${path}.json[${index}].key`, 'key cannot be empty')
    if (value === '') yield strict(`${path}.json[${index}].value`, 'value cannot be empty')
    if (!isJsonText(key) || !isJsonText(value)) yield strict(`${path}.json[${index}]`, 'is not a valid JSON object')
  }
}

/** As it stands between quotes. */
function isJsonText(text: string): boolean {
  try {
    JSON.parse(`"${text}"`)
    return true
  } catch {
    return false
  }
}
