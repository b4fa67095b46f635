import type { SessionRecord } from '@holdfast/store'
import { beforeEach, expect, test } from 'vitest'
import type { PeerSync } from '../sync/sync-view.js'
import { startMs } from '../testing/fake-store.js'
import { harness, ok, problem } from '../testing/harness.js'

const at = (ms: number) => new Date(startMs + ms).toISOString()
const session = (peer: string, openedAtMs: number, more: Partial<SessionRecord> = {}): SessionRecord => ({
  sessionId: `s-${peer}-${openedAtMs}`,
  peer,
  openedAtMs: startMs + openedAtMs,
  instanceId: 'global-1',
  peerInstanceId: `${peer}-cp-1`,
  peerVersion: '0.1.0',
  extension: true,
  lastHeartbeatMs: startMs + openedAtMs + 500,
  counters: { Mesh: { sent: 3, acked: 2, refused: 1 }, MeshService: { sent: 1, acked: 1, refused: 0 } },
  ...more,
})

const peers: PeerSync[] = []
const { call, store } = harness('global', {
  sync: { peers: () => peers, askZone: () => Promise.reject(new Error('not asked here')) },
})

beforeEach(() => {
  peers.length = 0
  store.rows.clear()
  store.put({ type: 'Zone', mesh: '', name: 'east', spec: Buffer.from('0a020801', 'hex') })
  store.put({ type: 'Zone', mesh: '', name: 'west' })
  // The newest first, as the store has them.
  store.sessionRecords = [session('east', 10_000), session('east', 0, { closedAtMs: startMs + 9_000 })]
})

const subscription = (id: string, openedMs: number, endedMs?: number) => ({
  id,
  globalInstanceId: 'global-1',
  connectTime: at(openedMs),
  ...(endedMs === undefined ? {} : { disconnectTime: at(endedMs) }),
  status: {
    lastUpdateTime: at(endedMs ?? openedMs + 500),
    total: { responsesSent: '4', responsesAcknowledged: '3', responsesRejected: '1' },
    stat: {
      Mesh: { responsesSent: '3', responsesAcknowledged: '2', responsesRejected: '1' },
      MeshService: { responsesSent: '1', responsesAcknowledged: '1' },
    },
  },
  version: { kumaCp: { version: '0.1.0', kumaCpGlobalCompatible: true } },
  config: '{"environment":"universal","store":{"type":"postgres"}}',
  zoneInstanceId: 'east-cp-1',
})
const stream = { globalInstanceId: 'global-1', connectTime: at(10_000) }
const insight = {
  subscriptions: [subscription('s-east-0', 0, 9_000), subscription('s-east-10000', 10_000)],
  healthCheck: { time: at(10_500) },
  kdsStreams: { globalToZone: stream, zoneToGlobal: stream },
}
const zone = (name: string) => ({
  type: 'ZoneOverview',
  name,
  creationTime: at(0),
  modificationTime: at(0),
  kri: `kri_z____${name}_`,
})

test.each(['/zones/_overview', '/zones+insights'])(
  '%s tells who is connected, the current session last',
  async (path) => {
    expect(await call('GET', path)).toEqual(
      ok({
        total: 2,
        items: [
          { ...zone('east'), zone: { enabled: true }, zoneInsight: insight },
          { ...zone('west'), zone: {} },
        ],
        next: null,
      }),
    )
  },
)

test('one overview has an empty insight where the zone was never here', async () => {
  expect(await call('GET', '/zones/west/_overview')).toEqual(ok({ ...zone('west'), zone: {}, zoneInsight: {} }))
  expect(await call('GET', '/zones+insights/east')).toEqual(
    ok({ ...zone('east'), zone: { enabled: true }, zoneInsight: insight }),
  )
  expect(await call('GET', '/zones/nope/_overview')).toEqual(problem(404, 'Could not retrieve a resource', 'Not found'))
})

test('a Kuma zone that is connected stores where its node says; one that is away does not say', async () => {
  store.sessionRecords = [session('east', 10_000, { extension: false })]
  const configs = async () =>
    (
      (await call('GET', '/zones/east/_overview')).body as {
        zoneInsight: { subscriptions: readonly { config?: string }[] }
      }
    ).zoneInsight.subscriptions.map(({ config }) => config)
  expect(await configs()).toEqual([undefined])
  peers.push({
    peer: 'east',
    connected: true,
    extension: false,
    store: { type: 'kubernetes', environment: 'kubernetes' },
    channels: [],
  })
  expect(await configs()).toEqual(['{"environment":"kubernetes","store":{"type":"kubernetes"}}'])
})

test('overviews are paged like any list', async () => {
  const told = await call('GET', '/zones/_overview?size=1')
  expect((told.body as { next: string }).next).toBe('http://localhost/zones/_overview?offset=1&size=1')
  expect(await call('GET', '/zones/_overview?size=x')).toEqual(
    problem(400, 'Could not retrieve resources', 'Invalid page size', ['size', 'invalid format']),
  )
})

test('an insight is a view over sessions', async () => {
  const shown = { type: 'ZoneInsight', name: 'east', creationTime: at(0), modificationTime: at(10_500), ...insight }
  expect(await call('GET', '/zone-insights')).toEqual(ok({ total: 1, items: [shown], next: null }))
  expect(await call('GET', '/zone-insights/east')).toEqual(ok(shown))
  expect((await call('GET', '/zone-insights/west')).status).toBe(404)
})

test('a connected zone is not deleted; one whose process died without a word is', async () => {
  const refused = problem(400, 'Could not delete a resource', 'Resource is not valid', [
    'zone',
    'unable to delete Zone, Zone CP is still connected, please shut it down first',
  ])
  // The harness' clock is 60 s after the start.
  store.sessionRecords = [session('east', 55_000)]
  expect(await call('DELETE', '/zones/east')).toEqual(refused)
  store.sessionRecords = [session('east', 1_000)]
  peers.push({ peer: 'east', connected: true, extension: true, channels: [] })
  expect(await call('DELETE', '/zones/east')).toEqual(refused)
  peers.length = 0
  expect(await call('DELETE', '/zones/east')).toEqual(ok())
})

test('a zone keeps an insight about itself', async () => {
  const own = harness('federated')
  own.store.sessionRecords = [session('', 0, { instanceId: 'zone-cp', peerInstanceId: 'global-1' })]
  const told = (await own.call('GET', '/zone-insights/zone-1')).body as { subscriptions: Record<string, unknown>[] }
  expect(told.subscriptions.map((s) => [s.globalInstanceId, s.zoneInstanceId, s.config])).toEqual([
    ['global-1', 'zone-cp', undefined],
  ])
})
