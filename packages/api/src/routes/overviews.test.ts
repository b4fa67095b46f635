import { expect, test } from 'vitest'
import { harness } from '../testing/harness.js'

const { call, store } = harness('global')

test('times of an insight come as protobuf Timestamps and are shown as RFC 3339, to the nanosecond', async () => {
  const key = { mesh: 'default', name: 'dp1', origin: 'east' }
  store.put({ type: 'Mesh', mesh: '', name: 'default' })
  store.put({ type: 'Dataplane', ...key })
  // One subscription "1": connected at 10:00:00 and 123,456,789 ns, away at a whole second.
  const spec = Buffer.from('0a180a01311a0b08a0d785d80610959aef3a220608a0d785d806', 'hex')
  store.put({ type: 'DataplaneInsight', ...key, spec })
  const subscriptions = [
    { id: '1', connectTime: '2026-11-21T10:00:00.123456789Z', disconnectTime: '2026-11-21T10:00:00Z' },
  ]
  const { body } = await call('GET', '/meshes/default/dataplanes/dp1/_overview')
  expect(body).toMatchObject({ dataplaneInsight: { subscriptions } })
})
