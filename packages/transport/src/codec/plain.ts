import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { PlainMessage } from '@holdfast/kds'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  NodeSchema,
} from '@holdfast/proto'
import { named } from './fields.js'
import { bareNode, fullNode, type NodeDescription } from './node.js'
import { type Hop, keyFromWire, type OfferEncoder, offersFromWire } from './offers.js'
import { encodeResponse } from './response.js'
import { type Frame, sentHop } from './session.js'
import { type LinkRole, streamFor } from './streams.js'

/** Messages as a real Kuma says them, byte for byte, in both roles. */
export interface PlainCodecContext {
  readonly role: LinkRole
  readonly zone: string
  readonly encoder: OfferEncoder
  /** Node bytes, made once: a zone's are 10 KB and go into every one of its 45 initial requests. */
  readonly fullNode: Uint8Array
  readonly bareNode: Uint8Array
}

export const plainCodecContext = (
  role: LinkRole,
  zone: string,
  description: NodeDescription,
  encoder: OfferEncoder,
): PlainCodecContext => ({
  role,
  zone,
  encoder,
  fullNode: fullNode(zone, description),
  bareNode: toBinary(NodeSchema, bareNode(zone)),
})

/** Every name: what an initial request and a NACK subscribe to. */
const wildcard = '*'

export function encodePlain(message: PlainMessage, context: PlainCodecContext): Frame {
  const { role } = context
  switch (message.type) {
    case 'response': {
      const hop = sentHop(role, context.zone)
      const bytes = encodeResponse({
        resources: message.offers.map((offer) => context.encoder.encode(offer, hop, 'kuma')),
        typeUrl: message.resourceType,
        nonce: message.nonce,
        removed: message.removals,
        identifier: role === 'global' ? 'global' : context.zone,
      })
      return { stream: streamFor(role, 'response'), bytes, resourceType: message.resourceType }
    }
    case 'subscribe':
      return requestOf(role, context.fullNode, {
        typeUrl: message.resourceType,
        resourceNamesSubscribe: [wildcard],
        initialResourceVersions: { ...message.initialVersions },
      })
    case 'ack':
      return requestOf(role, context.bareNode, { typeUrl: message.resourceType, responseNonce: message.nonce })
    case 'nack':
      return requestOf(role, context.bareNode, {
        typeUrl: message.resourceType,
        resourceNamesSubscribe: [wildcard],
        responseNonce: message.nonce,
        errorDetail: { message: message.message },
      })
  }
}

interface RequestFields {
  readonly typeUrl: string
  readonly resourceNamesSubscribe?: string[]
  readonly initialResourceVersions?: Record<string, string>
  readonly responseNonce?: string
  readonly errorDetail?: { readonly message: string }
}

/** The node comes first and is already encoded; the rest of the message is simply appended. */
function requestOf(role: LinkRole, node: Uint8Array, fields: RequestFields): Frame {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).bytes(node)
  writer.raw(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, fields)))
  return { stream: streamFor(role, 'request'), bytes: writer.finish() }
}

/** A NACK is told by its error, for it carries `*` and a nonce as well; only an initial request has no nonce. */
export function plainRequest(request: DeltaDiscoveryRequest): PlainMessage {
  const resourceType = named('type_url', request.typeUrl)
  if (request.errorDetail !== undefined)
    return {
      type: 'nack',
      resourceType,
      nonce: named('response_nonce', request.responseNonce),
      message: request.errorDetail.message,
    }
  return request.responseNonce === ''
    ? { type: 'subscribe', resourceType, initialVersions: request.initialResourceVersions }
    : { type: 'ack', resourceType, nonce: request.responseNonce }
}

export function plainResponse(response: DeltaDiscoveryResponse, hop: Hop): PlainMessage {
  const resourceType = named('type_url', response.typeUrl)
  return {
    type: 'response',
    resourceType,
    // An empty one could not be acknowledged: the request would look like an initial one.
    nonce: named('nonce', response.nonce),
    ...offersFromWire(resourceType, response.resources, hop, 'kuma'),
    removals: response.removedResources.map((key, i) => keyFromWire(`removed_resources[${i}]`, key)),
  }
}
