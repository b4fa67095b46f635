import { expect, test } from 'vitest'
import { type OpenStore, Subject } from './fixtures.js'

const replica = (instanceId: string, draining = false) => ({ instanceId, address: 'h:1', version: '1', draining })
const minute = { silentMaxMs: 60_000 }

/** The processes of one database. */
export function replicaConformance(open: OpenStore): void {
  test('each knows the others that live, and what they say of themselves; who leaves or is silent is not among them', async () => {
    await using global = await Subject.ready(open, 'global')
    const { replicas } = global.store
    expect(await replicas.beat(replica('a'), minute)).toEqual([])
    expect(await replicas.beat(replica('b'), minute)).toEqual([replica('a')])
    await replicas.beat(replica('a', true), minute)
    expect(await replicas.beat(replica('b'), minute)).toEqual([replica('a', true)])
    expect(await replicas.beat(replica('b'), { silentMaxMs: 0 })).toEqual([])
    await replicas.leave('a')
    expect(await replicas.beat(replica('b'), minute)).toEqual([])
  })

  test('all of them have one key, that of the first who asked; a stream is found where it waits', async () => {
    await using global = await Subject.ready(open, 'global')
    const { replicas } = global.store
    const first = new Uint8Array(32).fill(1)
    expect([...(await replicas.key(first))]).toEqual([...first])
    expect([...(await replicas.key(new Uint8Array(32).fill(2)))]).toEqual([...first])
    expect(await replicas.whereWaits('east 1')).toBeUndefined()
    await replicas.waits('east 1', 'a')
    expect(await replicas.whereWaits('east 1')).toBe('a')
    await replicas.waits('east 1', 'b')
    expect(await replicas.whereWaits('east 1')).toBe('b')
  })
}
