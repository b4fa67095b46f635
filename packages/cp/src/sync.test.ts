import type { SessionView } from '@holdfast/peer'
import type { ZoneRuntime } from '@holdfast/zone'
import { expect, test } from 'vitest'
import { zoneSync } from './sync.js'

const view = (met: Partial<SessionView>): SessionView => ({
  ...{ sessionId: 'a', peer: '', peerVersion: '', peerInstanceId: '', ownState: 'ready', extension: true },
  ...{
    openedAtMs: 1,
    address: '',
    inStep: false,
    payloadBytesSent: 0,
    payloadBytesReceived: 0,
    channels: [],
    faults: [],
  },
  ...met,
})

function peersOf(now: SessionView): readonly object[] {
  const zone = { view: () => now, lastEnd: { end: 'lost', reason: 'UNAVAILABLE nobody is there' } }
  return zoneSync(zone as unknown as ZoneRuntime).peers()
}

test('a zone that dials is not connected before global has said anything, and says why it was not the last time', () => {
  expect(peersOf(view({}))).toEqual([
    { peer: '', connected: false, extension: false, channels: [], lastError: 'UNAVAILABLE nobody is there' },
  ])
  expect(peersOf(view({ peerState: 'ready' }))).toMatchObject([{ connected: true, extension: true }])
  // A Kuma says no hello: that the session is a plain one is known from its headers.
  expect(peersOf(view({ extension: false }))).toMatchObject([{ connected: true, extension: false }])
})
