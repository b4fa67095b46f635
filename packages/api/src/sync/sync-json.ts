import type { Cursor } from '@holdfast/kds'
import {
  type ControlPlaneStore,
  type CursorRow,
  decodeReport,
  type LagRow,
  type RefusedRow,
  type ScrubState,
  type SessionRecord,
} from '@holdfast/store'
import { brakeJson } from '../brakes/json.js'
import type { ChannelSync, EndpointsSync, PeerSync, SyncView } from './sync-view.js'

const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())
const cursorJson = (cursor: Cursor | undefined): Cursor | null => cursor ?? null

export const refusedJson = (row: RefusedRow) => ({
  peer: peerName(row.peer),
  type: row.type,
  mesh: row.mesh,
  name: row.exportName,
  zone: row.origin === '' ? null : row.origin,
  reason: row.reason,
  remembered: row.remembered ?? null,
  tries: row.tries,
  since: time(row.sinceMs),
  nextTry: time(row.nextTryMs),
})

const scrubJson = (scrub: ScrubState) => ({
  at: scrub.at === undefined ? null : { part: scrub.at.part, share: Math.round(scrub.at.share * 100) / 100 },
  rounds: scrub.round,
  rows: scrub.rows,
  roundStartedAt: time(scrub.roundStartedAtMs),
  lastRoundEndedAt: time(scrub.roundEndedAtMs),
  findings: scrub.findings.map(({ sinceMs, lastAtMs, ...finding }) => ({
    ...finding,
    since: time(sinceMs),
    last: time(lastAtMs),
  })),
})

/** A peer as people call it: the zone's name, or `global`. */
export const peerName = (peer: string): string => (peer === '' ? 'global' : peer)

/** How every peer stands, from the sessions of this process and from what the store keeps of peers that are away. */
export async function syncJson(store: ControlPlaneStore, sync: SyncView, nowMs: number) {
  const [scrub, status, cursors, refused, holds, sessions, zones, absent, reports, lag] = await Promise.all([
    store.read.scrub(),
    store.status(),
    store.read.cursors(),
    store.read.refused(),
    store.read.holds(),
    store.sessions.list(),
    store.sessions.zones(),
    store.guards.absent(),
    store.guards.reports(),
    store.read.lag(),
  ])
  const live = new Map(sync.peers().map((peer) => [peer.peer, peer]))
  // Who was taken out of service for good is nobody's peer, unless somebody of that name has come.
  const gone = new Set(
    zones.flatMap(({ name, decommissionedAtMs }) => (decommissionedAtMs === undefined ? [] : [name])),
  )
  const names = new Set([
    ...live.keys(),
    ...cursors.map(({ peer }) => peer),
    // In a zone the table has the zone itself, which is nobody's peer.
    ...zones.map(({ name }) => name).filter((name) => name !== status.identity.name),
    ...sessions.map(({ peer }) => peer),
  ])
  return {
    controlPlane: peerName(status.identity.name),
    state: status.state,
    readOnly: brakeJson(status.readOnly),
    head: status.head,
    ...endpointsJson(sync.endpoints?.()),
    scrub: scrubJson(scrub),
    peers: [...names]
      .filter((name) => !gone.has(name) || live.get(name)?.connected === true)
      .sort()
      .map((name) => {
        const peer = live.get(name)
        const last = sessions.find((session) => session.peer === name)
        return {
          peer: peerName(name),
          connected: peer?.connected ?? false,
          sessionId: peer?.sessionId ?? null,
          kuma: peer?.connected === true && !peer.extension,
          since: time(peer?.connected === true ? peer.connectedSinceMs : (last?.closedAtMs ?? last?.lastHeartbeatMs)),
          lastError: peer?.lastError ?? last?.closeReason ?? null,
          paused: brakeJson(zones.find((zone) => zone.name === name)?.paused),
          refused: refused.filter((row) => row.peer === name).length,
          held: holds
            .filter((row) => row.peer === name && row.state === 'held')
            .reduce((sum, row) => sum + row.keyCount, 0),
          // A peer's list without removals: what is missing from it goes after a while, or is held.
          absent: absent
            .filter(({ origin }) => status.identity.role === 'zone' || origin === name)
            .reduce((sum, row) => sum + row.count, 0),
          ...theirs(reports.find((row) => row.peer === name)?.body ?? ''),
          payloadBytesSent: peer?.payloadBytesSent ?? null,
          payloadBytesReceived: peer?.payloadBytesReceived ?? null,
          ...(peer?.bytesToProven === undefined ? {} : { bytesToProven: peer.bytesToProven }),
          ...((peer?.faults ?? []).length === 0 ? {} : { faults: peer?.faults }),
          channels: channelsOf(
            name,
            peer,
            cursors,
            lag.filter((row) => row.peer === name),
            status.head.epoch,
            nowMs,
          ),
        }
      }),
  }
}

