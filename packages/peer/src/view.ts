import { type Channel, channels, type SessionState, type StoreState } from '@holdfast/kds'
import type { Link } from '@holdfast/transport'
import type { ChannelView, SessionView } from './handle.js'
import type { PeerStore } from './peer-store.js'
import { channelSettled, type Proof } from './proof.js'
import type { Reports } from './reports.js'
import { onlyStream } from './session-stores.js'

export interface ViewParts {
  readonly sessionId: string
  readonly peer: string
  readonly link: Link
  readonly state: SessionState
  readonly openedAtMs: number
  readonly met: { readonly state: StoreState; readonly version: string } | undefined
  readonly proof: Proof
  readonly reports: Reports
  readonly peerStore: PeerStore | undefined
  readonly heard: { readonly ackedRevision: number; readonly faults: readonly string[] }
}

/** A session as it stands now. */
export function sessionView(parts: ViewParts): SessionView {
  const { sessionId, peer, link, state, openedAtMs, met, proof, heard, peerStore } = parts
  const { payloadBytesSent, payloadBytesReceived } = link.counters()
  return {
    sessionId,
    peer,
    peerVersion: met?.version ?? link.peer.version,
    peerInstanceId: link.peer.instanceId,
    ...(met === undefined ? {} : { peerState: met.state }),
    ownState: state.storeState,
    extension: state.phase === 'closed' ? link.peer.extension === true : state.phase !== 'plain',
    ...(peerStore === undefined ? {} : { peerStore }),
    openedAtMs,
    address: link.peer.remoteAddress,
    inStep: channelsOf(parts).every((channel) => channelSettled(state, channel)),
    ackedRevision: heard.ackedRevision,
    payloadBytesSent,
    payloadBytesReceived,
    ...(proof.bytes === undefined ? {} : { bytesToProven: proof.bytes }),
    channels: channelsOf(parts).map((channel) => channelView(parts, channel)),
    faults: heard.faults,
  }
}

/** A plain peer has no status channel, and a plain zone's streams are sessions of one channel each. */
function channelsOf({ state, link }: ViewParts): readonly Channel[] {
  if (state.phase !== 'plain') return channels
  const only = onlyStream(link)
  return only === undefined ? ['down', 'up'] : [only]
}

function channelView({ state, reports, proof }: ViewParts, channel: Channel): ChannelView {
  const provenAtMs = proof.atMs(channel)
  const { lastError, ...counts } = reports.channel(channel)
  return {
    channel,
    phase: state.phase === 'open' ? state.machines[channel].state.phase : state.phase,
    inStep: channelSettled(state, channel),
    ...counts,
    ...(provenAtMs === undefined ? {} : { provenAtMs }),
    ...(lastError === undefined ? {} : { lastError }),
  }
}
