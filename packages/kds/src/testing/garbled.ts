import { wireKey } from '@holdfast/model'
import type { Offer, SessionMessage, Unreadable } from '../messages.js'
import type { PlainMessage } from '../plain.js'
import { textOf } from './toy.js'

/** What a codec hands over where some resources cannot be read: their names, and what stands beside their bytes. */
function parted(type: string, offers: readonly Offer[], garbled: ReadonlySet<string>) {
  const isGarbled = ({ resource }: Offer): boolean => garbled.has(`${type}/${resource.name}`)
  const unreadable = offers.filter(isGarbled).map(
    (offer): Unreadable => ({
      key: wireKey(offer.resource.mesh, offer.resource.name),
      reason: 'cannot be read',
      version: textOf(offer),
    }),
  )
  return unreadable.length === 0 ? { offers } : { offers: offers.filter((offer) => !isGarbled(offer)), unreadable }
}

export function garbledSession(message: SessionMessage, garbled: ReadonlySet<string>): SessionMessage {
  if (message.type !== 'to-receiver' || message.message.type !== 'delta') return message
  const { delta } = message.message
  return {
    ...message,
    message: { ...message.message, delta: { ...delta, ...parted(delta.type, delta.offers, garbled) } },
  }
}

export const garbledPlain = (message: PlainMessage, garbled: ReadonlySet<string>): PlainMessage =>
  message.type === 'response' ? { ...message, ...parted(message.resourceType, message.offers, garbled) } : message
