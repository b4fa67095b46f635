import type { SettledFacts } from '@holdfast/kds'
import { displayNameLabel } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  actor,
  deleteOf,
  hello,
  keyOf,
  type OpenStore,
  offerOf,
  otherEpoch,
  otherStoreId,
  putService,
  removalOf,
  Subject,
  service,
  serviceKey,
  someEpoch,
} from './fixtures.js'

const anotherStoreId = '77777777-2222-4333-8444-555555555555'

/** When everybody has let go of what is gone: what an address waits for before it goes to another owner. */
export function settledConformance(open: OpenStore): void {
  test('VIP-3: every zone that was met is waited for, whether it is there or not, until it was decommissioned', async () => {
    await using global = await Subject.ready(open, 'global')
    const { nowMs } = global
    const east = global.channel({ channel: 'up', peer: 'east' })
    await east.perform({ op: 'admit', hello: hello(otherStoreId), nowMs })
    const facts = (): Promise<SettledFacts> => east.perform({ op: 'settled' })
    // A zone does not wait for itself, and there is nobody else.
    expect(await facts()).toEqual({ except: [], head: await global.revision(), others: await global.revision() })
    await global.channel({ channel: 'up', peer: 'west' }).perform({ op: 'admit', hello: hello(anotherStoreId), nowMs })
    expect((await facts()).others).toBe(0)
    const west = global.channel({ channel: 'down', peer: 'west' })
    const { cursor } = await west.perform({ op: 'mark' })
    const say = (settled: { readonly epoch?: string; readonly except?: readonly string[] }) =>
      west.perform({
        op: 'peer-settled',
        settled: {
          cursor: { ...cursor, ...(settled.epoch === undefined ? {} : { epoch: settled.epoch }) },
          except: settled.except ?? [],
        },
      })
    await say({})
    expect((await facts()).others).toBe(cursor.revision)
    // It keeps something of east, not of others.
    await say({ except: ['east'] })
    expect((await facts()).others).toBe(0)
    await say({ except: ['north'] })
    expect((await facts()).others).toBe(cursor.revision)
    // What it says of another log says nothing of this one.
    await say({ epoch: otherEpoch })
    expect((await facts()).others).toBe(0)
    await global.store.returns.decommission({ zone: 'west', actor, apply: true })
    expect(await facts()).toMatchObject({ others: await global.revision() })
  })

  test('VIP-3: a service that is held or refused keeps what is of its origin unsettled; what was removed does not', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const down = zone.channel({ channel: 'down', peer: '' })
    const facts = async () => (await down.perform({ op: 'settled' })).except
    const vips = { addresses: ['241.200.0.7'], generation: 1 }
    const held = { addresses: ['241.200.0.8'], generation: 1 }
    const [web, api] = [
      service({ name: 'web', zone: 'west', vips }),
      service({ name: 'api', zone: 'north', vips: held }),
    ]
    await down.apply({ type: 'MeshService', offers: [offerOf(web), offerOf(api)] })
    expect(await facts()).toEqual([])
    // Absent in another log: held, whatever the number.
    await down.apply({ type: 'MeshService', absent: [`${web.name}.${web.mesh}`], epoch: someEpoch })
    expect(await facts()).toEqual(['west'])
    await down.apply({ type: 'MeshService', removals: [removalOf(web, zone.nowMs), removalOf(api, zone.nowMs)] })
    expect(await facts()).toEqual([])
  })

  test('VIP-3, EMPTY: a tombstone that is forgotten because it was acked frees no address that somebody has not let go of, and loses no removal', async () => {
    await using zone = await Subject.ready(open, 'zone')
    // Fourteen usable addresses: eleven of them crowd the block, so that it gives back what may go.
    expect(await zone.store.vip.adoptBlocks(['241.16.0.0/28'])).toEqual([])
    const names = Array.from({ length: 11 }, (_, i) => `web-${i}`)
    await zone.apply(...names.map((name) => putService(name)))
    await using global = await Subject.ready(open, 'global')
    const heard = global.channel({ channel: 'up', peer: 'east' })
    const told = zone.channel({ channel: 'up', peer: '' })
    const list = await told.perform({ op: 'list', resourceType: 'MeshService' })
    await heard.apply({ type: 'MeshService', offers: [...list.offers] })
    const gone = (await zone.store.read.get(serviceKey('web-0')))?.vips?.addresses[0]
    await zone.apply(deleteOf(serviceKey('web-0')))
    // Global has acked it, and holds the service all the same: it has learned of its absence in another log.
    const { cursor } = await told.perform({ op: 'mark' })
    await told.perform({ op: 'acked', cursor })
    const wire = list.offers.map(({ resource }) => resource).find(({ labels }) => labels[displayNameLabel] === 'web-0')
    if (wire === undefined) throw new Error('web-0 was not told')
    const heldNow = await heard.apply({ type: 'MeshService', absent: [keyOf(wire)], epoch: someEpoch })
    expect(heldNow.heldKeys).toEqual([keyOf(wire)])
    const settle = (except: readonly string[]) => told.perform({ op: 'peer-settled', settled: { cursor, except } })
    await settle(['east'])
    zone.pass(25 * 3_600_000)
    expect(await zone.store.upkeep()).toMatchObject({ tombstonesForgotten: 1, addressesFreed: 0 })
    const others = await zone.apply(putService('other', { pins: { v4: gone ?? '' } }))
    expect(others).toMatchObject([{ outcome: 'refused', problem: { kind: 'conflict' } }])
    zone.pass(30 * 24 * 3_600_000)
    expect(await zone.store.upkeep()).toMatchObject({ addressesFreed: 0 })
    // What is compared now finds no tombstone: what is missing is held still, and not deleted by silence.
    await heard.apply({ type: 'MeshService', absent: [keyOf(wire)], epoch: someEpoch })
    expect((await global.store.read.get(wire))?.vips?.addresses).toEqual([gone])
    // Once it has let go, the address is free.
    await settle([])
    expect(await zone.store.upkeep()).toMatchObject({ addressesFreed: 1 })
  })
}
