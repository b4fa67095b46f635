import { expect, test } from 'vitest'
import type { PeerSync, SyncView } from '../sync/sync-view.js'
import { harness } from '../testing/harness.js'

const peer = (name: string, more: Partial<PeerSync> = {}): PeerSync => ({
  ...{ peer: name, connected: true, extension: true, channels: [] },
  ...more,
})
/** Zones that say what they are when they are asked for what they remember. */
const zones = (states: Readonly<Record<string, string>>, peers: readonly PeerSync[]): SyncView => ({
  peers: () => peers,
  askZone: async (zone, question) =>
    question === 'witness' ? { storeId: 's', state: states[zone], cursor: null } : { items: [], next: null },
})
const fromZone = '/_holdfast/recovery/from-zone'

test('bad input: a zone that recovers itself, is a plain Kuma, or is asked at a zone; a body that is none', async () => {
  const sync = zones({ east: 'recovering' }, [peer('east'), peer('north', { extension: false })])
  const { call } = harness('global', { sync })
  const said = async (body: unknown) => {
    const { status, body: told } = await call('POST', fromZone, body)
    return `${status} ${(told as { detail: string }).detail}`
  }
  expect(await said({ zone: 'east' })).toMatch(/^409 zone east is recovering itself, .* ask another zone/)
  expect(await said({ zone: 'north' })).toMatch(/^503 zone north is a plain Kuma zone/)
  expect(await said({ zone: 7 })).toMatch(/^400 "zone" must name/)
  expect(await said('{')).toMatch(/^400 the body is no JSON/)
  expect(await said('[]')).toMatch(/^400 the body must be an object/)
  const zone = harness('federated')
  expect(await zone.call('POST', fromZone, { zone: 'east' })).toMatchObject({ status: 405 })
  expect(await zone.call('POST', '/_holdfast/recovery/finish', {})).toMatchObject({ status: 405 })
})

test('who is away is told with what to do: nobody looks at the network for a brake, or for a store that is gone', async () => {
  const { call, store } = harness('global', { sync: zones({}, []) })
  const away = (peerName: string, closeReason: string): void =>
    void store.sessionRecords.push({
      ...{ peer: peerName, sessionId: 's', processId: 'p', fence: 1, openedAtMs: 0, lastHeartbeatMs: 1_000 },
      ...{ closedAtMs: 2_000, closeReason, info: {} },
    } as unknown as (typeof store.sessionRecords)[number])
  away('east', 'zone "east" is paused at global by me since 2026: x. Nothing is taken from it')
  away('west', 'OK the zone ended the stream')
  away('north', 'OK the zone ended the stream')
  store.zoneRecords.push({
    ...{ name: 'north', storeId: 'store-1', everInStep: true },
    ...{ claimantStoreId: 'store-2', claimedAtMs: 3_000 },
  })
  const { body } = await call('GET', '/_holdfast/overview')
  expect((body as { attention: readonly object[] }).attention).toEqual([
    {
      what: 'zone north is not connected, and another store (store-2) asks for its name, which belongs to store-1',
      since: '1970-01-01T00:00:03.000Z',
      next: 'holdfastctl zone adopt north, if the store of before is gone for good; else give the new one another name',
    },
    {
      what: 'zone west is not connected: the zone ended the stream',
      since: '1970-01-01T00:00:02.000Z',
      next: 'look at zone west and at the network between',
    },
    {
      what: 'zone east was paused, may join again and has not yet',
      since: '1970-01-01T00:00:02.000Z',
      next: 'it asks by itself every few seconds; if it does not come, look at zone east',
    },
  ])
  // Nobody misses who was taken out of service for good.
  store.zoneRecords.push({ name: 'west', everInStep: true, decommissionedAtMs: 4_000 })
  expect((await call('GET', '/_holdfast/overview')).body).toMatchObject({
    attention: [{ what: expect.stringMatching(/^zone north/) }, { what: expect.stringMatching(/^zone east/) }],
    peers: [{ peer: 'east' }, { peer: 'north' }],
  })
  const zone = harness('federated', { sync: zones({}, []) })
  zone.store.sessionRecords.push(...store.sessionRecords.slice(0, 1).map((session) => ({ ...session, peer: '' })))
  const told = (await zone.call('GET', '/_holdfast/overview')).body as { attention: readonly { next: string }[] }
  expect(told.attention.map(({ next }) => next)).toEqual([
    'holdfastctl zone resume zone-1 at global, once whatever it is for is over',
  ])
  const lastError =
    'UNAVAILABLE No connection established. Last error: Error: self-signed certificate in certificate chain. Resolution note: '
  const shut = harness('federated', { sync: zones({}, [peer('', { connected: false, lastError })]) })
  shut.store.sessionRecords.push(...zone.store.sessionRecords)
  expect((await shut.call('GET', '/_holdfast/overview')).body).toMatchObject({
    attention: [
      {
        what: 'global is not connected: UNAVAILABLE self-signed certificate in certificate chain',
        next: expect.stringMatching(/^whoever answers there is none .* 'holdfastctl zone add zone-1' there/),
      },
    ],
  })
})

test('one page of either role: who is not connected and what was refused wait for somebody, with the next act', async () => {
  const { call, store } = harness('federated', {
    sync: { ...zones({}, []), peers: () => [peer('', { connected: false, lastError: 'connection refused' })] },
  })
  store.refusedRows.push({
    ...{ type: 'MeshTimeout', mesh: 'default', name: 't', exportName: 't-x', peer: '', origin: '', channel: 'down' },
    ...{ newcomer: true, entry: '00', reason: 'spec.to: is wrong', sinceMs: 0, nextTryMs: 0, tries: 1 },
  })
  const { status, body } = await call('GET', '/_holdfast/overview')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    ...{ controlPlane: 'zone-1', mode: 'federated', zone: 'zone-1', state: 'ready' },
    attention: [
      {
        what: expect.stringMatching(/^1 resource of global refused.*MeshTimeout "t-x": spec\.to: is wrong/),
        since: '1970-01-01T00:00:00.000Z',
        next: expect.stringContaining('mend it at its origin'),
      },
    ],
  })
  expect(await call('GET', '/_holdfast/recovery')).toMatchObject({ status: 200, body: { state: 'ready', waits: [] } })
})
