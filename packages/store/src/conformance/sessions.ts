import type { Cursor, Position } from '@holdfast/kds'
import { sumOfDigests } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  hello,
  mesh,
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
  someTag,
} from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const toWest = { channel: 'down', peer: 'west' } as const
const end = (revision: number): Position => ({ revision, typeOrder: 2_147_483_647, mesh: '', name: '' })

/** Where peers stand, what may write, and who is let in. */
export function sessionConformance(open: OpenStore): void {
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
    await down.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const { cursor: head, digest: offered } = await down.perform({ op: 'mark' })
    const compare = async (cursor: Cursor | undefined) =>
      (await down.perform({ op: 'compare', standing: { offered, cursor } })).cursor
    expect(await compare(head)).toBe('known')
    const east = global.channel({ channel: 'down', peer: 'east' })
    await east.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    await east.perform({ op: 'acked', cursor: head })
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
    // Whoever was about to be compared when it was found out is told nothing either.
    for (const cursor of [undefined, before.head])
      expect(await global.channel(toWest).perform({ op: 'compare', standing: { offered, cursor } })).toMatchObject({
        cursor: 'contradiction',
      })
    const lease = await global.store.vip.lease({ owner: '', storeId: '', demands: [], wantedCidrs: [] })
    expect(lease).toMatchObject({ granted: [], refused: [expect.stringContaining('recovering')] })
    await global.store.finishRecovery('the operator says so')
    expect((await global.store.status()).state).toBe('ready')
    // Another zone comes late with the same news: that is over, and it is heard as a witness.
    const strangers: string[] = []
    global.store.recovery.onStranger((zone) => strangers.push(zone))
    const late = { ...before.head, revision: before.head.revision + 3, tag: someTag }
    const { cursor } = await global
      .channel({ channel: 'down', peer: 'east' })
      .perform({ op: 'compare', standing: { offered, cursor: late } })
    expect([cursor, strangers, (await global.store.status()).state]).toEqual(['foreign-epoch', ['east'], 'ready'])
  })

  test('EMPTY: a zone that was in step with another log meets a database that nobody was in step with: it recovers first', async () => {
    await using global = await Subject.ready(open, 'global')
    const down = global.channel(toWest)
    await down.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const { digest: offered } = await down.perform({ op: 'mark' })
    const other = { epoch: otherEpoch, revision: 3, tag: someTag }
    expect(await down.perform({ op: 'compare', standing: { offered, cursor: other } })).toMatchObject({
      cursor: 'contradiction',
    })
    expect(await global.store.status()).toMatchObject({
      state: 'recovering',
      reasons: [expect.stringContaining('in the place of one that was lost')],
    })
    // The operator has decided: the same zone again is no news.
    await global.store.finishRecovery('the operator says so')
    expect((await down.perform({ op: 'compare', standing: { offered, cursor: other } })).cursor).toBe('foreign-epoch')
    expect((await global.store.status()).state).toBe('ready')
  })

  test('EMPTY: a zone that was interrupted in its first range of another log is heard of it as well', async () => {
    await using global = await Subject.ready(open, 'global')
    const down = global.channel(toWest)
    await down.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const { digest: offered } = await down.perform({ op: 'mark' })
    const cursor = { epoch: otherEpoch, revision: 0, tag: '0'.repeat(16) }
    const partial = { revision: 2, typeOrder: 20, mesh: '', name: 'some-block' }
    expect(await down.perform({ op: 'compare', standing: { offered, cursor, partial } })).toMatchObject({
      cursor: 'contradiction',
    })
    expect((await global.store.status()).state).toBe('recovering')
  })

  test('EMPTY, VIP-2: a plain Kuma zone that acks whatever it is told is nobody in step: a lost database is still found out', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.store.sessions.meetPlain('north')
    const north = global.channel({ channel: 'down', peer: 'north' })
    const { cursor, digest: offered } = await north.perform({ op: 'mark' })
    await north.perform({ op: 'acked', cursor })
    const down = global.channel(toWest)
    await down.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const other = { epoch: otherEpoch, revision: 3, tag: someTag }
    expect((await down.perform({ op: 'compare', standing: { offered, cursor: other } })).cursor).toBe('contradiction')
    expect((await global.store.status()).state).toBe('recovering')
  })

  test('a zone of another installation joins one that has zones in step: nobody recovers for it', async () => {
    await using global = await Subject.ready(open, 'global')
    const east = global.channel({ channel: 'down', peer: 'east' })
    await east.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const { cursor, digest: offered } = await east.perform({ op: 'mark' })
    await east.perform({ op: 'acked', cursor })
    const other = { epoch: otherEpoch, revision: 3, tag: someTag }
    const { cursor: stands } = await global
      .channel(toWest)
      .perform({ op: 'compare', standing: { offered, cursor: other } })
    expect([stands, (await global.store.status()).state]).toEqual(['foreign-epoch', 'ready'])
  })

  test('EMPTY: a zone that was in step with the log that is here has followed one that it never had: it recovers first', async () => {
    await using global = await Subject.ready(open, 'global')
    const down = global.channel(toWest)
    await down.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const { cursor, digest: offered } = await down.perform({ op: 'mark' })
    await down.perform({ op: 'acked', cursor })
    // The database is that of a backup: of the log that began anew after it nothing is known here.
    const since = { epoch: otherEpoch, revision: cursor.revision + 3, tag: someTag }
    const compare = async () => (await down.perform({ op: 'compare', standing: { offered, cursor: since } })).cursor
    expect(await compare()).toBe('contradiction')
    expect(await global.store.status()).toMatchObject({
      state: 'recovering',
      reasons: [expect.stringMatching(/zone west followed .* never had/)],
    })
    // Once: the same zone again is no news.
    await global.store.finishRecovery('the operator says so')
    const { head } = await global.store.status()
    expect(await compare()).toBe('foreign-epoch')
    expect(await global.store.status()).toMatchObject({ state: 'ready', head: { epoch: head.epoch } })
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

  test('OWN: a deleted zone takes what it has there along, does nothing any more, and comes back only when it is made again', async () => {
    await using global = await Subject.ready(open, 'global')
    const admit = () =>
      global
        .channel({ channel: 'down', peer: 'east' })
        .perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    expect(await admit()).toMatchObject({ admitted: true })
    const up = global.channel({ channel: 'up', peer: 'east' })
    const vips = { addresses: ['241.200.0.7'], generation: 1 }
    const web = service({ name: 'web', zone: 'east', vips })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    expect(await global.store.sessions.deletedZones(['east', 'west'])).toEqual([])
    const zone = { type: 'Zone', mesh: '', name: 'east' }
    expect((await global.apply({ change: 'delete', key: zone })).map((o) => o.outcome)).toEqual(['deleted'])
    expect(await global.store.read.get(web)).toBeUndefined()
    // West is told by an explicit removal, and the address rests.
    const changes = await global.channel({ channel: 'down', peer: 'west' }).perform({
      op: 'changes',
      from: { revision: 0, typeOrder: 0, mesh: '', name: '' },
      limitBytes: 1_000_000,
      withRemovals: true,
    })
    const removed = changes.items.flatMap((item) => ('removal' in item.change ? [item.change.removal.key] : []))
    expect(removed).toContain(`${web.name}.default`)
    const ledger = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(ledger.items.map(({ address, state }) => [address, state])).toEqual([['241.200.0.7', 'tombstoned']])
    expect(await global.store.sessions.deletedZones(['east', 'west'])).toEqual(['east'])
    // What was under way has no effect, neither a batch nor a lease.
    await expect(up.apply({ type: 'MeshService', offers: [offerOf(web)] })).rejects.toThrow(/zone "east" was deleted/)
    const asked = { owner: 'east', storeId: otherStoreId, demands: [], wantedCidrs: [] }
    expect(await global.store.vip.lease(asked)).toMatchObject({ refused: [expect.stringMatching(/was deleted/)] })
    expect(await admit()).toMatchObject({ admitted: false, reason: expect.stringMatching(/create it there again/) })
    expect(await global.store.read.get(zone)).toBeUndefined()
    const typeUrl = 'type.googleapis.com/kuma.system.v1alpha1.Zone'
    const content = { labels: {}, typeUrl, spec: Uint8Array.of(0x0a, 0x02, 0x08, 0x01) }
    await global.apply({ change: 'put', key: zone, content, namespace: '', displayName: 'east', wantsVip: false })
    expect(await admit()).toMatchObject({ admitted: true })
    const again = await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    expect({ refused: again.refused, rows: again.writtenRows }).toEqual({ refused: [], rows: 1 })
    const back = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(back.items.map(({ address, state }) => [address, state])).toEqual([['241.200.0.7', 'active']])
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
