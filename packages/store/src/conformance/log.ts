import type { LogItem, Position } from '@holdfast/kds'
import { bucketOf, digestEquals, exportName, typeOf, utf8 } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  block,
  deleteOf,
  hello,
  keyOf,
  type OpenStore,
  offerOf,
  otherStoreId,
  putMesh,
  putService,
  Subject,
  service,
  serviceKey,
  type TestChannel,
} from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const toWest = { channel: 'down', peer: 'west' } as const
const pageBytes = 1_048_576
const start: Position = { revision: 0, typeOrder: 0, mesh: '', name: '' }
const end = (revision: number): Position => ({ revision, typeOrder: 2_147_483_647, mesh: '', name: '' })

/** The log of a view, its digests, and repair. */
export function logConformance(open: OpenStore): void {
  test('EQ: everything from the start adds up to the mark', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.channel(fromEast).apply({
      type: 'MeshService',
      offers: ['web', 'api'].map((name) => offerOf(service({ name, zone: 'east' }))),
    })
    const down = global.channel(toWest)
    const page = await down.perform({ op: 'changes', from: start, limitBytes: pageBytes, withRemovals: false })
    expect(page.head).toEqual(await down.perform({ op: 'mark' }))
    expect(page.head?.cursor).toEqual((await global.store.status()).head)
    await using west = await Subject.ready(open, 'zone', 'west')
    const receiver = west.channel({ channel: 'down', peer: '' })
    await receive(receiver, page.items)
    const { offered } = await receiver.perform({ op: 'standing' })
    expect(offered).toEqual(page.head?.digest)
    // No echo: east sees neither of its own.
    const east = await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'mark' })
    expect(east.digest.count).toBe(offered.count - 2)
  })

  test('made anew under another name elsewhere: that the first one is gone is still said, and so is the end of its status', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const up = zone.channel({ channel: 'up', peer: '' })
    const status = zone.channel({ channel: 'status', peer: '' })
    const said = async (channel: TestChannel, from: number): Promise<readonly string[]> => {
      const page = await channel.perform({ op: 'changes', from: end(from), limitBytes: pageBytes, withRemovals: true })
      return page.items.map(({ change }) =>
        'offer' in change ? `+${keyOf(change.offer.resource)}` : `-${change.removal.key}`,
      )
    }
    // The same stored name: namespace `default` is not part of it, and is part of the name that others know.
    const plain = putService('web')
    const inDefault = putService('web', { namespace: 'default' })
    const exported = (put: typeof plain): string => {
      if (put.change !== 'put') throw new Error('a put')
      const { type, mesh, name } = put.key
      return keyOf({ mesh, name: exportName(typeOf(type), mesh, name, put.content.labels) })
    }
    expect(exported(plain)).not.toBe(exported(inDefault))
    await zone.apply(plain)
    await zone.store.local.writeStatus(serviceKey('web'), utf8('{"seen":1}'))
    const first = await zone.revision()
    await zone.apply(deleteOf(serviceKey('web')))
    await zone.apply(inDefault)
    expect(await said(up, first)).toEqual([`+${exported(inDefault)}`, `-${exported(plain)}`])
    expect(await said(status, first)).toEqual([`-${exported(plain)}`])
    // Both in one transaction, and back to the first: its tombstone gives way to it.
    const second = await zone.revision()
    await zone.applyAtomically(deleteOf(serviceKey('web')), plain)
    expect(await said(up, second)).toEqual([`+${exported(plain)}`, `-${exported(inDefault)}`])
    expect(await said(status, first)).toEqual([`-${exported(plain)}`])
    const mark = await up.perform({ op: 'mark' })
    expect(mark.digest.count).toBe(1)
  })

  test('a page is cut by size, in one total order, and goes on where it ended', async () => {
    await using global = await Subject.ready(open, 'global')
    const names = Array.from({ length: 12 }, (_, i) => `web-${i}`)
    for (const name of names)
      await global.channel(fromEast).apply({ type: 'MeshService', offers: [offerOf(service({ name, zone: 'east' }))] })
    const down = global.channel(toWest)
    const seen: string[] = []
    let from = start
    for (let pages = 0; pages < 100; pages++) {
      const page = await down.perform({ op: 'changes', from, limitBytes: 1_500, withRemovals: true })
      expect(page.items.length).toBeGreaterThan(0)
      seen.push(
        ...page.items.map(({ change }) => keyOf('offer' in change ? change.offer.resource : { mesh: '', name: '' })),
      )
      from = page.through
      if (page.head !== undefined) break
    }
    expect(seen.filter((key) => key.startsWith('web-')).length).toBe(12)
    expect(new Set(seen).size).toBe(seen.length)
    expect(from.revision).toBe(await global.revision())
    const rest = await down.perform({ op: 'changes', from, limitBytes: pageBytes, withRemovals: true })
    expect(rest.items).toEqual([])
    expect(rest.head?.cursor.revision).toBe(from.revision)
  })

  test('ORDER: what is referred to comes first, and removals go the other way round', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    await global.apply(putMesh('shop'))
    const from = end(await global.revision())
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east' }))] })
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'api', zone: 'east', mesh: 'shop' }))] })
    await global.apply(putMesh('new'))
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    const page = await global
      .channel(toWest)
      .perform({ op: 'changes', from, limitBytes: pageBytes, withRemovals: true })
    expect(page.items.map((item) => `${'offer' in item.change ? '+' : '-'}${item.type}`)).toEqual([
      '+Mesh',
      '+MeshService',
      '-MeshService',
      '-Mesh',
    ])
  })

  test('what was never shown is not removed either', async () => {
    await using global = await Subject.ready(open, 'global')
    const from = end(await global.revision())
    const put = putMesh('hidden')
    if (put.change !== 'put') throw new Error('no put')
    const labels = { 'kuma.io/kds-sync': 'disabled' }
    await global.apply({ ...put, content: { ...put.content, labels } })
    await global.apply(deleteOf(put.key))
    const page = await global
      .channel(toWest)
      .perform({ op: 'changes', from, limitBytes: pageBytes, withRemovals: true })
    expect(page.items).toEqual([])
  })

  test('hiding a zone is in the log of the others, as removals, and so is showing it again', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    await up.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const web = service({ name: 'web', zone: 'east' })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const down = global.channel(toWest)
    const shown = await down.perform({ op: 'mark' })
    const zone = { change: 'put', key: { type: 'Zone', mesh: '', name: 'east' } } as const
    const enabled = (spec: Uint8Array) => ({
      ...zone,
      content: { labels: {}, typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Zone', spec },
      namespace: '',
      displayName: 'east',
      wantsVip: false,
    })
    await global.apply(enabled(Uint8Array.of(0x0a, 0x00)))
    const hidden = await down.perform({
      op: 'changes',
      from: end(shown.cursor.revision),
      limitBytes: pageBytes,
      withRemovals: true,
    })
    expect(hidden.items.map(({ change }) => ('removal' in change ? change.removal.key : '+'))).toEqual([keyOf(web)])
    expect(hidden.head?.digest.count).toBe(shown.digest.count - 1)
    await global.apply(enabled(Uint8Array.of(0x0a, 0x02, 0x08, 0x01)))
    const again = await down.perform({
      op: 'changes',
      from: end(hidden.head?.cursor.revision ?? 0),
      limitBytes: pageBytes,
      withRemovals: true,
    })
    expect(again.items.map(({ change }) => ('offer' in change ? change.offer.resource.name : '-'))).toEqual([web.name])
    expect(again.head?.digest).toEqual(shown.digest)
  })

  test('HEAL: buckets on both sides narrow a difference down to its keys', async () => {
    await using global = await Subject.ready(open, 'global')
    await using west = await Subject.ready(open, 'zone', 'west')
    const up = global.channel(fromEast)
    const services = Array.from({ length: 40 }, (_, i) => service({ name: `web-${i}`, zone: 'east' }))
    await up.apply({ type: 'MeshService', offers: services.map(offerOf) })
    const down = global.channel(toWest)
    const receiver = west.channel({ channel: 'down', peer: '' })
    const page = await down.perform({ op: 'changes', from: start, limitBytes: pageBytes, withRemovals: false })
    const [lost, stale, ghost] = [
      services[3],
      service({ name: 'web-4', zone: 'east', port: 99 }),
      service({ name: 'ghost', zone: 'east' }),
    ]
    if (lost === undefined) throw new Error('no service')
    const wrong = page.items.filter(({ change }) => !('offer' in change) || change.offer.resource.name !== lost.name)
    await receive(receiver, wrong)
    await receiver.apply({ type: 'MeshService', offers: [offerOf(stale), offerOf(ghost)] })

    const all = Array.from({ length: 32 }, (_, i) => i)
    let prefixes = all
    for (const level of [1, 2, 3]) {
      const ask = { resourceType: 'MeshService', level, prefixes } as const
      const ours = await down.perform({ op: 'buckets', ...ask })
      const theirs = await receiver.perform({ op: 'offered-buckets', ...ask })
      const sumOf = (side: typeof ours, prefix: number) => side.find((bucket) => bucket.prefix === prefix)?.digest
      const differing = prefixes.filter((prefix) => {
        const [a, b] = [sumOf(ours, prefix), sumOf(theirs, prefix)]
        return !(a === b || (a !== undefined && b !== undefined && digestEquals(a, b)))
      })
      prefixes = level === 3 ? differing : differing.flatMap((prefix) => all.map((i) => prefix * 32 + i))
    }
    const expected = [lost, stale, ghost].map((one) => bucketOf(one.type, one.mesh, one.name)).sort((a, b) => a - b)
    expect(prefixes).toEqual(expected)
    const entries = await receiver.perform({ op: 'offered-entries', resourceType: 'MeshService', buckets: prefixes })
    const parts = await down.perform({ op: 'repair', resourceType: 'MeshService', buckets: prefixes, entries })
    expect(parts.offers.map((offer) => offer.resource.name).sort()).toEqual([lost.name, stale.name].sort())
    expect(parts.removals).toEqual([])
    expect(parts.absent).toEqual([keyOf(ghost)])
    const { cursor } = await down.perform({ op: 'mark' })
    await receiver.perform({
      op: 'verify',
      mark: { cursor, digest: (await receiver.perform({ op: 'standing' })).offered },
    })
    await receiver.apply({ type: 'MeshService', offers: parts.offers, absent: parts.absent, epoch: cursor.epoch })
    expect((await receiver.perform({ op: 'standing' })).offered).toEqual((await down.perform({ op: 'mark' })).digest)
  })

  test('a key that was removed is said to be removed, not absent', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'), deleteOf(serviceKey('web')))
    await zone.apply(putService('api'))
    await zone.apply(deleteOf(serviceKey('api')))
    const up = zone.channel({ channel: 'up', peer: '' })
    const api = service({ name: 'api', zone: 'east' })
    const parts = await up.perform({ op: 'keys', resourceType: 'MeshService', keys: [keyOf(api), 'nobody.default'] })
    expect(parts).toEqual({
      offers: [],
      removals: [{ key: keyOf(api), deletedAtMs: zone.nowMs }],
      absent: ['nobody.default'],
    })
  })

  test('status has a log and a proof of its own, and wakes no zone', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await using global = await Subject.ready(open, 'global')
    await zone.apply(putService('web'))
    expect(await zone.store.local.writeStatus(serviceKey('web'), utf8('{"tls":{}}'))).toBe(true)
    expect(await zone.store.local.writeStatus(serviceKey('web'), utf8('{"tls":{}}'))).toBe(false)
    const sender = zone.channel({ channel: 'status', peer: '' })
    const page = await sender.perform({ op: 'changes', from: start, limitBytes: pageBytes, withRemovals: true })
    expect(page.items.map(({ change }) => ('offer' in change ? change.offer.resource.status : undefined))).toEqual([
      expect.anything(),
    ])
    await receive(
      global.channel(fromEast),
      (
        await zone
          .channel({ channel: 'up', peer: '' })
          .perform({ op: 'changes', from: start, limitBytes: pageBytes, withRemovals: false })
      ).items,
    )
    const west = global.channel(toWest)
    const before = await west.perform({ op: 'mark' })
    const receiver = global.channel({ channel: 'status', peer: 'east' })
    await receive(receiver, page.items)
    expect((await receiver.perform({ op: 'standing' })).offered).toEqual(page.head?.digest)
    expect((await west.perform({ op: 'mark' })).digest).toEqual(before.digest)
    const woken = await west.perform({
      op: 'changes',
      from: end(before.cursor.revision),
      limitBytes: pageBytes,
      withRemovals: true,
    })
    expect(woken.items).toEqual([])
  })

  test('VipBlock comes before the services whose addresses lie in it', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.channel(fromEast).perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    await global.channel(fromEast).apply({
      type: 'MeshService',
      offers: [offerOf(service({ name: 'web', zone: 'east' }))],
    })
    const wanted = { owner: 'east', storeId: otherStoreId, demands: [], wantedCidrs: ['241.16.0.0/20'] }
    await global.store.vip.lease(wanted)
    const page = await global
      .channel(toWest)
      .perform({ op: 'changes', from: start, limitBytes: pageBytes, withRemovals: false })
    const order = page.items.map((item) => item.type)
    expect(order.indexOf('VipBlock')).toBeLessThan(order.indexOf('MeshService'))
    expect(order.indexOf('Mesh')).toBeLessThan(order.indexOf('MeshService'))
    const leased = page.items.flatMap(({ change }) =>
      'offer' in change && change.offer.resource.type === 'VipBlock' ? [change.offer.resource] : [],
    )
    expect(leased).toEqual([block({ cidr: '241.16.0.0/20', owner: 'east', storeId: otherStoreId })])
  })
}

/** Hands the items of a page to a receiver, a batch per type and kind of change. */
async function receive(channel: TestChannel, items: readonly LogItem[]): Promise<void> {
  for (const { type, change } of items)
    await channel.apply('offer' in change ? { type, offers: [change.offer] } : { type, removals: [change.removal] })
}
