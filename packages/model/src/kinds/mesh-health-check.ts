import { z } from 'zod'
import { duration } from './duration.js'
import { type Finding, strict, warning } from './finding.js'
import { keptKind } from './json-kind.js'
import { headerKeyValue } from './matches.js'
import {
  httpStatusFindings,
  intOrString,
  percentageFindings,
  positiveDuration,
  wholePercentFindings,
} from './numbers.js'
import { itemFindings, toOf, topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef, topKinds } from './target-ref.js'
import { isFilePath } from './urls.js'

const conf = z
  .looseObject({
    interval: duration.optional(),
    timeout: duration.optional(),
    unhealthyThreshold: z.int32().optional(),
    healthyThreshold: z.int32().optional(),
    initialJitter: duration.optional(),
    intervalJitter: duration.optional(),
    intervalJitterPercent: z.int32().optional(),
    healthyPanicThreshold: intOrString.optional(),
    failTrafficOnPanic: z.boolean().optional(),
    eventLogPath: z.string().optional(),
    alwaysLogHealthCheckFailures: z.boolean().optional(),
    noTrafficInterval: duration.optional(),
    tcp: z
      .looseObject({
        disabled: z.boolean().optional(),
        send: z.string().optional(),
        receive: z.array(z.string()).optional(),
      })
      .optional(),
    http: z
      .looseObject({
        disabled: z.boolean().optional(),
        path: z.string().optional(),
        requestHeadersToAdd: z
          .looseObject({
            set: z.array(headerKeyValue).max(16).optional(),
            add: z.array(headerKeyValue).max(16).optional(),
          })
          .optional(),
        expectedStatuses: z.array(z.int32()).optional(),
      })
      .optional(),
    grpc: z
      .looseObject({
        disabled: z.boolean().optional(),
        serviceName: z.string().optional(),
        authority: z.string().optional(),
      })
      .optional(),
    reuseConnection: z.boolean().optional(),
  })
  .default({})
type Conf = z.infer<typeof conf>

/** How proxies find out whether an endpoint is well. */
const schema = z.looseObject({ targetRef: targetRef.optional(), to: toOf(conf) })

export type MeshHealthCheckSpec = z.infer<typeof schema>
export const meshHealthCheckKind = keptKind('MeshHealthCheck', schema, findings, policyColumns)

function* findings(spec: MeshHealthCheckSpec): Iterable<Finding> {
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true })
  const kinds = ['Mesh', 'MeshService', 'MeshExternalService', 'MeshMultiZoneService'] as const
  yield* itemFindings('spec.to', spec.to, { kinds }, confFindings)
  for (const { default: given } of spec.to ?? [])
    if (given.healthyPanicThreshold !== undefined)
      yield warning(
        '',
        "healthyPanicThreshold for 'to[].default' is deprecated. The setting has been moved to MeshCircuitBreaker policy, please use MeshCircuitBreaker policy instead.",
      )
}

function* confFindings(path: string, given: Conf): Iterable<Finding> {
  for (const field of ['interval', 'timeout', 'initialJitter', 'intervalJitter', 'noTrafficInterval'] as const)
    yield* positiveDuration(`${path}.${field}`, given[field])
  for (const field of ['unhealthyThreshold', 'healthyThreshold'] as const)
    if ((given[field] ?? 1) <= 0) yield strict(`${path}.${field}`, 'must be greater than zero when defined')
  yield* wholePercentFindings(`${path}.intervalJitterPercent`, given.intervalJitterPercent)
  yield* percentageFindings(`${path}.healthyPanicThreshold`, given.healthyPanicThreshold)
  if (given.eventLogPath !== undefined && !isFilePath(given.eventLogPath))
    yield strict(`${path}.eventLogPath`, 'must be a valid path when defined')
  if (given.http?.path === '') yield strict(`${path}.http.path`, 'must be defined')
  for (const [index, status] of (given.http?.expectedStatuses ?? []).entries())
    yield* httpStatusFindings(`${path}.http.expectedStatuses[${index}]`, status)
  if (given.http === undefined && given.tcp === undefined && given.grpc === undefined)
    yield strict(path, 'must have at least one defined: http, tcp, grpc')
}
