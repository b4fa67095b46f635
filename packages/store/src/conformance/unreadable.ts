import type { Unreadable } from '@holdfast/kds'
import { addEntry, contentHash, emptyDigest, hex, statusEntry, utf8 } from '@holdfast/model'
import { expect, test } from 'vitest'
import { entryOfOffer } from '../plan/entries.js'
import { keyOf, type OpenStore, offerOf, putService, removalOf, Subject, service, serviceKey } from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const reason = 'cannot be read: resource is not a KumaResource'

/** What the codec hands over of a resource that it could not read, whose sender has told what it counts with. */
const unreadable = (of: ReturnType<typeof service>, origin?: string): Unreadable => ({
  key: keyOf(of),
  reason,
  version: hex(contentHash(of)),
  ...(origin === undefined ? {} : { origin }),
  ...(of.vips === undefined ? {} : { vips: of.vips }),
})

/** Resources that no codec could read: refused alone, by name, and nothing else is touched. */
export function unreadableConformance(open: OpenStore): void {
  test('ISO, LKG: one that cannot be read is refused alone, what was there stays, and the others are kept', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east', vips: { addresses: ['241.16.0.9'], generation: 0 } })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const good = await global.store.read.get(web)
    const changed = { ...web, spec: utf8('{"ports":[]}') }
    const api = service({ name: 'api', zone: 'east' })
    const outcome = await up.apply({
      type: 'MeshService',
      offers: [offerOf(api)],
      unreadable: [unreadable(changed), unreadable(service({ name: 'new', zone: 'east' }))],
    })
    expect(outcome.refused).toMatchObject([
      { key: keyOf(web), reason },
      { key: keyOf(service({ name: 'new', zone: 'east' })), reason },
    ])
    expect(await global.store.read.get(api)).toMatchObject({ displayName: 'api' })
    const kept = await global.store.read.get(web)
    expect(kept).toEqual({ ...good, offeredEntry: entryOfOffer(changed, 'east') })
    const remembered = (await global.store.read.refused()).map((row) => [row.name, row.newcomer, row.reason])
    expect(new Map(remembered.map(([name, ...rest]) => [name, rest]))).toEqual(
      new Map([
        [web.name, [false, reason]],
        [service({ name: 'new', zone: 'east' }).name, [true, reason]],
      ]),
    )
    // EQ: it adds up to what its sender has.
    const entries = [changed, api, service({ name: 'new', zone: 'east' })].map((one) => entryOfOffer(one, 'east'))
    const sum = entries.reduce((digest, entry) => addEntry(digest, Buffer.from(entry, 'hex')), emptyDigest)
    expect((await up.perform({ op: 'standing' })).offered).toEqual(sum)
    // It is asked for again, and a readable one ends it.
    global.pass(60_000)
    const [due] = await up.perform({ op: 'due-refusals', nowMs: global.nowMs })
    expect(due?.keys).toContain(keyOf(web))
    await up.apply({ type: 'MeshService', offers: [offerOf(changed)] })
    expect((await global.store.read.refused()).map((row) => row.name)).not.toContain(web.name)
    await up.apply({ type: 'MeshService', removals: [removalOf(service({ name: 'new', zone: 'east' }), 1)] })
    expect(await global.store.read.refused()).toEqual([])
  })

  test('ISO: on the way down global says whose it is; our own are not touched, whatever it says', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const down = zone.channel({ channel: 'down', peer: '' })
    const web = service({ name: 'web', zone: 'west' })
    await down.apply({ type: 'MeshService', unreadable: [unreadable(web, 'west')] })
    const entry = entryOfOffer(web, 'west')
    expect((await down.perform({ op: 'standing' })).offered).toEqual(addEntry(emptyDigest, Buffer.from(entry, 'hex')))
    await zone.apply(putService('mine'))
    const mine = await zone.store.read.get(serviceKey('mine'))
    const claimed: Unreadable = { key: 'mine.default', reason, version: '', origin: 'east' }
    expect((await down.apply({ type: 'MeshService', unreadable: [claimed] })).refused).toMatchObject([{ reason }])
    expect(await zone.store.read.get(serviceKey('mine'))).toEqual(mine)
  })

  test('ISO: a status that cannot be read leaves the last good one, and counts as offered', async () => {
    await using global = await Subject.ready(open, 'global')
    const web = service({ name: 'web', zone: 'east' })
    await global.channel(fromEast).apply({ type: 'MeshService', offers: [offerOf(web)] })
    const statuses = global.channel({ channel: 'status', peer: 'east' })
    const status = utf8('{"dataplaneProxies":{"total":2}}')
    await statuses.apply({ type: 'MeshService', offers: [offerOf({ ...web, status })] })
    const entry = statusEntry({ type: web.type, mesh: web.mesh, exportName: web.name, origin: 'east' }, utf8('{}'))
    await statuses.apply({ type: 'MeshService', unreadable: [{ ...unreadable(web), statusEntry: entry }] })
    const row = await global.store.read.get(web)
    expect(Buffer.from(row?.status ?? []).toString()).toBe('{"dataplaneProxies":{"total":2}}')
    expect((await statuses.perform({ op: 'standing' })).offered).toEqual(
      addEntry(emptyDigest, Buffer.from(entry, 'hex')),
    )
  })

  test('EMPTY: in a whole list it is there, and so nothing of it is absent', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel({ channel: 'up', peer: 'east' })
    const [web, api] = [service({ name: 'web', zone: 'east' }), service({ name: 'api', zone: 'east' })]
    await up.apply({ type: 'MeshService', offers: [web, api].map(offerOf), wholeList: true })
    await up.apply({ type: 'MeshService', offers: [offerOf(api)], unreadable: [unreadable(web)], wholeList: true })
    expect(await global.store.read.get(web)).toMatchObject({ deleted: false, absentSinceMs: undefined })
    expect(await global.store.read.holds()).toEqual([])
  })
}
