import { fromBinary } from '@bufbuild/protobuf'
import { decodeKumaResource, type KumaResourceParts } from '@holdfast/model'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '@holdfast/proto'
import { KumaConsumer } from '../fake-kuma/consumer.js'
import type { KumaObjects } from '../fake-kuma/objects.js'
import type { RecordedMessage } from './conversation.js'

/** What whoever heard these responses from the first one on has of them, by a real Kuma's rules. */
export function heldOf(responses: readonly Buffer[]): KumaObjects {
  const consumer = new KumaConsumer({
    nodeId: '',
    nodeMetadata: {},
    types: [...new Set(responses.map((bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes).typeUrl))],
    send: () => {},
    drops: () => false,
    refuses: () => undefined,
  })
  for (const bytes of responses) consumer.response(bytes)
  return consumer.held()
}

/** What one end said of a recorded stream until a moment: responses of a provider, requests of a consumer. */
export const saidBy = (
  stream: readonly RecordedMessage[],
  from: 'zone' | 'global',
  untilMs: number,
): readonly Buffer[] =>
  stream.filter((message) => message.from === from && message.ms <= untilMs).map(({ bytes }) => bytes)

export type SaidVersion = KumaResourceParts | 'removed'

/** Each resource's versions in the order in which they were said, by type and wire key. */
export function versionsSaid(responses: readonly Buffer[]): ReadonlyMap<string, readonly SaidVersion[]> {
  const said = new Map<string, SaidVersion[]>()
  for (const bytes of responses) {
    const { typeUrl, resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, bytes)
    const add = (key: string, version: SaidVersion): void => {
      const of = `${typeUrl} ${key}`
      said.set(of, [...(said.get(of) ?? []), version])
    }
    for (const { name, resource } of resources) add(name, decodeKumaResource(resource?.value ?? new Uint8Array(0)))
    for (const key of removedResources) add(key, 'removed')
  }
  return said
}

export interface SaidRequest {
  readonly type: string
  readonly nonce: string
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly initialVersions: number
  readonly refused: boolean
  readonly nodeId: string | undefined
  /** Sorted. */
  readonly nodeFields: readonly string[]
  readonly features: readonly unknown[]
}

/** Requests without what is another process's by nature: instance, version and configuration. */
export const requestsSaid = (requests: readonly Buffer[]): readonly SaidRequest[] =>
  requests.map((bytes) => {
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes)
    const metadata = request.node?.metadata ?? {}
    return {
      type: request.typeUrl,
      nonce: request.responseNonce,
      subscribe: request.resourceNamesSubscribe,
      unsubscribe: request.resourceNamesUnsubscribe,
      initialVersions: Object.keys(request.initialResourceVersions).length,
      refused: request.errorDetail !== undefined,
      nodeId: request.node?.id,
      nodeFields: Object.keys(metadata).sort(),
      features: Array.isArray(metadata.features) ? metadata.features : [],
    }
  })

export interface SaidResponse {
  readonly type: string
  readonly nonce: string
  readonly resources: number
  readonly controlPlane: string | undefined
}

export const responsesSaid = (responses: readonly Buffer[]): readonly SaidResponse[] =>
  responses.map((bytes) => {
    const { typeUrl, nonce, resources, controlPlane } = fromBinary(DeltaDiscoveryResponseSchema, bytes)
    return { type: typeUrl, nonce, resources: resources.length, controlPlane: controlPlane?.identifier }
  })
