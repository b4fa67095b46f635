import { expect, test } from 'vitest'
import { deleteOf, hello, type OpenStore, otherStoreId, putMesh, putService, Subject, serviceKey } from './fixtures.js'

/** How far behind peers are, by type and age. */
export function lagConformance(open: OpenStore): void {
  test('a peer that has stored everything is not behind; then by type, from its oldest change on, removals too', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.store.vip.adoptBlocks(['241.16.0.0/20'])
    const up = zone.channel({ channel: 'up', peer: '' })
    // Who has stored nothing of this log lacks all of it: there is no age to tell.
    expect(await zone.store.read.lag()).toEqual([])
    await zone.apply(putService('web'), putService('api'))
    await up.perform({ op: 'acked', cursor: (await up.perform({ op: 'mark' })).cursor })
    expect(await zone.store.read.lag()).toEqual([])
    zone.pass(1_000)
    const sinceMs = zone.nowMs
    await zone.apply(putService('cart'))
    zone.pass(1_000)
    await zone.apply(deleteOf(serviceKey('api')))
    expect(await zone.store.read.lag()).toEqual([{ peer: '', channel: 'up', type: 'MeshService', changes: 2, sinceMs }])
    await up.perform({ op: 'acked', cursor: (await up.perform({ op: 'mark' })).cursor })
    expect(await zone.store.read.lag()).toEqual([])
  })

  test('at global each zone has its own lag, of what it is sent', async () => {
    await using global = await Subject.ready(open, 'global')
    for (const [peer, storeId] of [
      ['east', otherStoreId],
      ['west', '22222222-2222-4333-8444-555555555555'],
    ] as const) {
      const down = global.channel({ channel: 'down', peer })
      await down.perform({ op: 'admit', hello: hello(storeId), nowMs: global.nowMs })
      await down.perform({ op: 'acked', cursor: (await down.perform({ op: 'mark' })).cursor })
    }
    const east = global.channel({ channel: 'down', peer: 'east' })
    await east.perform({ op: 'acked', cursor: (await east.perform({ op: 'mark' })).cursor })
    await global.apply(putMesh('shop'))
    const west = global.channel({ channel: 'down', peer: 'west' })
    await west.perform({ op: 'acked', cursor: (await west.perform({ op: 'mark' })).cursor })
    const lag = (await global.store.read.lag()).filter(({ type }) => type === 'Mesh')
    expect(lag).toEqual([{ peer: 'east', channel: 'down', type: 'Mesh', changes: 1, sinceMs: global.nowMs }])
  })
}
