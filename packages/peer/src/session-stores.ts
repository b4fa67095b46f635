import type { Channel, ChannelContext, ChannelStore, StoreOp, StoreResults } from '@holdfast/kds'
import type { ControlPlaneStore, HeldLease } from '@holdfast/store'
import type { Link } from '@holdfast/transport'

interface StoresOptions {
  readonly role: 'dialer' | 'acceptor'
  readonly peer: string
  readonly sessionId: string
  readonly link: Link
  readonly store: ControlPlaneStore
  readonly instanceId: string
  readonly lease?: HeldLease | undefined
  readonly witnessed?: (() => Promise<void>) | undefined
}

/**
 * The stores of a session's channels, fenced. The fence is taken where the session gets its right to write: by a zone when
 * it begins, by global only once the zone was let in. A stranger with the name of a zone must not void that zone's session.
 */
export class SessionStores {
  readonly #options: StoresOptions
  readonly #stores = new Map<Channel, ChannelStore>()
  #fence: Promise<NonNullable<ChannelContext['fence']>> | undefined

  constructor(options: StoresOptions) {
    this.#options = options
  }

  async perform<O extends StoreOp>(
    channel: Channel,
    op: O,
    options: { readonly signal: AbortSignal; readonly traces?: readonly string[] },
  ): Promise<StoreResults[O['op']]> {
    if (op.op === 'admit') {
      // Reads and binds the name; the database decides between two strangers.
      const { store, peer, link } = this.#options
      const result = await store
        .channel({ channel, peer })
        .perform({ ...op, instanceId: link.peer.instanceId }, options)
      // Let in, it is the zone's newest session, whether it asks anything of a channel or not: where both ends recover
      // neither begins, and yet the zone says in it that it has got everything back.
      if ((result as StoreResults['admit']).admitted && !options.signal.aborted) await this.#store(channel)
      return result
    }
    // With the list of a Kuma zone come addresses that global gives: who remembers others of another log is heard first.
    if (op.op === 'apply' && op.batch.plain === true) await this.#options.witnessed?.()
    return (await this.#store(channel)).perform(op, options)
  }

  async close(reason: string): Promise<void> {
    if (this.#fence === undefined) return
    await this.#options.store.sessions.close(this.#options.sessionId, reason)
  }

  async #store(channel: Channel): Promise<ChannelStore> {
    const { store, peer } = this.#options
    this.#fence ??= this.#open()
    const fence = await this.#fence
    const found = this.#stores.get(channel) ?? store.channel({ channel, peer, fence })
    this.#stores.set(channel, found)
    return found
  }

  async #open(): Promise<NonNullable<ChannelContext['fence']>> {
    const { store, peer, sessionId, instanceId, link, lease } = this.#options
    const stream = onlyStream(link)
    const { fence } = await store.sessions.open({
      sessionId,
      peer,
      instanceId,
      peerInstanceId: link.peer.instanceId,
      peerVersion: link.peer.version,
      extension: link.peer.extension !== false,
      ...(stream === undefined ? {} : { stream }),
      ...(lease === undefined ? {} : { lease }),
    })
    return { sessionId, fence, ...(stream === undefined ? {} : { key: `${peer}/${stream}` }) }
  }
}

/** A plain zone's streams are links of their own; undefined: this link has both. */
export function onlyStream(link: Pick<Link, 'streams'>): 'down' | 'up' | undefined {
  const [stream, other] = link.streams
  if (stream === undefined || other !== undefined) return undefined
  return stream === 'globalToZone' ? 'down' : 'up'
}
