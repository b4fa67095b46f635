import { z } from 'zod'
import { duration, nanosecondsOf } from './duration.js'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { headerMatch, headerName } from './matches.js'
import { uint32 } from './numbers.js'
import { itemFindings, toOf, topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { isHttpStatus, retryConditions } from './retry-conditions.js'
import { matchLabels } from './schema.js'
import { type TargetRefKind, targetRef, topKinds } from './target-ref.js'

const backOff = z.looseObject({ baseInterval: duration.optional(), maxInterval: duration.optional() })
const rateLimitedBackOff = z.looseObject({
  resetHeaders: z.array(z.looseObject({ name: headerName, format: z.enum(['Seconds', 'UnixTimestamp']) })).optional(),
  maxInterval: duration.optional(),
})

const http = z.looseObject({
  numRetries: uint32.optional(),
  perTryTimeout: duration.optional(),
  backOff: backOff.optional(),
  rateLimitedBackOff: rateLimitedBackOff.optional(),
  retryOn: z.array(z.string()).optional(),
  retriableResponseHeaders: z.array(headerMatch).optional(),
  retriableRequestHeaders: z.array(headerMatch).optional(),
  hostSelection: z
    .array(
      z.looseObject({
        predicate: z.enum(['OmitPreviousHosts', 'OmitHostsWithTags', 'OmitPreviousPriorities']),
        tags: matchLabels.optional(),
        updateFrequency: z.int32().default(2),
      }),
    )
    .optional(),
  hostSelectionMaxAttempts: z.int().optional(),
})
const grpc = z.looseObject({
  numRetries: uint32.optional(),
  perTryTimeout: duration.optional(),
  backOff: backOff.optional(),
  rateLimitedBackOff: rateLimitedBackOff.optional(),
  retryOn: z.array(z.enum(['Canceled', 'DeadlineExceeded', 'Internal', 'ResourceExhausted', 'Unavailable'])).optional(),
})
const conf = z
  .looseObject({
    tcp: z.looseObject({ maxConnectAttempt: uint32.optional() }).optional(),
    http: http.optional(),
    grpc: grpc.optional(),
  })
  .default({})
type Conf = z.infer<typeof conf>
type Http = z.infer<typeof http>
type Grpc = z.infer<typeof grpc>

/** What proxies try again. */
const schema = z.looseObject({ targetRef: targetRef.optional(), to: toOf(conf) })

export type MeshRetrySpec = z.infer<typeof schema>
export const meshRetryKind = keptKind('MeshRetry', schema, findings, policyColumns)

function* findings(spec: MeshRetrySpec): Iterable<Finding> {
  yield* topFindings(spec.targetRef, { kinds: [...topKinds, 'MeshHTTPRoute'], gatewayTags: true })
  const top = spec.targetRef?.kind
  const kinds: readonly TargetRefKind[] =
    top === 'MeshGateway' || top === 'MeshHTTPRoute'
      ? ['Mesh', 'MeshExternalService']
      : ['Mesh', 'MeshService', 'MeshExternalService', 'MeshMultiZoneService', 'MeshHTTPRoute']
  // The `conf` in the path is Kuma's; clients know it.
  yield* itemFindings('spec.to', spec.to, { kinds }, (path, each) => confFindings(`${path}.conf`, each))
}

function* confFindings(path: string, given: Conf): Iterable<Finding> {
  if (given.tcp === undefined && given.http === undefined && given.grpc === undefined)
    yield strict(path, "at least one of the 'tcp', 'http', 'grpc' must be specified")
  if (given.tcp !== undefined && given.tcp.maxConnectAttempt === undefined)
    yield strict(`${path}.tcp`, 'must not be empty')
  if (given.tcp?.maxConnectAttempt === 0) yield strict(`${path}.tcp.maxConnectAttempt`, 'must be greater than 0')
  if (given.http !== undefined) yield* httpFindings(`${path}.http`, given.http)
  if (given.grpc !== undefined) yield* commonFindings(`${path}.grpc`, given.grpc)
}

function* httpFindings(path: string, given: Http): Iterable<Finding> {
  yield* commonFindings(path, given, ['retriableRequestHeaders', 'retriableResponseHeaders', 'hostSelection'])
  for (const [index, item] of (given.retryOn ?? []).entries())
    if (!retryConditions.has(item) && !isHttpStatus(item))
      yield strict(`${path}.retryOn[${index}]`, `unknown item '${item}'`)
  let prioritySeen = false
  for (const [index, { predicate, tags, updateFrequency }] of (given.hostSelection ?? []).entries()) {
    const at = `${path}.hostSelection[${index}]`
    if (predicate === 'OmitHostsWithTags' && tags === undefined) yield strict(`${at}.tags`, 'must be defined')
    if (predicate !== 'OmitPreviousPriorities') continue
    if (prioritySeen) yield strict(`${at}.predicate`, `${predicate} must only be specified once`)
    if (updateFrequency <= 0) yield strict(`${at}.updateFrequency`, 'must be defined and greater than zero')
    prioritySeen = true
  }
}

/** Of both protocols: something must be said, and what is said must say something. `also`: further fields that count. */
function* commonFindings(path: string, given: Http | Grpc, also: readonly string[] = []): Iterable<Finding> {
  const fields = ['numRetries', 'perTryTimeout', 'backOff', 'retryOn', 'rateLimitedBackOff', ...also]
  if (fields.every((field) => given[field] === undefined)) yield strict(path, 'must not be empty')
  const { backOff: back, rateLimitedBackOff: limited } = given
  if (back !== undefined && back.baseInterval === undefined && back.maxInterval === undefined)
    yield strict(`${path}.backOff`, 'must not be empty')
  if (limited === undefined) return
  const longest = nanosecondsOf(limited.maxInterval)
  if (longest !== undefined && longest <= 0n)
    yield strict(`${path}.rateLimitedBackOff.maxInterval`, 'must be defined and greater than zero')
  if (limited.resetHeaders === undefined) yield strict(`${path}.rateLimitedBackOff.resetHeaders`, 'must be defined')
}
