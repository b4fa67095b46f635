import type { Channel, Delta, DeltaPurpose, Removal, SenderMessage } from '@holdfast/kds'
import type { BucketAnswer, DeltaDiscoveryResponse, ResponseExtension, Delta as WireDelta } from '@holdfast/proto'
import { channelToWire } from './channel.js'
import { bytesOfHex, countOf, hexOf, malformed, named, required } from './fields.js'
import { type Hop, keyFromWire, type OfferEncoder, offersFromWire } from './offers.js'
import { type ResponseParts, responseExtension } from './response.js'
import {
  beginFromWire,
  beginToWire,
  epochBytes,
  markFromWire,
  markToWire,
  positionFromWire,
  positionToWire,
} from './standing.js'
import { prefixFromWire } from './to-sender.js'

/** What a sender says to its receiver, as a response with the extension. */

/** As many as are sent. More are not heard, and whoever says them is not told: of traces nothing depends. */
const tracesMax = 16

export function senderMessageToWire(
  channel: Channel,
  message: SenderMessage,
  hop: Hop,
  encoder: OfferEncoder,
): ResponseParts {
  const wireChannel = channelToWire(channel)
  switch (message.type) {
    case 'begin':
      return {
        extension: responseExtension({
          channel: wireChannel,
          body: { case: 'begin', value: beginToWire(message.begin) },
        }),
      }
    case 'delta': {
      const { delta } = message
      return {
        resources: delta.offers.map((offer) => encoder.encode(offer, hopOn(channel, hop), 'holdfast')),
        typeUrl: delta.type,
        nonce: delta.nonce,
        removed: delta.removals.map(({ key }) => key),
        extension: responseExtension({
          channel: wireChannel,
          body: {
            case: 'delta',
            value: {
              // The keys stand in removed_resources, where every delta xDS tool looks for them.
              removals: delta.removals.map(({ deletedAtMs }) => ({ deletedAtMs: BigInt(deletedAtMs) })),
              absent: [...delta.absent],
              traces: [...(delta.traces ?? [])],
              ...purposeParts(delta.purpose),
            },
          },
        }),
      }
    }
    case 'bucket-answer':
      return {
        extension: responseExtension({
          channel: wireChannel,
          body: {
            case: 'buckets',
            value: { type: message.resourceType, level: message.level, differing: [...message.differing] },
          },
        }),
      }
  }
}

const hopOn = (channel: Channel, hop: Hop): Hop =>
  channel === 'status' && hop.to === 'global' ? { ...hop, status: true } : hop

function purposeParts(purpose: DeltaPurpose) {
  switch (purpose.kind) {
    case 'range':
      return {
        page: purpose.page,
        parts: purpose.parts,
        through: positionToWire(purpose.through),
        cursor: { epoch: bytesOfHex('delta.cursor.epoch', purpose.cursorEpoch, epochBytes) },
        ...(purpose.mark === undefined ? {} : { mark: markToWire(purpose.mark) }),
      }
    case 'repair':
      return { repair: true, more: purpose.more }
    case 'asked':
      return { asked: true }
  }
}

/** `undefined`: the body is one that no sender says on a channel (answer, heartbeat, …). */
export function senderMessageFromWire(
  response: DeltaDiscoveryResponse,
  extension: ResponseExtension,
  hop: Hop,
): SenderMessage | undefined {
  const { body } = extension
  switch (body.case) {
    case 'begin':
      return { type: 'begin', begin: beginFromWire('begin', body.value) }
    case 'delta':
      return { type: 'delta', delta: deltaFromWire(response, body.value, hop) }
    case 'buckets':
      return bucketAnswerFromWire(body.value)
    case undefined:
      throw malformed('holdfast', 'has no body')
    case 'answer':
    case 'heartbeat':
    case 'types':
    case 'lease':
    case 'recalled':
    case 'zoneQuestion':
      return undefined
  }
}

function deltaFromWire(response: DeltaDiscoveryResponse, wire: WireDelta, hop: Hop): Delta {
  const type = response.typeUrl
  // Only a mark may come without a type: it belongs to the whole range.
  if (response.resources.length + response.removedResources.length + wire.absent.length > 0) named('type_url', type)
  return {
    type,
    nonce: named('nonce', response.nonce),
    ...offersFromWire(type, response.resources, hop, 'holdfast'),
    removals: removalsFromWire(response.removedResources, wire),
    absent: wire.absent.map((key, i) => keyFromWire(`delta.absent[${i}]`, key)),
    ...(wire.traces.length === 0 ? {} : { traces: wire.traces.slice(0, tracesMax) }),
    purpose: purposeFromWire(wire),
  }
}

function removalsFromWire(keys: readonly string[], { removals }: WireDelta): readonly Removal[] {
  if (keys.length !== removals.length)
    throw malformed(
      'delta.removals',
      `must be ${keys.length}, one for each of removed_resources, not ${removals.length}`,
    )
  return keys.map((key, i) => {
    const path = `delta.removals[${i}].deleted_at_ms`
    return {
      key: keyFromWire(`removed_resources[${i}]`, key),
      deletedAtMs: countOf(path, required(path, removals[i]).deletedAtMs),
    }
  })
}

function purposeFromWire(wire: WireDelta): DeltaPurpose {
  if (wire.repair && wire.asked) throw malformed('delta', 'is both an answer to a repair and to a question')
  if (wire.repair) return { kind: 'repair', more: wire.more }
  if (wire.asked) return { kind: 'asked' }
  return {
    kind: 'range',
    page: wire.page,
    parts: wire.parts,
    cursorEpoch: hexOf('delta.cursor.epoch', required('delta.cursor', wire.cursor).epoch, epochBytes),
    through: positionFromWire('delta.through', required('delta.through', wire.through)),
    ...(wire.mark === undefined ? {} : { mark: markFromWire('delta.mark', wire.mark) }),
  }
}

function bucketAnswerFromWire({ type, level, differing }: BucketAnswer): SenderMessage {
  if (level < 1 || level > 3) throw malformed('buckets.level', `must be between 1 and 3, not ${level}`)
  return {
    type: 'bucket-answer',
    resourceType: named('buckets.type', type),
    level,
    differing: differing.map((prefix, i) => prefixFromWire(`buckets.differing[${i}]`, prefix, level)),
  }
}
