import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { SessionMessage } from '@holdfast/kds'
import { invariant, utf8 } from '@holdfast/model'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type RequestExtension,
  type RequestExtensionSchema,
  type ResponseExtension,
  type ResponseExtensionSchema,
} from '@holdfast/proto'
import { channelFromWire } from './channel.js'
import { malformed } from './fields.js'
import { heartbeatFromWire, heartbeatToWire } from './heartbeat.js'
import { answerFromWire, answerToWire, helloFromWire, helloToWire } from './hello.js'
import { bareNode, type MinimalDescription, minimalNode } from './node.js'
import type { Hop, OfferEncoder } from './offers.js'
import { encodeResponse, type ResponseParts, responseExtension } from './response.js'
import { type LinkRole, type StreamName, streamFor, streamOf } from './streams.js'
import { senderMessageFromWire, senderMessageToWire } from './to-receiver.js'
import { receiverMessageFromWire, receiverMessageToWire } from './to-sender.js'
import { typesFromWire, typesToWire } from './types.js'

/** Messages between two Holdfast peers: every one carries field 10001, and by that they are told from a plain peer's. */
export type SessionCodecContext = {
  /** Name of the zone at whichever end. */
  readonly zone: string
  readonly encoder: OfferEncoder
} & (
  | { readonly role: 'global' }
  /** What the hello tells about the zone. */
  | { readonly role: 'zone'; readonly description: MinimalDescription }
)

export interface Frame {
  readonly stream: StreamName
  readonly bytes: Uint8Array
  /** Of a response with resources, for whoever has to say what was too large. */
  readonly resourceType?: string | undefined
}

type RequestBody = MessageInitShape<typeof RequestExtensionSchema>['body']
type ResponseBody = MessageInitShape<typeof ResponseExtensionSchema>['body']

/** Which stream a message goes on, and its bytes there. Saying what only the other end says is our own mistake. */
export function encodeSession(message: SessionMessage, context: SessionCodecContext): Frame {
  const { role, zone } = context
  invariant((speakers[message.type] ?? role) === role, `a ${role} sends no ${message.type}`)
  switch (message.type) {
    case 'hello':
      invariant(context.role === 'zone', 'only a zone says hello')
      return request(role, {
        node: minimalNode(zone, context.description),
        holdfast: { body: { case: 'hello', value: helloToWire(message.hello) } },
      })
    case 'answer':
      return response(role, { case: 'answer', value: answerToWire(message.answer) })
    case 'refused-entry':
      return response(role, { case: 'answer', value: { refused: message.reason } })
    case 'heartbeat': {
      const body = { case: 'heartbeat', value: heartbeatToWire(message.heartbeat) } as const
      return role === 'zone' ? plainRequest(zone, body) : response(role, body)
    }
    case 'types': {
      const body = { case: 'types', value: typesToWire(message) } as const
      return role === 'zone' ? plainRequest(zone, body) : response(role, body)
    }
    case 'lease':
      return plainRequest(zone, {
        case: 'lease',
        value: { demands: message.demands.map((d) => ({ ...d })), wantedCidrs: [...message.wantedCidrs] },
      })
    case 'lease-answer':
      return response(role, { case: 'lease', value: { refused: [...message.refused] } })
    case 'recall':
      return plainRequest(zone, { case: 'recall', value: { after: message.after, done: message.done } })
    case 'recalled':
      return response(role, { case: 'recalled', value: { body: utf8(message.body), error: message.error } })
    case 'question': {
      const value = { id: message.id, what: message.what, body: utf8(message.body) }
      return role === 'zone'
        ? plainRequest(zone, { case: 'globalQuestion', value })
        : response(role, { case: 'zoneQuestion', value })
    }
    case 'question-answer': {
      const value = { id: message.id, error: message.error, body: utf8(message.body), more: message.more }
      return role === 'zone'
        ? plainRequest(zone, { case: 'zoneAnswer', value })
        : response(role, { case: 'globalAnswer', value })
    }
    case 'to-sender': {
      const stream = streamFor(role, 'request')
      invariant(streamOf(message.channel) === stream, `a ${role} receives no channel ${message.channel}`)
      const wire = receiverMessageToWire(bareNode(zone), message.channel, message.message)
      return { stream, bytes: toBinary(DeltaDiscoveryRequestSchema, wire) }
    }
    case 'to-receiver': {
      const stream = streamFor(role, 'response')
      invariant(streamOf(message.channel) === stream, `a ${role} sends no channel ${message.channel}`)
      const parts = senderMessageToWire(message.channel, message.message, sentHop(role, zone), context.encoder)
      return { stream, bytes: encodeResponse(parts), resourceType: parts.typeUrl }
    }
  }
}

