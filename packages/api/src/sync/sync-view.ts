import type { Channel, Cursor } from '@holdfast/kds'

/** How one channel of a peer's session stands now, as the process that runs the session knows it. */
export interface ChannelSync {
  readonly channel: Channel
  /** Whether this control plane sends or receives on it. */
  readonly role: 'sender' | 'receiver'
  /** What its machine is doing, in its own word (`in step`, `sending`, `repairing` …). */
  readonly phase: string
  readonly inStep: boolean
  /** Age of the oldest change not yet acked, in milliseconds; 0 in step, undefined where it cannot be told. */
  readonly lagMs?: number | undefined
  /** As it is in memory, for the stored one is written in batches. */
  readonly cursor?: Cursor | undefined
  readonly provenAtMs?: number | undefined
  readonly lastError?: string | undefined
}

/** One peer: a zone, or '' for global. A peer without a live session is listed when there is something to say about it. */
export interface PeerSync {
  readonly peer: string
  readonly connected: boolean
  /** Speaks the Holdfast extension; a plain Kuma peer answers no questions. */
  readonly extension: boolean
  /** In what it stores, as it says itself. */
  readonly store?: { readonly type: string; readonly environment: string } | undefined
  readonly sessionId?: string | undefined
  readonly connectedSinceMs?: number | undefined
  /** Where it dials from, or is dialled. */
  readonly address?: string | undefined
  /** Why there is no session, where that is known. */
  readonly lastError?: string | undefined
  /** KDS messages of this session, both streams, without framing. */
  readonly payloadBytesSent?: number | undefined
  readonly payloadBytesReceived?: number | undefined
  /** Both directions together, from the opening of the session until every channel was proven in step. */
  readonly bytesToProven?: number | undefined
  readonly channels: readonly ChannelSync[]
  /** Zones: where what it serves (DNS) differs from what it keeps, in its own words. */
  readonly faults?: readonly string[] | undefined
}

/** Where a zone may dial global, and what became of it. */
export interface EndpointsSync {
  readonly known: readonly {
    readonly address: string
    readonly source: 'good' | 'learned' | 'configured'
    readonly state: 'in use' | 'good' | 'failed' | 'untried'
    readonly failures: number
    readonly lastError?: string | undefined
    readonly lastErrorAtMs?: number | undefined
    readonly lastInStepAtMs?: number | undefined
  }[]
  /** What keeps the list from being learned or remembered, in words. */
  readonly problems: readonly string[]
}

/** A question about the admin interface of one proxy. */
export interface ProxyQuestion {
  readonly kind: 'xds' | 'stats' | 'clusters'
  /** `Dataplane`, `ZoneIngress` or `ZoneEgress`. */
  readonly resourceType: string
  /** As its zone calls it. */
  readonly name: string
  /** '' for zone proxies. */
  readonly mesh: string
  readonly format: 'text' | 'json'
  readonly includeEds: boolean
  readonly usedOnly: boolean
}

/**
 * What the API asks of the part that runs the sessions. Global cannot dial a zone: a question travels inside the
 * zone's session and is answered there by what `createAnswerer` returns.
 */
export interface SyncView {
  peers(): readonly PeerSync[]
  /** Zone: the endpoints of global that it may dial; undefined where there are none to dial. */
  endpoints?(): EndpointsSync | undefined
  /** Global: what a recovery waits for, and what an operator can do about it; empty while there is none. */
  recoveryWaits?(): readonly { readonly what: string; readonly next: string }[]
  /**
   * @param zone '' at a zone: global is asked
   * @param body any JSON value; so is the answer
   * @throws Problem `unavailable` if the zone is not connected, answers no questions, or did not answer in time
   */
  askZone(zone: string, question: string, body: unknown, options: { readonly signal: AbortSignal }): Promise<unknown>
  /**
   * Global: asks a zone about one of its proxies, in whatever way the zone can be asked.
   * @throws Problem with words for whoever asked
   */
  askProxy?(zone: string, question: ProxyQuestion, signal: AbortSignal): Promise<Uint8Array>
}

/** Asks a proxy of this zone. @throws Problem with words for whoever asked */
export type AskProxy = (question: ProxyQuestion, signal: AbortSignal) => Promise<Uint8Array>

/** For a control plane that has no peers. */
export const noSync: SyncView = {
  peers: () => [],
  askZone: (zone) => Promise.reject(new Error(`zone ${zone} cannot be asked: this control plane has no sessions`)),
}
