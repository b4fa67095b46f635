import type { Offer, Unreadable } from './messages.js'

/**
 * What travels between a Holdfast control plane and one that speaks plain Kuma KDS: delta xDS without any extension.
 * Nonces count per stream. A plain peer knows neither cursors nor digests; the first response of a type on a stream is
 * the whole list, and what is not in it is gone.
 */
export type PlainMessage =
  | {
      readonly type: 'subscribe'
      readonly resourceType: string
      /** Key → version of what the peer says that it has; a real Kuma never says, and then it is empty. */
      readonly initialVersions: Readonly<Record<string, string>>
    }
  | {
      readonly type: 'response'
      readonly resourceType: string
      readonly nonce: string
      readonly offers: readonly Offer[]
      /** As received only. */
      readonly unreadable?: readonly Unreadable[] | undefined
      /** Keys (`name.mesh`). */
      readonly removals: readonly string[]
    }
  | { readonly type: 'ack'; readonly resourceType: string; readonly nonce: string }
  /** Says why, never which: every resource of the response is in doubt. */
  | { readonly type: 'nack'; readonly resourceType: string; readonly nonce: string; readonly message: string }

export type PlainRequest = Extract<PlainMessage, { type: 'subscribe' | 'ack' | 'nack' }>
export type PlainResponse = Extract<PlainMessage, { type: 'response' }>
