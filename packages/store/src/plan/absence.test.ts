import { expect, test } from 'vitest'
import { offerOf, service } from '../conformance/fixtures.js'
import { memoryStore } from '../memory/testing.js'
import { keyText } from './keys.js'

const otherEpoch = 'b'.repeat(32)

test('HEAL: what is held and was marked as offered by hand is mended when its sender says again that it has none', () => {
  const store = memoryStore({ role: 'global', name: '', nowMs: () => 1_700_000_000_000 })
  store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  const up = store.channel({ channel: 'up', peer: 'east' })
  const web = service({ name: 'web', zone: 'east' })
  const batch = { type: 'MeshService', removals: [], epoch: otherEpoch }
  const nowMs = store.nowMs()
  up.perform({ op: 'apply', batch: { ...batch, offers: [offerOf(web)], absent: [] }, nowMs })
  const absent = [`${web.name}.${web.mesh}`]
  up.perform({ op: 'apply', batch: { ...batch, offers: [], absent }, nowMs })
  const key = keyText(web)
  const held = store.image.rows.get(key)
  expect(held).toMatchObject({ deleted: false, holdId: expect.any(String), offeredEntry: undefined })
  if (held === undefined) throw new Error('not held')
  store.image.rows.set(key, { ...held, offeredEntry: 'f'.repeat(32) })
  up.perform({ op: 'apply', batch: { ...batch, offers: [], absent }, nowMs })
  expect(store.image.rows.get(key)).toEqual(held)
})
