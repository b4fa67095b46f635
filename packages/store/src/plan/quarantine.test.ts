import { quarantineMs } from '@holdfast/vip'
import { expect, test } from 'vitest'
import { block, deleteOf, offerOf, putService, removalOf, service, serviceKey } from '../conformance/fixtures.js'
import { memoryStore } from '../memory/testing.js'

test('VIP-3: an address is free after its quarantine, acked by all, and only where the block is crowded', () => {
  const clock = { nowMs: 1_700_000_000_000 }
  const zone = memoryStore({ role: 'zone', name: 'east', nowMs: () => clock.nowMs })
  zone.initialise({ actor: 'test', random: new Uint8Array(5) })
  const leased = block({ cidr: '241.16.0.0/28', owner: 'east', storeId: zone.identity.storeId })
  const batch = { type: 'VipBlock', offers: [offerOf(leased)], removals: [], absent: [] }
  zone.channel({ channel: 'down', peer: '' }).perform({ op: 'apply', batch, nowMs: clock.nowMs })
  const apply = (...changes: Parameters<typeof zone.apply>[0]['changes']) =>
    zone.apply({ changes, atomic: true, actor: 'test' })
  // Fourteen usable addresses: eleven are 79 %.
  apply(...Array.from({ length: 11 }, (_, i) => putService(`web-${i}`)))
  const first = zone.get(serviceKey('web-0'))?.vips?.addresses[0]
  apply(deleteOf(serviceKey('web-0')))
  const { revision } = zone.status().head
  expect(zone.freeQuarantined(clock.nowMs, revision)).toBe(0)
  clock.nowMs += quarantineMs
  expect(zone.freeQuarantined(clock.nowMs, revision - 1)).toBe(0)
  expect(zone.freeQuarantined(clock.nowMs, revision)).toBe(1)
  expect([...zone.image.ledger.values()].some((row) => row.address === first)).toBe(false)
  // Its owner may come back to another address, and then says so by a higher generation.
  expect(apply(putService('web-0'))).toMatchObject([{ outcome: 'created', vips: { generation: 1 } }])
})

test('VIP-3: a witness lets an address go to another owner of the same zone only after the quarantine', () => {
  const clock = { nowMs: 1_700_000_000_000 }
  const global = memoryStore({ role: 'global', name: '', nowMs: () => clock.nowMs })
  global.initialise({ actor: 'test', random: new Uint8Array(5) })
  const up = global.channel({ channel: 'up', peer: 'east' })
  const vips = { addresses: ['241.16.0.9'], generation: 0 }
  const [old, young] = [service({ name: 'old', zone: 'east', vips }), service({ name: 'young', zone: 'east', vips })]
  const hear = (batch: { offers?: (typeof old)[]; removals?: (typeof old)[] }) =>
    up.perform({
      op: 'apply',
      batch: {
        type: 'MeshService',
        offers: (batch.offers ?? []).map(offerOf),
        removals: (batch.removals ?? []).map((one) => removalOf(one, clock.nowMs)),
        absent: [],
      },
      nowMs: clock.nowMs,
    })
  hear({ offers: [old] })
  hear({ removals: [old] })
  clock.nowMs += quarantineMs - 1
  expect(hear({ offers: [young] }).refused).toMatchObject([{ reason: expect.stringContaining('rests') }])
  clock.nowMs += 1
  expect(hear({ offers: [young] }).refused).toEqual([])
  expect(global.get(young)?.vips).toEqual(vips)
  expect([...global.image.ledger.values()].map((row) => row.displayName)).toEqual(['young'])
})