/** Who alone says it. All of it goes on GlobalToZoneSync, where the session is. */
const speakers: Readonly<Partial<Record<SessionMessage['type'], LinkRole>>> = {
  hello: 'zone',
  lease: 'zone',
  recall: 'zone',
  answer: 'global',
  'refused-entry': 'global',
  'lease-answer': 'global',
  recalled: 'global',
}

const request = (role: LinkRole, init: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Frame => ({
  stream: streamFor(role, 'request'),
  bytes: toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init)),
})

const plainRequest = (zone: string, body: RequestBody): Frame =>
  request('zone', { node: bareNode(zone), holdfast: body === undefined ? {} : { body } })

const response = (role: LinkRole, body: ResponseBody): Frame => {
  const parts: ResponseParts = { extension: responseExtension(body === undefined ? {} : { body }) }
  return { stream: streamFor(role, 'response'), bytes: encodeResponse(parts) }
}

/** The hop of what this end sends. */
export const sentHop = (role: LinkRole, zone: string): Hop =>
  role === 'global' ? { to: 'zone' } : { to: 'global', zone }

/** The hop of what this end receives. */
export const receivedHop = (role: LinkRole, zone: string): Hop =>
  role === 'zone' ? { to: 'zone' } : { to: 'global', zone }

/** Throws a Problem `invalid` that names field and value. */
export function sessionRequest(
  request: DeltaDiscoveryRequest,
  extension: RequestExtension,
  stream: StreamName,
): SessionMessage {
  const message = receiverMessageFromWire(request, extension)
  if (message !== undefined) return { type: 'to-sender', channel: channelFromWire(extension.channel, stream), message }
  const { body } = extension
  if (stream !== 'globalToZone') throw malformed('holdfast', `"${String(body.case)}" does not belong on this stream`)
  switch (body.case) {
    case 'hello':
      return { type: 'hello', hello: helloFromWire(body.value) }
    case 'heartbeat':
      return { type: 'heartbeat', heartbeat: heartbeatFromWire(body.value) }
    case 'types':
      return typesFromWire(body.value)
    case 'lease':
      return {
        type: 'lease',
        demands: body.value.demands.map(({ kind, active, pending }) => ({ kind, active, pending })),
        wantedCidrs: body.value.wantedCidrs,
      }
    case 'recall':
      return { type: 'recall', after: body.value.after, done: body.value.done }
    case 'zoneAnswer':
      return answerFrom('zone_answer', body.value)
    case 'globalQuestion':
      return questionFrom('global_question', body.value)
  }
  throw malformed('holdfast', `"${String(body.case)}" is not known`)
}

/** Throws a Problem `invalid` that names field and value. */
export function sessionResponse(
  response: DeltaDiscoveryResponse,
  extension: ResponseExtension,
  stream: StreamName,
  hop: Hop,
): SessionMessage {
  const message = senderMessageFromWire(response, extension, hop)
  if (message !== undefined)
    return { type: 'to-receiver', channel: channelFromWire(extension.channel, stream), message }
  const { body } = extension
  if (stream !== 'globalToZone') throw malformed('holdfast', `"${String(body.case)}" does not belong on this stream`)
  switch (body.case) {
    case 'answer':
      if (body.value.refused !== '') return { type: 'refused-entry', reason: body.value.refused }
      return { type: 'answer', answer: answerFromWire(body.value) }
    case 'heartbeat':
      return { type: 'heartbeat', heartbeat: heartbeatFromWire(body.value) }
    case 'types':
      return typesFromWire(body.value)
    case 'lease':
      return { type: 'lease-answer', refused: body.value.refused }
    case 'recalled':
      return { type: 'recalled', body: textOf('recalled.body', body.value.body), error: body.value.error }
    case 'zoneQuestion':
      return questionFrom('zone_question', body.value)
    case 'globalAnswer':
      return answerFrom('global_answer', body.value)
  }
  throw malformed('holdfast', `"${String(body.case)}" is not known`)
}

interface WireQuestion {
  readonly id: string
  readonly what: string
  readonly body: Uint8Array
}

interface WireAnswer {
  readonly id: string
  readonly error: string
  readonly body: Uint8Array
  readonly more: boolean
}

const questionFrom = (path: string, { id, what, body }: WireQuestion): SessionMessage => ({
  type: 'question',
  ...{ id, what },
  body: textOf(`${path}.body`, body),
})

const answerFrom = (path: string, { id, error, body, more }: WireAnswer): SessionMessage => ({
  type: 'question-answer',
  ...{ id, error, more },
  body: textOf(`${path}.body`, body),
})

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw malformed(path, 'is not UTF-8', error)
  }
}
