import type { Cursor, LogItem, Position } from '@holdfast/kds'
import { bucketOf, digestEquals, sumOfDigests, utf8 } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  block,
  deleteOf,
  hello,
  keyOf,
  mesh,
  type OpenStore,
  offerOf,
  otherEpoch,
  otherStoreId,
  putMesh,
  putService,
  removalOf,
  Subject,
  service,
  serviceKey,
  someEpoch,
  someTag,
  type TestChannel,
} from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const toWest = { channel: 'down', peer: 'west' } as const
const pageBytes = 1_048_576
const start: Position = { revision: 0, typeOrder: 0, mesh: '', name: '' }
const end = (revision: number): Position => ({ revision, typeOrder: 2_147_483_647, mesh: '', name: '' })

/** The log, cursors, proofs, repair, fences and admission, as the machines ask for them. */
export function channelConformance(open: OpenStore): void {
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

  test('DUR: cursor and data together; a mark that does not agree leaves the data and moves no cursor', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east' })
    const cursor: Cursor = { epoch: someEpoch, revision: 9, tag: someTag }
    const lost = { cursor, digest: { lanes: [1, 2, 3, 4], count: 2 } } as const
    const wrong = await up.apply({
      type: 'MeshService',
      offers: [offerOf(web)],
      progress: { cursorEpoch: someEpoch, through: end(9), lastOfPage: true, mark: lost },
    })
    expect(wrong.verified).toBe(false)
    expect(await global.store.read.get(web)).toBeDefined()
    const after = await up.perform({ op: 'standing' })
    expect(after.cursor).not.toEqual(cursor)
    const right = await up.perform({ op: 'verify', mark: { cursor, digest: after.offered } })
    expect(right).toEqual({ verified: true, offered: after.offered })
    expect(await up.perform({ op: 'standing' })).toEqual({ cursor, offered: after.offered, partial: undefined })
  })

  test('MONO: an interrupted range goes on where it was; within a log nothing goes back', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const part = async (revision: number, lastOfPage: boolean, epoch = someEpoch) => {
      await up.apply({ type: 'MeshService', progress: { cursorEpoch: epoch, through: end(revision), lastOfPage } })
      return up.perform({ op: 'standing' })
    }
    expect((await part(5, false)).partial).toBeUndefined()
    expect(await part(5, true)).toMatchObject({ cursor: { epoch: someEpoch, revision: 0 }, partial: { revision: 5 } })
    expect((await part(3, true)).partial?.revision).toBe(5)
    const { offered } = await up.perform({ op: 'standing' })
    await up.perform({
      op: 'verify',
      mark: { cursor: { epoch: someEpoch, revision: 8, tag: someTag }, digest: offered },
    })
    await up.perform({
      op: 'verify',
      mark: { cursor: { epoch: someEpoch, revision: 6, tag: someTag }, digest: offered },
    })
    expect(await up.perform({ op: 'standing' })).toMatchObject({ cursor: { revision: 8 } })
    expect((await part(7, true)).partial).toBeUndefined()
    // Another log has its own positions.
    expect(await part(2, true, otherEpoch)).toMatchObject({
      cursor: { epoch: otherEpoch, revision: 0 },
      partial: { revision: 2 },
    })
  })

  test('a sender knows where its receiver stands: known, another log, none, a contradiction', async () => {
    await using global = await Subject.ready(open, 'global')
    const down = global.channel(toWest)
    const { cursor: head, digest: offered } = await down.perform({ op: 'mark' })
    const compare = async (cursor: Cursor | undefined) =>
      (await down.perform({ op: 'compare', standing: { offered, cursor } })).cursor
    expect(await compare(head)).toBe('known')
    expect(await compare(undefined)).toBe('none')
    expect(await compare({ epoch: head.epoch, revision: 0, tag: '0'.repeat(16) })).toBe('known')
    expect(await compare({ epoch: otherEpoch, revision: 3, tag: someTag })).toBe('foreign-epoch')
    const facts = await down.perform({ op: 'compare', standing: { offered } })
    expect(sumOfDigests(facts.typeDigests.map(({ digest }) => digest))).toEqual(facts.head.digest)
    expect(await compare({ ...head, revision: head.revision + 1, tag: someTag })).toBe('contradiction')
  })

  test('a receiver that remembers what we do not: a new epoch, and recovering before anything is served', async () => {
    await using global = await Subject.ready(open, 'global')
    const before = await global.store.status()
    const offered = (await global.channel(toWest).perform({ op: 'mark' })).digest
    await global
      .channel(toWest)
      .perform({ op: 'compare', standing: { offered, cursor: { ...before.head, tag: someTag } } })
    const after = await global.store.status()
    expect(after.state).toBe('recovering')
    expect(after.head.epoch).not.toBe(before.head.epoch)
    expect(after.reasons.join(' ')).toContain('west')
    const lease = await global.store.vip.lease({ owner: '', storeId: '', demands: [], wantedCidrs: [] })
    expect(lease).toMatchObject({ granted: [], refused: [expect.stringContaining('recovering')] })
    await global.store.finishRecovery('the operator says so')
    expect((await global.store.status()).state).toBe('ready')
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

  test('OWN: a superseded session writes nothing', async () => {
    await using global = await Subject.ready(open, 'global')
    const session = { peer: 'east', instanceId: 'g', peerInstanceId: 'e', peerVersion: '0', extension: true }
    const [older, newer] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']
    const first = await global.store.sessions.open({ ...session, sessionId: older })
    const up = global.channel({ ...fromEast, fence: { sessionId: older, fence: first.fence } })
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east' }))] })
    const second = await global.store.sessions.open({ ...session, sessionId: newer })
    const revision = await global.revision()
    const late = up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'api', zone: 'east' }))] })
    await expect(late).rejects.toMatchObject({ name: 'Fenced' })
    expect(await global.revision()).toBe(revision)
    const live = global.channel({ ...fromEast, fence: { sessionId: newer, fence: second.fence } })
    const outcome = await live.apply({
      type: 'MeshService',
      offers: [offerOf(service({ name: 'api', zone: 'east' }))],
    })
    expect(outcome.refused).toEqual([])
  })

  test('a zone name is bound to the store that had it first; admission makes the Zone', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const admit = (storeId: string) => up.perform({ op: 'admit', hello: hello(storeId), nowMs: global.nowMs })
    expect(await admit(otherStoreId)).toMatchObject({ admitted: true })
    expect(await global.store.read.get({ type: 'Zone', mesh: '', name: 'east' })).toMatchObject({ origin: '' })
    const revision = await global.revision()
    expect(await admit(otherStoreId)).toMatchObject({ admitted: true })
    expect(await global.revision()).toBe(revision)
    // Once it was in step, the name is its own.
    const { cursor } = await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'mark' })
    await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'acked', cursor })
    const refused = await admit('99999999-2222-4333-8444-555555555555')
    expect(refused).toMatchObject({ admitted: false, reason: expect.stringContaining(otherStoreId) })
    expect(refused).toMatchObject({ reason: expect.stringContaining('holdfastctl zone adopt east') })
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

  test('a mesh of global replaces the provisional one; what is ours in a mesh that global has not is suspended', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('shop'))] })
    const { offered } = await down.perform({ op: 'standing' })
    const cursor = { epoch: someEpoch, revision: 4, tag: someTag }
    await down.perform({ op: 'verify', mark: { cursor, digest: offered } })
    expect(await zone.store.read.get(serviceKey('web'))).toMatchObject({ audience: 'suspended' })
    const [refused] = await zone.apply(putService('api'))
    expect(refused).toMatchObject({ outcome: 'refused', problem: { kind: 'missing' } })
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))] })
    expect(await zone.store.read.get(serviceKey('web'))).toMatchObject({ audience: 'all' })
    await down.apply({ type: 'Mesh', removals: [removalOf(mesh('shop'), zone.nowMs)] })
    expect((await zone.apply(putService('api'))).map((o) => o.outcome)).toEqual(['created'])
  })
}

/** Hands the items of a page to a receiver, a batch per type and kind of change. */
async function receive(channel: TestChannel, items: readonly LogItem[]): Promise<void> {
  for (const { type, change } of items)
    await channel.apply('offer' in change ? { type, offers: [change.offer] } : { type, removals: [change.removal] })
}
