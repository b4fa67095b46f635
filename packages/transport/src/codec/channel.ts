import type { Channel } from '@holdfast/kds'
import { Channel as WireChannel } from '@holdfast/proto'
import { malformed } from './fields.js'
import { type StreamName, streamOf } from './streams.js'

const toWire: Readonly<Record<Channel, WireChannel>> = {
  down: WireChannel.DOWN,
  up: WireChannel.UP,
  status: WireChannel.STATUS,
}

export const channelToWire = (channel: Channel): WireChannel => toWire[channel]

/** The channel of a message, which must be one of the stream that it came on. */
export function channelFromWire(wire: WireChannel, stream: StreamName): Channel {
  const channel = (['down', 'up', 'status'] as const).find((candidate) => toWire[candidate] === wire)
  if (channel === undefined) throw malformed('holdfast.channel', `is unknown: ${String(wire)}`)
  if (streamOf(channel) !== stream) throw malformed('holdfast.channel', `"${channel}" does not belong on this stream`)
  return channel
}
