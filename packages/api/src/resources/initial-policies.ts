import { type Json, jsonSpec, type ParsedBody, readMesh, type TypeDescriptor, typeOf } from '@holdfast/model'
import type { LocalChange } from '@holdfast/store'
import type { ApiContext } from '../options.js'
import { type Place, plannedPut } from './put.js'

const mesh = { kind: 'Mesh' }
const backOff = { baseInterval: '25ms', maxInterval: '250ms' }
const retries = { numRetries: 5, perTryTimeout: '16s', backOff }

/** What a new mesh begins with, so that no request waits for ever: Kuma 2.14's values. */
const policies: readonly { readonly type: string; readonly prefix: string; readonly spec: Json }[] = [
  {
    type: 'MeshTimeout',
    prefix: 'mesh-timeout-all',
    spec: {
      targetRef: { kind: 'Mesh', proxyTypes: ['Sidecar'] },
      to: [
        {
          targetRef: mesh,
          default: {
            connectionTimeout: '5s',
            idleTimeout: '1h0m0s',
            http: { requestTimeout: '15s', streamIdleTimeout: '30m0s' },
          },
        },
      ],
      from: [
        {
          targetRef: mesh,
          default: {
            connectionTimeout: '10s',
            idleTimeout: '2h0m0s',
            http: { requestTimeout: '0s', streamIdleTimeout: '1h0m0s', maxStreamDuration: '0s' },
          },
        },
      ],
    },
  },
  {
    type: 'MeshTimeout',
    prefix: 'mesh-gateways-timeout-all',
    spec: {
      targetRef: { kind: 'Mesh', proxyTypes: ['Gateway'] },
      to: [{ targetRef: mesh, default: { idleTimeout: '1h0m0s', http: { streamIdleTimeout: '5s' } } }],
      from: [
        {
          targetRef: mesh,
          default: { idleTimeout: '5m0s', http: { streamIdleTimeout: '5s', requestHeadersTimeout: '500ms' } },
        },
      ],
    },
  },
  {
    type: 'MeshCircuitBreaker',
    prefix: 'mesh-circuit-breaker-all',
    spec: {
      targetRef: mesh,
      to: [
        {
          targetRef: mesh,
          default: {
            connectionLimits: { maxConnections: 1024, maxPendingRequests: 1024, maxRetries: 3, maxRequests: 1024 },
          },
        },
      ],
    },
  },
  {
    type: 'MeshRetry',
    prefix: 'mesh-retry-all',
    spec: {
      targetRef: mesh,
      to: [{ targetRef: mesh, default: { tcp: { maxConnectAttempt: 5 }, http: retries, grpc: retries } }],
    },
  },
]

/**
 * The policies that come with a new mesh, in the same transaction, unless it says `skipCreatingInitialPolicies`. They
 * are made once: deleted or changed, they stay so.
 */
export function initialPolicies(context: ApiContext, type: TypeDescriptor, body: ParsedBody): readonly LocalChange[] {
  if (!context.initialPolicies || type.name !== 'Mesh') return []
  return policiesOfNewMesh(context, body.name, readMesh(body.spec)?.skipCreatingInitialPolicies ?? [])
}

/** The same for a mesh that a control plane makes itself. @param skipped kinds to leave out; `*`: all */
export function policiesOfNewMesh(
  place: Place,
  meshName: string,
  skipped: readonly string[] = [],
): readonly Extract<LocalChange, { change: 'put' }>[] {
  if (skipped.includes('*')) return []
  return policies.flatMap(({ type: kind, prefix, spec }) => {
    if (skipped.includes(kind)) return []
    const of = typeOf(kind)
    const content = jsonSpec(of, spec)
    const planned = plannedPut(
      of,
      { name: `${prefix}-${meshName}`, mesh: meshName, labels: {}, kindLabels: {}, warnings: [], ...content },
      place,
    )
    // Somebody may have named one of his own so before.
    return [{ ...planned.change, sameAs: () => true }]
  })
}
