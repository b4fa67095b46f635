import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { BucketDigest, Channel, KeyedEntry, ReceiverMessage, Refused } from '@holdfast/kds'
import {
  type BucketQuestion,
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type EntryQuestion,
  type Node,
  type Refusal,
  type RequestExtension,
  RequestExtensionSchema,
} from '@holdfast/proto'
import { channelToWire } from './channel.js'
import { bytesOfHex, hexOf, malformed, named } from './fields.js'
import { keyFromWire } from './offers.js'
import { digestFromWire, digestToWire, standingFromWire, standingToWire } from './standing.js'

/** What a receiver says to its sender, as a request with the extension. */

const entryBytes = 16

type RequestParts = MessageInitShape<typeof DeltaDiscoveryRequestSchema>

export const receiverMessageToWire = (node: Node, channel: Channel, message: ReceiverMessage): DeltaDiscoveryRequest =>
  create(DeltaDiscoveryRequestSchema, { node, ...requestParts(channelToWire(channel), message) })

function requestParts(channel: RequestExtension['channel'], message: ReceiverMessage): RequestParts {
  const extension = (body?: MessageInitShape<typeof RequestExtensionSchema>['body']) =>
    create(RequestExtensionSchema, { channel, ...(body === undefined ? {} : { body }) })
  switch (message.type) {
    case 'start':
      return { holdfast: extension({ case: 'start', value: { standing: standingToWire(message.standing) } }) }
    case 'ack':
      return { typeUrl: message.resourceType, responseNonce: message.nonce, holdfast: extension() }
    case 'nack':
      return {
        typeUrl: message.resourceType,
        responseNonce: message.nonce,
        errorDetail: { message: message.refused.map(({ key, reason }) => `${key}: ${reason}`).join('\n') },
        holdfast: extension({
          case: 'refusal',
          value: { refused: message.refused.map((r) => ({ ...r, remembered: r.remembered ?? '' })) },
        }),
      }
    case 'buckets':
      return {
        holdfast: extension({
          case: 'buckets',
          value: {
            type: message.resourceType,
            level: message.level,
            digests: message.digests.map(({ prefix, digest }) => ({ prefix, digest: digestToWire(digest) })),
          },
        }),
      }
    case 'entries':
      return {
        holdfast: extension({
          case: 'entries',
          value: {
            type: message.resourceType,
            buckets: [...message.buckets],
            entries: message.entries.map(({ key, entry }) => ({
              key,
              entry: bytesOfHex('entry', entry, entryBytes),
            })),
          },
        }),
      }
    case 'ask':
      return { typeUrl: message.resourceType, resourceNamesSubscribe: [...message.keys], holdfast: extension() }
  }
}

/** `undefined`: the body is one that no receiver says on a channel (hello, heartbeat, …). */
export function receiverMessageFromWire(
  request: DeltaDiscoveryRequest,
  extension: RequestExtension,
): ReceiverMessage | undefined {
  const { body } = extension
  switch (body.case) {
    case 'start':
      return { type: 'start', standing: standingFromWire('start.standing', body.value.standing) }
    case 'refusal':
      return refusalFromWire(request, body.value)
    case 'buckets':
      return bucketsFromWire(body.value)
    case 'entries':
      return entriesFromWire(body.value)
    case undefined:
      return bareFromWire(request)
    case 'hello':
    case 'heartbeat':
    case 'types':
    case 'lease':
    case 'recall':
    case 'zoneAnswer':
      return undefined
  }
}

/**
 * Without a body it is an ACK (a nonce) or a question for single resources (names, no nonce). The ACK of a response that
 * carried nothing but a mark names no type.
 */
function bareFromWire(request: DeltaDiscoveryRequest): ReceiverMessage {
  if (request.errorDetail !== undefined) throw malformed('holdfast.refusal', 'is missing beside error_detail')
  if (request.responseNonce !== '') return { type: 'ack', resourceType: request.typeUrl, nonce: request.responseNonce }
  const keys = request.resourceNamesSubscribe
  if (keys.length === 0) throw malformed('response_nonce', 'is empty, and no resource_names_subscribe are there')
  return {
    type: 'ask',
    resourceType: named('type_url', request.typeUrl),
    keys: keys.map((key, i) => keyFromWire(`resource_names_subscribe[${i}]`, key)),
  }
}

function refusalFromWire(request: DeltaDiscoveryRequest, refusal: Refusal): ReceiverMessage {
  return {
    type: 'nack',
    resourceType: request.typeUrl,
    nonce: named('response_nonce', request.responseNonce),
    refused: refusal.refused.map(
      ({ key, reason, remembered }, i): Refused => ({
        key: keyFromWire(`refusal.refused[${i}].key`, key),
        reason,
        ...(remembered === '' ? {} : { remembered }),
      }),
    ),
  }
}

const levelMax = 3

function bucketsFromWire({ type, level, digests }: BucketQuestion): ReceiverMessage {
  if (level < 1 || level > levelMax) throw malformed('buckets.level', `must be between 1 and ${levelMax}, not ${level}`)
  return {
    type: 'buckets',
    resourceType: named('buckets.type', type),
    level,
    digests: digests.map(
      ({ prefix, digest }, i): BucketDigest => ({
        prefix: prefixFromWire(`buckets.digests[${i}].prefix`, prefix, level),
        digest: digestFromWire(`buckets.digests[${i}].digest`, digest),
      }),
    ),
  }
}

function entriesFromWire({ type, buckets, entries }: EntryQuestion): ReceiverMessage {
  return {
    type: 'entries',
    resourceType: named('entries.type', type),
    buckets: buckets.map((bucket, i) => prefixFromWire(`entries.buckets[${i}]`, bucket, levelMax)),
    entries: entries.map(
      ({ key, entry }, i): KeyedEntry => ({
        key: keyFromWire(`entries.entries[${i}].key`, key),
        entry: hexOf(`entries.entries[${i}].entry`, entry, entryBytes),
      }),
    ),
  }
}

/** A prefix has five bits per level. */
export function prefixFromWire(path: string, prefix: number, level: number): number {
  const end = 32 ** level
  if (prefix >= end) throw malformed(path, `must be below ${end}, not ${prefix}`)
  return prefix
}
