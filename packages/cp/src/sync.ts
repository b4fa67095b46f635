import { type PeerSync, proxyQuestion, readProxyAnswer, type SyncView } from '@holdfast/api'
import type { GlobalRuntime } from '@holdfast/global'
import { Problem } from '@holdfast/model'
import type { Leases, SessionView } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import { dialLease, type ZoneRuntime } from '@holdfast/zone'

/** What global's API sees of its zones. */
export const globalSync = (global: GlobalRuntime): SyncView => ({
  peers: () => {
    const byZone = new Map<string, PeerSync>()
    for (const view of global.allViews()) {
      const peer = peerOf(view, 'global')
      const other = byZone.get(peer.peer)
      // The two streams of a plain zone are sessions of their own.
      byZone.set(peer.peer, other === undefined ? peer : { ...other, channels: [...other.channels, ...peer.channels] })
    }
    return [...byZone.values()]
  },
  recoveryWaits: () => global.recoveryWaits(),
  askZone: async (zone, question, body, { signal }) =>
    JSON.parse(await global.askZone(zone, question, JSON.stringify(body), { signal })),
  // A zone of ours answers within its session, a Kuma zone on the streams that it keeps open for this.
  askProxy: async (zone, question, signal) =>
    global.hasSessionOfOurs(zone)
      ? readProxyAnswer(JSON.parse(await global.askZone(zone, proxyQuestion, JSON.stringify(question), { signal })))
      : global.askProxy(zone, question, signal),
})

/** What a zone's API sees of its global. */
export const zoneSync = (zone: ZoneRuntime | undefined): SyncView => ({
  peers: () => {
    if (zone === undefined) return []
    const view = zone.view()
    if (view !== undefined && hasMet(view)) return [peerOf(view, 'zone')]
    const end = zone.lastEnd
    return [
      {
        peer: '',
        connected: false,
        extension: false,
        channels: [],
        ...(end === undefined ? {} : { lastError: end.reason }),
      },
    ]
  },
  endpoints: () => zone?.endpoints(),
  askZone: async (name, question, body, { signal }) => {
    if (name !== '')
      throw new Problem('unavailable', `zone ${name} can be asked through global only: ask at the API of global`)
    if (zone === undefined)
      throw new Problem(
        'unavailable',
        'this zone stands alone: there is no global to ask; --join or --global-address name one',
      )
    return JSON.parse(await zone.askGlobal(question, JSON.stringify(body), { signal }))
  },
})

/** Whoever dials has a session before it has anybody at the other end: of ours its state is known then, or it is plain. */
const hasMet = ({ peerState, extension }: SessionView): boolean => peerState !== undefined || !extension

/** Every channel of every session is proven. */
export const isInStep = (sync: SyncView | undefined): boolean => {
  const peers = sync?.peers() ?? []
  return peers.length > 0 && peers.every(({ channels }) => channels.length > 0 && channels.every((c) => c.inStep))
}

/** Another process of this zone has the session with global, and everything was proven since that session began. */
export async function isInStepElsewhere(store: ControlPlaneStore, leases: Leases): Promise<boolean> {
  if (leases.other(dialLease) === undefined) return false
  const session = (await store.sessions.list()).find(({ peer, closedAtMs }) => peer === '' && closedAtMs === undefined)
  if (session === undefined) return false
  const received = (await store.read.cursors()).filter(({ peer, side }) => peer === '' && side === 'received')
  return received.length > 0 && received.every(({ provenAtMs }) => (provenAtMs ?? 0) >= session.openedAtMs)
}

function peerOf(view: SessionView, role: 'global' | 'zone'): PeerSync {
  return {
    peer: view.peer,
    connected: true,
    extension: view.extension,
    sessionId: view.sessionId,
    connectedSinceMs: view.openedAtMs,
    address: view.address,
    payloadBytesSent: view.payloadBytesSent,
    payloadBytesReceived: view.payloadBytesReceived,
    ...(view.bytesToProven === undefined ? {} : { bytesToProven: view.bytesToProven }),
    faults: view.faults,
    ...(view.peerStore === undefined ? {} : { store: view.peerStore }),
    channels: view.channels.map((c) => ({
      channel: c.channel,
      role: (c.channel === 'down') === (role === 'global') ? 'sender' : 'receiver',
      phase: c.phase,
      inStep: c.inStep,
      ...(c.lastError === undefined ? {} : { lastError: c.lastError }),
      ...(c.provenAtMs === undefined ? {} : { provenAtMs: c.provenAtMs }),
    })),
  }
}