/** A zone's ways to global. */
const endpointsJson = (endpoints: EndpointsSync | undefined) =>
  endpoints === undefined
    ? {}
    : {
        globalEndpoints: endpoints.known.map((one) => ({
          address: one.address,
          source: one.source,
          state: one.state,
          failures: one.failures,
          lastError: one.lastError ?? null,
          lastErrorAt: time(one.lastErrorAtMs),
          lastInStepAt: time(one.lastInStepAtMs),
        })),
        globalEndpointProblems: endpoints.problems,
      }

/** What the peer refuses and holds of ours, as it has told last. */
function theirs(body: string) {
  const { refusedTotal, holds } = decodeReport(body)
  return {
    refusedByPeer: refusedTotal,
    heldByPeer: holds.reduce((sum, hold) => sum + hold.resources, 0),
  }
}

function channelsOf(
  name: string,
  peer: PeerSync | undefined,
  cursors: readonly CursorRow[],
  lag: readonly LagRow[],
  epoch: string,
  nowMs: number,
) {
  // What is remembered of a zone of ours is nothing to a Kuma that now has its name: nothing can be proven to it, and it has no
  // channel for statuses.
  const isKuma = peer?.connected === true && !peer.extension
  const stored = isKuma ? [] : cursors.filter((row) => row.peer === name && row.side !== 'settled')
  const channels = new Set([
    ...stored.map(({ channel }) => channel),
    ...(peer?.channels ?? []).map(({ channel }) => channel),
  ])
  return [...channels].sort().map((channel) => {
    const now: ChannelSync | undefined = peer?.channels.find((each) => each.channel === channel)
    const row = stored.find((each) => each.channel === channel)
    const provenAtMs = now?.provenAtMs ?? row?.provenAtMs
    const role = now?.role ?? (row?.side === 'received' ? 'receiver' : 'sender')
    const behind = role === 'sender' ? lag.filter((each) => each.channel === channel) : []
    return {
      channel,
      role,
      phase: now?.phase ?? 'not connected',
      diverged: row?.diverged === undefined ? null : { since: time(row.diverged.sinceMs), types: row.diverged.types },
      inStep: now?.inStep ?? false,
      cursor: cursorJson(now?.cursor ?? row?.cursor),
      lagSeconds: lagSecondsOf(now, row?.side === 'acked' && row.cursor?.epoch === epoch, behind, nowMs),
      lagByType: behind.map(({ type, changes, sinceMs }) => ({ type, changes, seconds: secondsSince(sinceMs, nowMs) })),
      provenEqualAt: time(provenAtMs),
      provenEqualSecondsAgo: provenAtMs === undefined ? null : Math.max(0, Math.round((nowMs - provenAtMs) / 1000)),
      lastError: now?.lastError ?? null,
    }
  })
}

const secondsSince = (sinceMs: number, nowMs: number): number => Math.max(0, Math.round(nowMs - sinceMs) / 1000)

/**
 * Age of the oldest change that the peer has not stored, whether it is connected or not. Null where it cannot be told: of
 * what comes from a peer that is not in step, and of a peer that has stored nothing of this log yet (`hasStored`).
 */
function lagSecondsOf(
  now: ChannelSync | undefined,
  hasStored: boolean,
  behind: readonly LagRow[],
  nowMs: number,
): number | null {
  if (now?.lagMs !== undefined) return now.lagMs / 1000
  if (behind.length > 0) return secondsSince(Math.min(...behind.map(({ sinceMs }) => sinceMs)), nowMs)
  return now?.inStep === true || hasStored ? 0 : null
}

/** A session without an end whose process has been silent for so long died without writing one. */
const silentMs = 30_000

/** Whether a zone is connected to any process of this control plane, as far as its store tells. */
export const isZoneConnected = (
  zone: string,
  sync: SyncView,
  sessions: readonly SessionRecord[],
  nowMs: number,
): boolean =>
  sync.peers().some((peer) => peer.peer === zone && peer.connected) ||
  sessions.some((session) => session.peer === zone && isOpen(session, nowMs))

export const isOpen = (session: SessionRecord, nowMs: number): boolean =>
  session.closedAtMs === undefined && nowMs - (session.lastHeartbeatMs ?? session.openedAtMs) < silentMs
