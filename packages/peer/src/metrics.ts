import { Counter, Gauge, type Registry } from 'prom-client'

/** What a control plane counts of its sessions. Names are Prometheus names, units last. */
export interface SessionMetrics {
  readonly payloadBytes: Counter<'peer' | 'direction'>
  readonly messages: Counter<'peer' | 'direction'>
  /** Resources and removals by what became of them: `sent` by us, `received`, `written` rows, `refused`, `held`. */
  readonly resources: Counter<'peer' | 'channel' | 'event'>
  readonly sessions: Counter<'peer' | 'event'>
  readonly inStep: Gauge<'peer' | 'channel'>
  readonly diverged: Gauge<'peer' | 'channel'>
  readonly provenAt: Gauge<'peer' | 'channel'>
  readonly divergences: Counter<'peer' | 'channel'>
  readonly alarms: Counter<'peer' | 'alarm'>
  readonly refused: Gauge<'peer' | 'type'>
  readonly refusedByPeer: Gauge<'peer' | 'type'>
  readonly holds: Gauge<'peer' | 'type'>
  readonly heldResources: Gauge<'peer' | 'type'>
  /** Global: whether it recovers, and how many things that waits for. */
  readonly recovering: Gauge
  readonly recoveryWaits: Gauge
  /** Global: connections that were refused or cut before anybody's name was known. */
  readonly turnedAway: Counter<'why'>
}

export function sessionMetrics(registry: Registry): SessionMetrics {
  const registers = [registry]
  return {
    turnedAway: new Counter({
      name: 'holdfast_kds_turned_away_total',
      help: 'Connections to the KDS port refused or cut: connections, connections-of-address, handshake, calls',
      labelNames: ['why'],
      registers,
    }),
    payloadBytes: new Counter({
      name: 'holdfast_kds_payload_bytes_total',
      help: 'Bytes of KDS messages, without HTTP/2 framing and before compression',
      labelNames: ['peer', 'direction'],
      registers,
    }),
    messages: new Counter({
      name: 'holdfast_kds_messages_total',
      help: 'KDS messages',
      labelNames: ['peer', 'direction'],
      registers,
    }),
    resources: new Counter({
      name: 'holdfast_kds_resources_total',
      help: 'Resources and removals by what became of them: sent, received, written, refused, held',
      labelNames: ['peer', 'channel', 'event'],
      registers,
    }),
    sessions: new Counter({
      name: 'holdfast_kds_sessions_total',
      help: 'Sessions by what happened to them: opened, refused, lost, closed, superseded',
      labelNames: ['peer', 'event'],
      registers,
    }),
    inStep: new Gauge({
      name: 'holdfast_kds_in_step',
      help: '1 while the peer is proven to hold (or to have offered) what it should, by channel',
      labelNames: ['peer', 'channel'],
      registers,
    }),
    provenAt: new Gauge({
      name: 'holdfast_kds_proven_timestamp_seconds',
      help: 'When both ends of a channel were last proven equal; in Unix time',
      labelNames: ['peer', 'channel'],
      registers,
    }),
    diverged: new Gauge({
      name: 'holdfast_kds_diverged',
      help: '1 while a repair has not helped: last known good is kept, and the next repair begins within a minute',
      labelNames: ['peer', 'channel'],
      registers,
    }),
    divergences: new Counter({
      name: 'holdfast_kds_divergences_total',
      help: 'Times that a proof did not agree and a repair was started',
      labelNames: ['peer', 'channel'],
      registers,
    }),
    alarms: new Counter({
      name: 'holdfast_kds_alarms_total',
      help: 'What an operator would want to know of, by kind',
      labelNames: ['peer', 'alarm'],
      registers,
    }),
    refused: new Gauge({
      name: 'holdfast_refused',
      help: 'Resources of a peer that are refused here: their last good version stays; see holdfastctl refused list',
      labelNames: ['peer', 'type'],
      registers,
    }),
    refusedByPeer: new Gauge({
      name: 'holdfast_refused_by_peer',
      help: 'Resources that a peer refuses of what it is sent, as it says itself; at most 100 of a peer are named',
      labelNames: ['peer', 'type'],
      registers,
    }),
    holds: new Gauge({
      name: 'holdfast_holds',
      help: 'Suspicious absences that wait for an operator; see holdfastctl hold list',
      labelNames: ['peer', 'type'],
      registers,
    }),
    heldResources: new Gauge({
      name: 'holdfast_held_resources',
      help: 'Resources that are kept by a hold which waits for an operator',
      labelNames: ['peer', 'type'],
      registers,
    }),
    recovering: new Gauge({
      name: 'holdfast_recovering',
      help: '1 while a global recovers from the loss of its store and sends nothing to anybody; see holdfastctl recover status',
      registers,
    }),
    recoveryWaits: new Gauge({
      name: 'holdfast_recovery_waits',
      help: 'Reasons why a recovery does not end by itself yet: zones that are away, what they remember otherwise, conflicts',
      registers,
    }),
  }
}
