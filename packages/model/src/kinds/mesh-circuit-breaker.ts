import { z } from 'zod'
import { duration } from './duration.js'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import {
  intOrString,
  numberOf,
  percentageFindings,
  positiveDuration,
  positiveFindings,
  uint32,
  wholePercentFindings,
} from './numbers.js'
import {
  affectsInbounds,
  deprecatedFromFindings,
  directionFindings,
  fromOf,
  itemFindings,
  rulesOf,
  toOf,
  topFindings,
} from './policy.js'
import { policyColumns } from './policy-columns.js'
import { targetRef, topKinds } from './target-ref.js'

const consecutive = z.looseObject({ consecutive: uint32.optional() }).optional()
const detectors = z.looseObject({
  totalFailures: consecutive,
  gatewayFailures: consecutive,
  localOriginFailures: consecutive,
  successRate: z
    .looseObject({
      minimumHosts: uint32.optional(),
      requestVolume: uint32.optional(),
      standardDeviationFactor: intOrString.optional(),
    })
    .optional(),
  failurePercentage: z
    .looseObject({
      minimumHosts: uint32.optional(),
      requestVolume: uint32.optional(),
      threshold: uint32.optional(),
    })
    .optional(),
})
const outlierDetection = z.looseObject({
  disabled: z.boolean().optional(),
  interval: duration.optional(),
  baseEjectionTime: duration.optional(),
  maxEjectionPercent: uint32.optional(),
  splitExternalAndLocalErrors: z.boolean().optional(),
  detectors: detectors.optional(),
  healthyPanicThreshold: intOrString.optional(),
})
const conf = z
  .looseObject({
    connectionLimits: z
      .looseObject({
        maxConnections: uint32.optional(),
        maxConnectionPools: uint32.optional(),
        maxPendingRequests: uint32.optional(),
        maxRetries: uint32.optional(),
        maxRequests: uint32.optional(),
      })
      .optional(),
    outlierDetection: outlierDetection.optional(),
  })
  .default({})
type Conf = z.infer<typeof conf>
type OutlierDetection = z.infer<typeof outlierDetection>

/** Limits of connections, and which endpoints are left alone for a while. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  to: toOf(conf),
  from: fromOf(conf),
  rules: rulesOf(conf),
})

export type MeshCircuitBreakerSpec = z.infer<typeof schema>
export const meshCircuitBreakerKind = keptKind('MeshCircuitBreaker', schema, findings, policyColumns)

function* findings(spec: MeshCircuitBreakerSpec): Iterable<Finding> {
  yield* topFindings(spec.targetRef, { kinds: topKinds, gatewayTags: true, inbound: affectsInbounds(spec) })
  yield* directionFindings(spec, true)
  yield* deprecatedFromFindings(spec)
  // Kuma tells of rules under `from`; clients know that path.
  for (const [index, rule] of (spec.rules ?? []).entries())
    yield* confFindings(`spec.from[${index}].default`, rule.default)
  yield* itemFindings('spec.from', spec.from, { kinds: ['Mesh'] }, confFindings)
  const kinds = ['Mesh', 'MeshService', 'MeshExternalService', 'MeshMultiZoneService'] as const
  yield* itemFindings('spec.to', spec.to, { kinds }, confFindings)
}

function* confFindings(path: string, { connectionLimits, outlierDetection: outliers }: Conf): Iterable<Finding> {
  if (connectionLimits === undefined && outliers === undefined)
    yield strict(path, "at least one of: 'connectionLimits' or 'outlierDetection' should be configured")
  yield* positiveFindings(`${path}.connectionLimits`, connectionLimits, [
    'maxConnections',
    'maxConnectionPools',
    'maxPendingRequests',
    'maxRetries',
    'maxRequests',
  ])
  if (outliers !== undefined) yield* outlierFindings(`${path}.outlierDetection`, outliers)
}

function* outlierFindings(path: string, given: OutlierDetection): Iterable<Finding> {
  yield* positiveDuration(`${path}.interval`, given.interval)
  yield* positiveDuration(`${path}.baseEjectionTime`, given.baseEjectionTime)
  yield* wholePercentFindings(`${path}.maxEjectionPercent`, given.maxEjectionPercent)
  yield* percentageFindings(`${path}.healthyPanicThreshold`, given.healthyPanicThreshold)
  const at = `${path}.detectors`
  if (given.detectors === undefined) {
    yield strict(at, 'must be defined')
    return
  }
  const { totalFailures, gatewayFailures, localOriginFailures, successRate, failurePercentage } = given.detectors
  const each = { totalFailures, gatewayFailures, localOriginFailures, successRate, failurePercentage }
  if (Object.values(each).every((detector) => detector === undefined))
    yield strict(at, `must have at least one defined: ${Object.keys(each).join(', ')}`)
  for (const [name, detector] of Object.entries({ totalFailures, gatewayFailures, localOriginFailures }))
    yield* positiveFindings(`${at}.${name}`, detector, ['consecutive'])
  yield* positiveFindings(`${at}.successRate`, successRate, ['minimumHosts', 'requestVolume'])
  const factor = successRate?.standardDeviationFactor
  if (factor !== undefined) {
    const number = numberOf(factor)
    const reason = number === undefined ? 'invalid number' : number <= 0 ? 'must be greater than 0' : undefined
    if (reason !== undefined) yield strict(`${at}.successRate.standardDeviationFactor`, reason)
  }
  yield* positiveFindings(`${at}.failurePercentage`, failurePercentage, ['minimumHosts', 'requestVolume'])
  yield* wholePercentFindings(`${at}.failurePercentage.threshold`, failurePercentage?.threshold)
}
