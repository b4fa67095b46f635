import { create } from '@bufbuild/protobuf'
import type { Heartbeat } from '@holdfast/kds'
import { HeartbeatSchema, type Heartbeat as WireHeartbeat } from '@holdfast/proto'
import { countOf } from './fields.js'
import { markFromWire, markToWire } from './standing.js'

export const heartbeatToWire = (heartbeat: Heartbeat): WireHeartbeat =>
  create(HeartbeatSchema, {
    sequence: BigInt(heartbeat.sequence),
    ...(heartbeat.mark === undefined ? {} : { mark: markToWire(heartbeat.mark) }),
    ...(heartbeat.statusMark === undefined ? {} : { statusMark: markToWire(heartbeat.statusMark) }),
    ackedRevision: BigInt(heartbeat.ackedRevision),
    faults: heartbeat.faults.map((what) => ({ what })),
  })

export const heartbeatFromWire = (heartbeat: WireHeartbeat): Heartbeat => ({
  sequence: countOf('heartbeat.sequence', heartbeat.sequence),
  ...(heartbeat.mark === undefined ? {} : { mark: markFromWire('heartbeat.mark', heartbeat.mark) }),
  ...(heartbeat.statusMark === undefined
    ? {}
    : { statusMark: markFromWire('heartbeat.status_mark', heartbeat.statusMark) }),
  ackedRevision: countOf('heartbeat.acked_revision', heartbeat.ackedRevision),
  faults: heartbeat.faults.map(({ what }) => what),
})
