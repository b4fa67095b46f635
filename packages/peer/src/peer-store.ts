/** What a peer says of how it stores, in the configuration that comes with its node. */
export interface PeerStore {
  /** `postgres`, `kubernetes`, `memory`. */
  readonly type: string
  /** `universal` or `kubernetes`; '' where it does not say. */
  readonly environment: string
}

/** Undefined for a configuration that says nothing of it, or is none: it is only shown. */
export function peerStoreOf(config: string): PeerStore | undefined {
  try {
    const { store, environment } = JSON.parse(config) as {
      readonly store?: { readonly type?: unknown }
      readonly environment?: unknown
    }
    if (typeof store?.type !== 'string') return undefined
    return { type: store.type, environment: typeof environment === 'string' ? environment : '' }
  } catch {
    return undefined
  }
}
