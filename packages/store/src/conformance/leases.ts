import { expect, test } from 'vitest'
import { type OpenStore, putService, Subject } from './fixtures.js'

const minuteMs = 60_000
const taking = (holder: string, more: { readonly ttlMs?: number; readonly gone?: readonly string[] } = {}) => ({
  ...{ holder, place: '', names: ['dial', 'scrub'], ttlMs: minuteMs, gone: [] },
  ...more,
})

/** What only one process does at a time. */
export function leaseConformance(open: OpenStore): void {
  test('ONE: a lease has one holder, who keeps its token; the next one gets a higher one', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const { leases } = zone.store
    const first = await leases.take(taking('first'))
    expect(first).toEqual(['dial', 'scrub'].map((name) => ({ name, holder: 'first', token: 1 })))
    expect(await leases.take(taking('second'))).toEqual([])
    expect(await leases.take(taking('first'))).toEqual(first)
    await leases.release('second', ['dial'])
    expect(await leases.take(taking('second'))).toEqual([])
    await leases.release('first', ['dial'])
    expect(await leases.take(taking('second'))).toEqual([{ name: 'dial', holder: 'second', token: 2 }])
    expect(await leases.list()).toMatchObject([
      { name: 'dial', holder: 'second', token: 2 },
      { name: 'scrub', holder: 'first', token: 1 },
    ])
  })

  test('ONE: one that has lapsed, or whose holder is known to be gone, is free; until then its holder may have it back', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const { leases } = zone.store
    await leases.take(taking('first', { ttlMs: 0 }))
    expect(await leases.take(taking('first', { ttlMs: 0 }))).toMatchObject([{ token: 1 }, { token: 1 }])
    expect(await leases.take(taking('second'))).toMatchObject([{ token: 2 }, { token: 2 }])
    expect(await leases.take(taking('third', { gone: ['first'] }))).toEqual([])
    expect(await leases.take(taking('third', { gone: ['second'] }))).toMatchObject([{ token: 3 }, { token: 3 }])
  })

  test('OWN: who has lost a lease writes nothing on it and opens no session; what is written without one goes on', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const { leases, sessions } = zone.store
    const [lost] = await leases.take(taking('first', { ttlMs: 0 }))
    const signal = AbortSignal.timeout(minuteMs)
    const change = (name: string) => ({ changes: [putService(name)], atomic: false, actor: 'test' })
    const session = (sessionId: string) => ({
      ...{ sessionId, peer: '', instanceId: 'a', peerInstanceId: 'b', peerVersion: '1', extension: true },
    })
    expect(await zone.store.local.apply({ ...change('one'), lease: lost }, { signal })).toMatchObject([
      { outcome: 'created' },
    ])
    const [held] = await leases.take(taking('second'))
    const words = 'does not have the lease "dial" any more'
    await expect(zone.store.local.apply({ ...change('two'), lease: lost }, { signal })).rejects.toThrow(words)
    await expect(sessions.open({ ...session('of-first'), lease: lost })).rejects.toThrow(words)
    await expect(zone.store.upkeep({ lease: lost })).rejects.toThrow(words)
    expect(await sessions.list()).toEqual([])
    const applied = await zone.store.local.apply({ ...change('two'), lease: held }, { signal })
    expect(applied).toMatchObject([{ outcome: 'created' }])
    expect(await sessions.open({ ...session('of-second'), lease: held })).toEqual({ fence: 1 })
    expect(await zone.store.local.apply(change('three'), { signal })).toMatchObject([{ outcome: 'created' }])
    await zone.store.upkeep({ lease: held })
  })
}
