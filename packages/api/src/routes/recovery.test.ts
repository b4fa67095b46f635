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
