import type { Offer } from './messages.js'

/**
 * Everything that is said on one KDS stream with a peer without the extension. One response per type is unacknowledged at
 * most; the first response of a type on a stream is its whole list, later ones are changes.
 */
export type PlainMessage = PlainReceiverMessage | PlainSenderMessage

export type PlainReceiverMessage =
  /** The initial request of a type. `versions`: what is held, by wire key; Kuma itself never says. */
  | { readonly type: 'subscribe'; readonly resourceType: string; readonly versions: Readonly<Record<string, string>> }
  | { readonly type: 'ack'; readonly resourceType: string; readonly nonce: string }
  | { readonly type: 'nack'; readonly resourceType: string; readonly nonce: string; readonly message: string }

export interface PlainSenderMessage {
  readonly type: 'response'
  readonly resourceType: string
  readonly nonce: string
  readonly offers: readonly Offer[]
  /** Wire keys (`name.mesh`). */
  readonly removals: readonly string[]
}
