import type { Channel } from '@holdfast/kds'

/** The two synchronisation streams of KDS; both are dialled by the zone. */
export type StreamName = 'globalToZone' | 'zoneToGlobal'
export const streamNames: readonly StreamName[] = ['globalToZone', 'zoneToGlobal']

/** Which end we are. It does not say who dialled whom in general, but in KDS the zone always does. */
export type LinkRole = 'global' | 'zone'

/** Resources go in responses, what is said about them in requests; which end sends which depends on the stream. */
export type FrameKind = 'request' | 'response'

const kinds: Readonly<Record<LinkRole, Readonly<Record<StreamName, FrameKind>>>> = {
  zone: { globalToZone: 'request', zoneToGlobal: 'response' },
  global: { globalToZone: 'response', zoneToGlobal: 'request' },
}

/** What this end sends on a stream. */
export const sentKind = (role: LinkRole, stream: StreamName): FrameKind => kinds[role][stream]

/** What this end receives on a stream. */
export const receivedKind = (role: LinkRole, stream: StreamName): FrameKind => kinds[otherRole(role)][stream]

/** The stream on which this end sends such frames. */
export const streamFor = (role: LinkRole, kind: FrameKind): StreamName =>
  sentKind(role, 'globalToZone') === kind ? 'globalToZone' : 'zoneToGlobal'

export const otherRole = (role: LinkRole): LinkRole => (role === 'zone' ? 'global' : 'zone')

/** `up` and `status` share the stream of what zones own. */
export const streamOf = (channel: Channel): StreamName => (channel === 'down' ? 'globalToZone' : 'zoneToGlobal')
