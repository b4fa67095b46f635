import type { SessionRecord } from '@holdfast/store'
import type { PeerSync } from './sync-view.js'

const time = (ms: number): string => new Date(ms).toISOString()

type Counters = { readonly sent: number; readonly acked: number; readonly refused: number }

/** As protobuf's JSON writes 64-bit counters: strings, zeros left out. */
const statsJson = ({ sent, acked, refused }: Counters) => ({
  ...(sent === 0 ? {} : { responsesSent: String(sent) }),
  ...(acked === 0 ? {} : { responsesAcknowledged: String(acked) }),
  ...(refused === 0 ? {} : { responsesRejected: String(refused) }),
})

const total = (counters: SessionRecord['counters']): Counters =>
  Object.values(counters).reduce<Counters>(
    (sum, each) => ({
      sent: sum.sent + each.sent,
      acked: sum.acked + each.acked,
      refused: sum.refused + each.refused,
    }),
    { sent: 0, acked: 0, refused: 0 },
  )

/**
 * What Kuma calls a subscription is a session: each of the last ten, oldest first, so that the last one is current.
 * @param role whose store kept them: at global the peer is the zone, at a zone it is global
 */
export function zoneInsight(
  sessions: readonly SessionRecord[],
  role: 'global' | 'zone',
  /** Of a Kuma zone that is connected: what it says of its configuration. */
  store?: PeerSync['store'],
) {
  const oldestFirst = [...sessions].sort((a, b) => a.openedAtMs - b.openedAtMs)
  const last = oldestFirst.at(-1)
  if (last === undefined) return {}
  const globalInstance = role === 'global' ? last.instanceId : last.peerInstanceId
  const stream = { globalInstanceId: globalInstance, connectTime: time(last.openedAtMs) }
  return {
    subscriptions: oldestFirst.map((session) => subscription(session, role, session === last ? store : undefined)),
    ...(last.lastHeartbeatMs === undefined ? {} : { healthCheck: { time: time(last.lastHeartbeatMs) } }),
    ...(role === 'zone' || last.closedAtMs !== undefined
      ? {}
      : { kdsStreams: { globalToZone: stream, zoneToGlobal: stream } }),
  }
}

function subscription(session: SessionRecord, role: 'global' | 'zone', store: PeerSync['store']) {
  const { instanceId, peerInstanceId, counters } = session
  const stat = Object.entries(counters).filter(([, each]) => each.sent + each.acked + each.refused > 0)
  return {
    id: session.sessionId,
    globalInstanceId: role === 'global' ? instanceId : peerInstanceId,
    connectTime: time(session.openedAtMs),
    ...(session.closedAtMs === undefined ? {} : { disconnectTime: time(session.closedAtMs) }),
    status: {
      lastUpdateTime: time(session.closedAtMs ?? session.lastHeartbeatMs ?? session.openedAtMs),
      total: statsJson(total(counters)),
      ...(stat.length === 0 ? {} : { stat: Object.fromEntries(stat.map(([type, each]) => [type, statsJson(each)])) }),
    },
    version: { kumaCp: { version: session.peerVersion, kumaCpGlobalCompatible: true } },
    // All that a Holdfast zone says of its configuration; kumactl insists on valid JSON or none.
    ...(role === 'global' && (session.extension || store !== undefined)
      ? { config: JSON.stringify(configOf(session.extension ? undefined : store)) }
      : {}),
    zoneInstanceId: role === 'global' ? peerInstanceId : instanceId,
  }
}

const configOf = (
  { environment, type }: NonNullable<PeerSync['store']> = { environment: 'universal', type: 'postgres' },
) => ({
  environment,
  store: { type },
})
