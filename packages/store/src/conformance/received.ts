import { digestEquals, emptyDigest, utf8, zoneLabel } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  deleteOf,
  keyOf,
  type OpenStore,
  offerOf,
  otherEpoch,
  putMesh,
  removalOf,
  Subject,
  service,
  someEpoch,
  someTag,
  type TestChannel,
} from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const

/** A position at the end of a revision. */
const through = (revision: number) => ({ revision, typeOrder: 2_147_483_647, mesh: '', name: '' })

/** What batches from a peer do: offers, removals, absence, refusals, and what is remembered of them. */
export function receivedConformance(open: OpenStore): void {
  test('an offer is kept under its export name; the same again writes nothing (RO)', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east' })
    const first = await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    expect({ refused: first.refused, writtenRows: first.writtenRows }).toEqual({ refused: [], writtenRows: 1 })
    const row = await global.store.read.get(web)
    expect(row).toMatchObject({ origin: 'east', displayName: 'web', exportName: web.name, audience: 'all' })
    expect(row?.entry).toBe(row?.offeredEntry)
    const revision = await global.revision()
    const again = await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    expect({ refused: again.refused, writtenRows: again.writtenRows }).toEqual({ refused: [], writtenRows: 0 })
    expect(await global.revision()).toBe(revision)
    expect(await global.store.read.get(web)).toEqual(row)
  })

  test('ORDER: a status that comes before its resource is no refusal to its sender, and is due as soon as the resource is there', async () => {
    await using global = await Subject.ready(open, 'global')
    const web = service({ name: 'web', zone: 'east' })
    const statuses = global.channel({ channel: 'status', peer: 'east' })
    const offers = [offerOf({ ...web, status: utf8('{"dataplaneProxies":{"total":2}}') })]
    expect((await statuses.apply({ type: 'MeshService', offers })).refused).toEqual([])
    const due = () => statuses.perform({ op: 'due-refusals', nowMs: global.nowMs })
    expect(await due()).toEqual([])
    await global.channel({ channel: 'up', peer: 'east' }).apply({ type: 'MeshService', offers: [offerOf(web)] })
    expect(await due()).toEqual([{ resourceType: 'MeshService', keys: [keyOf(web)] }])
    expect((await statuses.apply({ type: 'MeshService', offers })).refused).toEqual([])
    expect(await due()).toEqual([])
    expect(await global.store.read.refused()).toEqual([])
  })

  test('a peer is known to be followed from its first complete statement on, and nobody else is', async () => {
    await using global = await Subject.ready(open, 'global')
    const followed = async () => [
      await global.store.read.hasFollowed('east'),
      await global.store.read.hasFollowed('west'),
    ]
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east' }))] })
    const before = await followed()
    const { offered } = await up.perform({ op: 'standing' })
    const cursor = { epoch: 'ab'.repeat(16), revision: 7, tag: '0123456789abcdef' }
    await up.perform({ op: 'verify', mark: { cursor, digest: offered } })
    expect([before, await followed()]).toEqual([
      [false, false],
      [true, false],
    ])
  })

  test('a changed offer replaces content and keeps status (kumahq/kuma#13592)', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east' })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const status = utf8('{"dataplaneProxies":{"total":2}}')
    const statuses = global.channel({ channel: 'status', peer: 'east' })
    await statuses.apply({ type: 'MeshService', offers: [offerOf({ ...web, status })] })
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east', port: 81 }))] })
    const row = await global.store.read.get(web)
    expect(Buffer.from(row?.status ?? []).toString()).toBe('{"dataplaneProxies":{"total":2}}')
    expect(Buffer.from(row?.spec ?? []).toString()).toContain('81')
  })

  test('ATTR: a zone speaks for itself only, whatever its payload says', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const forged = service({ name: 'web', zone: 'west' })
    const outcome = await up.apply({ type: 'MeshService', offers: [offerOf(forged)] })
    expect(outcome.refused).toMatchObject([{ key: keyOf(forged), reason: expect.stringContaining(zoneLabel) }])
    expect(await global.store.read.get(forged)).toBeUndefined()
    // What west owns is not east's to remove either.
    const west = global.channel({ channel: 'up', peer: 'west' })
    await west.apply({ type: 'MeshService', offers: [offerOf(forged)] })
    await up.apply({ type: 'MeshService', removals: [removalOf(forged, global.nowMs)] })
    expect(await global.store.read.get(forged)).toMatchObject({ origin: 'west', deleted: false })
  })

  test('ATTR: a name that does not follow from the labels is refused, and the rest of the batch is kept (LKG)', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east' })
    const api = service({ name: 'api', zone: 'east' })
    const outcome = await up.apply({
      type: 'MeshService',
      offers: [offerOf({ ...web, name: 'web-0000000000000000' }), offerOf(api)],
    })
    expect(outcome.refused.map((r) => r.key)).toEqual(['web-0000000000000000.default'])
    expect(await global.store.read.get(api)).toMatchObject({ displayName: 'api' })
  })

  test('a refused newcomer is no row; it counts as offered, is asked for again, and goes with its removal', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const bad = { ...service({ name: 'web', zone: 'east' }), spec: utf8('not JSON') }
    const outcome = await up.apply({ type: 'MeshService', offers: [offerOf(bad)] })
    expect(outcome.refused.map((r) => r.key)).toEqual([keyOf(bad)])
    expect(await global.store.read.get(bad)).toBeUndefined()
    expect((await up.perform({ op: 'standing' })).offered.count).toBe(1)
    expect(await up.perform({ op: 'due-refusals', nowMs: global.nowMs })).toEqual([])
    const due = () => up.perform({ op: 'due-refusals', nowMs: global.nowMs })
    global.pass(60_000)
    expect(await due()).toEqual([{ resourceType: 'MeshService', keys: [keyOf(bad)] }])
    // A clock that was a day ahead when it was refused: nobody waits for a day.
    const dayMs = 86_400_000
    global.pass(-60_000)
    expect(await due()).toEqual([])
    global.pass(-dayMs)
    expect(await due()).toEqual([{ resourceType: 'MeshService', keys: [keyOf(bad)] }])
    global.pass(dayMs + 60_000)
    await up.apply({ type: 'MeshService', removals: [removalOf(bad, global.nowMs)] })
    expect(await global.store.read.refused()).toEqual([])
    expect((await up.perform({ op: 'standing' })).offered).toEqual(emptyDigest)
  })

  test('a refused update keeps the last good version (LKG); a good one after it ends the refusal', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east' })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const good = await global.store.read.get(web)
    await up.apply({ type: 'MeshService', offers: [offerOf({ ...web, spec: utf8('not JSON') })] })
    const kept = await global.store.read.get(web)
    expect(Buffer.from(kept?.spec ?? []).equals(Buffer.from(good?.spec ?? []))).toBe(true)
    expect(kept?.revision).toBe(good?.revision)
    expect(kept?.offeredEntry).not.toBe(kept?.entry)
    expect(await global.store.read.refused()).toMatchObject([{ peer: 'east', newcomer: false, tries: 1 }])
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    expect(await global.store.read.refused()).toEqual([])
    const healed = await global.store.read.get(web)
    expect(healed?.offeredEntry).toBe(healed?.entry)
  })

  test('an explicit removal is obeyed, however many there are', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const many = Array.from({ length: 30 }, (_, i) => service({ name: `web-${i}`, zone: 'east' }))
    await up.apply({ type: 'MeshService', offers: many.map(offerOf) })
    const outcome = await up.apply({
      type: 'MeshService',
      removals: many.map((one) => removalOf(one, global.nowMs)),
    })
    expect(outcome).toMatchObject({ heldKeys: [], writtenRows: 30 })
    expect(await global.store.read.holds()).toEqual([])
    expect((await up.perform({ op: 'standing' })).offered).toEqual(emptyDigest)
  })

  test('EMPTY: absence in another log is held; an offer ends the hold', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const [web, api] = [service({ name: 'web', zone: 'east' }), service({ name: 'api', zone: 'east' })]
    await startedAt(up, someEpoch, [web, api])
    const outcome = await up.apply({ type: 'MeshService', absent: [keyOf(web)], epoch: otherEpoch })
    expect(outcome.heldKeys).toEqual([keyOf(web)])
    expect(await global.store.read.get(web)).toMatchObject({ deleted: false, offeredEntry: undefined })
    expect(await global.store.read.holds()).toMatchObject([
      { peer: 'east', type: 'MeshService', origin: 'east', keyCount: 1, state: 'held' },
    ])
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const row = await global.store.read.get(web)
    expect(row?.offeredEntry).toBe(row?.entry)
    expect(row?.holdId).toBeUndefined()
    expect((await global.store.read.holds()).filter((hold) => hold.state === 'held')).toEqual([])
  })

  test('HOLD: within one log a few absent ones go, a mass is held', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const many = Array.from({ length: 40 }, (_, i) => service({ name: `web-${i}`, zone: 'east' }))
    await startedAt(up, someEpoch, many)
    const few = await up.apply({ type: 'MeshService', absent: many.slice(0, 8).map(keyOf), epoch: someEpoch })
    expect({ held: few.heldKeys.length, writtenRows: few.writtenRows }).toEqual({ held: 0, writtenRows: 8 })
    // Eight and three in ten minutes are eleven, and more than ten wait.
    const more = await up.apply({ type: 'MeshService', absent: many.slice(8, 11).map(keyOf), epoch: someEpoch })
    expect(more.heldKeys.length).toBe(3)
    global.pass(600_001)
    const later = await up.apply({ type: 'MeshService', absent: many.slice(11, 14).map(keyOf), epoch: someEpoch })
    expect(later.heldKeys).toEqual([])
  })

  test('a whole list of a peer without the extension: what is missing goes after a minute, an empty list is held', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const many = Array.from({ length: 10 }, (_, i) => service({ name: `web-${i}`, zone: 'east' }))
    const [first, ...others] = many
    if (first === undefined) throw new Error('no service')
    await up.apply({ type: 'MeshService', offers: many.map(offerOf), wholeList: true })
    const short = await up.apply({ type: 'MeshService', offers: others.map(offerOf), wholeList: true })
    expect({ held: short.heldKeys, deleted: (await global.store.read.get(first))?.deleted }).toEqual({
      held: [],
      deleted: false,
    })
    // It is back: the mark is cleared.
    await up.apply({ type: 'MeshService', offers: many.map(offerOf), wholeList: true })
    expect((await global.store.read.get(first))?.absentSinceMs).toBeUndefined()
    await up.apply({ type: 'MeshService', offers: others.map(offerOf), wholeList: true })
    global.pass(60_000)
    await up.apply({ type: 'MeshService', offers: others.map(offerOf), wholeList: true })
    expect(await global.store.read.get(first)).toBeUndefined()
    const empty = await up.apply({ type: 'MeshService', wholeList: true })
    expect(empty.heldKeys.length).toBe(9)
    expect((await global.store.read.list({ type: 'MeshService', offset: 0, limit: 100 })).total).toBe(9)
  })

  test('UNKNOWN: fields and types that nobody here knows survive byte for byte', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east' })
    const spec = utf8('{"ports":[{"port":80,"fromTheFuture":[1,{"b":2,"a":1}]}],"zz":"new","state":"Available"}')
    await up.apply({ type: 'MeshService', offers: [offerOf({ ...web, spec })] })
    expect(Buffer.from((await global.store.read.get(web))?.spec ?? [])).toEqual(Buffer.from(spec))
    const down = await global.channel({ channel: 'down', peer: 'west' }).perform({
      op: 'keys',
      resourceType: 'MeshService',
      keys: [keyOf(web)],
    })
    expect(down.offers.map((offer) => Buffer.from(offer.resource.spec))).toEqual([Buffer.from(spec)])
    const future = {
      type: 'MeshOfTheFuture',
      mesh: 'default',
      name: 'thing',
      labels: { [zoneLabel]: 'east', 'example.com/x': 'y' },
      typeUrl: 'type.googleapis.com/future.v9.Thing',
      spec: Uint8Array.of(0x0a, 0x03, 0x01, 0x02, 0x03),
    }
    const outcome = await up.apply({ type: future.type, offers: [offerOf(future)] })
    expect(outcome.refused).toEqual([])
    const row = await global.store.read.get(future)
    expect(row).toMatchObject({ labels: future.labels, typeUrl: future.typeUrl, origin: 'east' })
    expect(Buffer.from(row?.spec ?? [])).toEqual(Buffer.from(future.spec))
  })

  test('a mesh that is gone takes the copies along, said to everybody else; with the mesh they are back', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.apply(putMesh('shop'))
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east', mesh: 'shop' })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const offered = await up.perform({ op: 'standing' })
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    expect(await global.store.read.get(web)).toBeUndefined()
    const west = global.channel({ channel: 'down', peer: 'west' })
    const seen = await west.perform({ op: 'keys', resourceType: 'MeshService', keys: [keyOf(web)] })
    expect(seen).toMatchObject({ offers: [], removals: [{ key: keyOf(web) }], absent: [] })
    // Its zone still offers it, and that is what the proof speaks of (EQ).
    expect((await up.perform({ op: 'standing' })).offered).toEqual(offered.offered)
    await global.apply(putMesh('shop'))
    expect(await global.store.read.get(web)).toMatchObject({ origin: 'east', deleted: false })
    expect((await up.perform({ op: 'standing' })).offered).toEqual(offered.offered)
  })

  test('EQ: what was refused before its mesh went, and is refused with its virtual IPs after it, counts as it was offered last', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.apply(putMesh('shop'))
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east', mesh: 'shop' })
    const bad = { ...web, spec: utf8('not JSON') }
    const served = { ...bad, vips: { addresses: ['241.16.0.9'], generation: 0 } }
    const offered = async (resource: typeof bad) => {
      await up.apply({ type: 'MeshService', offers: [offerOf(resource)] })
      return (await up.perform({ op: 'standing' })).offered
    }
    await offered(web)
    const withVips = await offered(served)
    const without = await offered(bad)
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    expect(await offered(bad)).toEqual(without)
    expect(await offered(served)).toEqual(withVips)
    expect(await offered(bad)).toEqual(without)
  })

  test('EQ: after any batch the digest is that of what was offered, refusals and holds included', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const own = Array.from({ length: 5 }, (_, i) => service({ name: `web-${i}`, zone: 'east' }))
    const [first, second] = own
    if (first === undefined || second === undefined) throw new Error('no service')
    await up.apply({ type: 'MeshService', offers: own.map(offerOf) })
    const before = await up.perform({ op: 'standing' })
    await up.apply({ type: 'MeshService', offers: [offerOf({ ...first, spec: utf8('not JSON') })] })
    const refused = await up.perform({ op: 'standing' })
    expect(digestEquals(refused.offered, before.offered)).toBe(false)
    expect(refused.offered.count).toBe(5)
    await up.apply({ type: 'MeshService', offers: [offerOf(first)] })
    expect((await up.perform({ op: 'standing' })).offered).toEqual(before.offered)
    await up.apply({ type: 'MeshService', absent: [keyOf(second)], epoch: otherEpoch })
    expect((await up.perform({ op: 'standing' })).offered.count).toBe(4)
    expect((await up.perform({ op: 'offered-types' })).map(({ type, digest }) => [type, digest.count])).toEqual([
      ['MeshService', 4],
    ])
  })

  test('HOLD: what is left when the others were removed explicitly is all that there is', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const all = ['web', 'api', 'pay'].map((name) => service({ name, zone: 'east' }))
    await startedAt(up, someEpoch, all)
    const [web, ...others] = all.map(keyOf)
    if (web === undefined) throw new Error('no service')
    const removals = others.map((key) => ({ key, deletedAtMs: global.nowMs }))
    const outcome = await up.apply({ type: 'MeshService', removals, absent: [web], epoch: someEpoch })
    expect(outcome.heldKeys).toEqual([web])
    // Nobody has to say why a copy has no VIP but its own control plane.
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-3, EQ: whoever was met and has acked nothing yet is waited for: a removal is not forgotten before', async () => {
    await using global = await Subject.ready(open, 'global')
    await startedAt(global.channel(fromEast), someEpoch, [service({ name: 'web', zone: 'east' })])
    await global.apply(putMesh('shop'))
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    global.pass(25 * 3_600_000)
    expect(await global.store.upkeep()).toMatchObject({ tombstonesForgotten: 0 })
    const { head } = await global.store.status()
    await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'acked', cursor: head })
    expect(await global.store.upkeep()).toMatchObject({ tombstonesForgotten: 1 })
  })

  test('HEAL: one repair per type and minute, whatever session asks; a divergence is told until a mark agrees', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const session = () => zone.channel({ channel: 'down', peer: '' })
    const turns = (types: readonly string[], epoch = someEpoch) =>
      session().perform({ op: 'repair-turns', epoch, types, nowMs: zone.nowMs })
    const startedMs = zone.nowMs
    expect(await turns(['MeshService'])).toEqual({ due: ['MeshService'] })
    // One that was interrupted has not had its turn.
    expect(await turns(['MeshService'])).toEqual({ due: ['MeshService'] })
    await session().perform({ op: 'repaired', epoch: someEpoch, types: ['MeshService'], nowMs: zone.nowMs })
    zone.pass(20_000)
    expect(await turns(['MeshService', 'Mesh'])).toEqual({ due: ['Mesh'], retryAtMs: startedMs + 60_000 })
    expect(await turns(['MeshService'], otherEpoch)).toEqual({ due: ['MeshService'] })
    await session().perform({ op: 'repaired', epoch: someEpoch, types: ['Mesh'], nowMs: zone.nowMs })
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.perform({ op: 'diverged', types: ['MeshService'], nowMs: zone.nowMs })
    const told = async () => (await zone.store.read.cursors()).map((row) => row.diverged)
    expect(await told()).toEqual([{ sinceMs: zone.nowMs, types: ['MeshService'] }])
    const sinceMs = zone.nowMs
    zone.pass(40_000)
    expect(await turns(['MeshService', 'Mesh'])).toEqual({ due: ['MeshService'], retryAtMs: startedMs + 80_000 })
    await down.perform({ op: 'diverged', types: ['Mesh'], nowMs: zone.nowMs })
    expect(await told()).toEqual([{ sinceMs, types: ['Mesh'] }])
    await startedAt(down, someEpoch, [service({ name: 'web', zone: 'east' })])
    expect(await told()).toEqual([undefined])
  })
}

/** A complete range of a log: what it brings, and a mark that agrees. */
export async function startedAt(
  channel: TestChannel,
  epoch: string,
  resources: readonly Parameters<typeof offerOf>[0][],
): Promise<void> {
  await channel.apply({ type: 'MeshService', offers: resources.map(offerOf) })
  const { offered } = await channel.perform({ op: 'standing' })
  const mark = { cursor: { epoch, revision: 7, tag: someTag }, digest: offered }
  const progress = { cursorEpoch: epoch, through: through(7), lastOfPage: true, mark }
  expect(await channel.apply({ type: '', progress })).toMatchObject({ verified: true })
}
