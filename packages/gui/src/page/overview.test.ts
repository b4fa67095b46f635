import { expect, test } from 'vitest'
import { overviewOf, type Peer } from './overview.js'

const channel = (more: object = {}) => ({
  channel: 'zone>global',
  phase: 'steady',
  inStep: true,
  lagSeconds: 0,
  provenEqualSecondsAgo: 4,
  ...more,
})
const peer = (more: object): Peer | undefined =>
  overviewOf({ peers: [{ peer: 'east', connected: true, kuma: false, channels: [channel()], ...more }] }).peers[0]

test.each<[string, object, Peer['standing'], string]>([
  ['in step', {}, 'good', 'in step'],
  ['away', { connected: false }, 'away', 'not connected'],
  ['away, whatever else it was', { connected: false, held: 3 }, 'away', 'not connected'],
  ['diverged before anything else', { refused: 2, channels: [channel({ phase: 'diverged' })] }, 'bad', 'diverged'],
  ['refused by us and by them, held', { refused: 1, refusedByPeer: 2, heldByPeer: 4 }, 'late', '3 refused, 4 held'],
  ['behind', { channels: [channel({ inStep: false, lagSeconds: 61.4 })] }, 'late', '61 s behind'],
  ['not yet', { channels: [channel({ inStep: false })] }, 'late', 'catching up'],
  ['one channel of two', { channels: [channel(), channel({ inStep: false })] }, 'late', 'catching up'],
  ['connected, and nothing heard', { channels: [] }, 'late', 'catching up'],
  ['a Kuma zone proves nothing', { kuma: true, channels: [channel({ inStep: false })] }, 'good', 'in step'],
  ['a Kuma zone behind', { kuma: true, channels: [channel({ inStep: false, lagSeconds: 9 })] }, 'late', '9 s behind'],
])('a peer that is %s', (_, more, standing, words) => {
  expect(peer(more)).toMatchObject({ standing, words })
})

test('of several channels the worst is told', () => {
  expect(
    peer({ channels: [channel({ lagSeconds: 1, provenEqualSecondsAgo: 90 }), channel({ lagSeconds: 3 })] }),
  ).toMatchObject({ lagSeconds: 3, provenSecondsAgo: 90 })
})

test.each([undefined, null, 'text', 7, [], {}, { peers: 'many', blocks: {}, head: 1, reasons: 'x' }])(
  'an answer of another version or of somebody else is empty, and nothing is thrown: %j',
  (body) => {
    expect(overviewOf(body)).toMatchObject({ name: '', peers: [], blocks: [], attention: [], resources: 0 })
  },
)
