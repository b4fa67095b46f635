import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { PlainMessage } from '@holdfast/kds'
import { wireKey } from '@holdfast/model'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  NodeSchema,
} from '@holdfast/proto'
import { malformed, named, shown } from './fields.js'
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
  const resourceType = typeName(request.typeUrl)
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
  const resourceType = typeName(response.typeUrl)
  const read = offersFromWire(resourceType, response.resources, hop, 'kuma')
  // As a Kuma reads it: what is both there and removed was changed.
  const offered = new Set([
    ...read.offers.map(({ resource }) => wireKey(resource.mesh, resource.name)),
    ...(read.unreadable ?? []).map(({ key }) => key),
  ])
  return {
    type: 'response',
    resourceType,
    // An empty one could not be acknowledged: the request would look like an initial one.
    nonce: named('nonce', response.nonce),
    ...read,
    removals: response.removedResources
      .map((key, i) => keyFromWire(`removed_resources[${i}]`, key))
      .filter((key) => !offered.has(key)),
  }
}

/** Longer ones are none, and what a peer says of a type is kept as long as its stream. */
const typeNameBytesMax = 256

function typeName(text: string): string {
  if (Buffer.byteLength(text) > typeNameBytesMax)
    throw malformed('type_url', `must be at most ${typeNameBytesMax} bytes, not "${shown(text)}"`)
  return named('type_url', text)
}
