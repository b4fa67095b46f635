import { digestEquals, type ExportedResource } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  actor,
  deleteOf,
  keyOf,
  mesh,
  type OpenStore,
  offerOf,
  otherEpoch,
  putMesh,
  removalOf,
  Subject,
  service,
  someEpoch,
  type TestChannel,
} from './fixtures.js'
import { startedAt } from './received.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const toWest = { channel: 'down', peer: 'west' } as const

const services = (count: number, options: { readonly mesh?: string } = {}): readonly ExportedResource[] =>
  Array.from({ length: count }, (_, i) =>
    service({
      name: `web-${String(i).padStart(3, '0')}`,
      zone: 'east',
      vips: { addresses: [`241.16.0.${i + 1}`], generation: 0 },
      ...options,
    }),
  )

/** What is said to be missing by a sender whose log is another one than it was. */
const vanish = (up: TestChannel, missing: readonly ExportedResource[]) =>
  up.apply({ type: 'MeshService', absent: missing.map(keyOf), epoch: otherEpoch })

/** A global that holds some of east's services. */
async function holding(
  open: OpenStore,
  counts: { readonly there: number; readonly missing: number },
): Promise<{
  readonly global: Subject
  readonly up: TestChannel
  readonly all: readonly ExportedResource[]
  id: string
}> {
  const global = await Subject.ready(open, 'global')
  const up = global.channel(fromEast)
  const all = services(counts.there)
  await up.apply({ type: 'MeshService', offers: all.map(offerOf) })
  const { heldKeys } = await vanish(up, all.slice(0, counts.missing))
  expect(heldKeys.length).toBe(counts.missing)
  const [hold] = await global.store.read.holds()
  if (hold === undefined) throw new Error('nothing is held')
  return { global, up, all, id: hold.id }
}

const liveCount = async ({ store }: Subject): Promise<number> =>
  (await store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).total

const activeVips = async ({ store }: Subject): Promise<number> =>
  (await store.vip.ledger({ includeTombstoned: false, limit: 1_000 })).items.length

/** What an operator decides about what is missing. */
export function holdConformance(open: OpenStore): void {
  test('HOLD: an approval deletes what is held in one commit, says so to everybody, rests its VIPs and is written down', async () => {
    const { global, up, all, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    const offered = (await up.perform({ op: 'standing' })).offered
    const revision = await global.revision()
    const { hold, resources } = await global.store.guards.approve({ id, actor })
    expect({ resources, hold }).toMatchObject({
      resources: 30,
      hold: { state: 'approved', keyCount: 0, firstCount: 30, deletedCount: 30, decidedBy: actor },
    })
    expect(await global.revision()).toBe(revision + 1)
    expect([await liveCount(global), await activeVips(global)]).toEqual([10, 10])
    const said = await global.channel(toWest).perform({
      op: 'keys',
      resourceType: 'MeshService',
      keys: all.slice(0, 30).map(keyOf),
    })
    expect({ ...said, removals: said.removals.length }).toEqual({ offers: [], absent: [], removals: 30 })
    const ledger = await global.store.vip.ledger({ includeTombstoned: true, limit: 1_000 })
    expect(ledger.items.filter((row) => row.state === 'tombstoned').length).toBe(30)
    expect(digestEquals((await up.perform({ op: 'standing' })).offered, offered)).toBe(true)
    expect((await global.store.read.audit(1))[0]).toMatchObject({
      actor,
      action: 'hold approved',
      subject: 'MeshService of zone east',
      detail: { hold: id, resources: 30, names: all.slice(0, 30).map(keyOf) },
    })
    expect(await global.store.read.holds()).toEqual([])
  })

  test('HOLD: what is offered again before the approval stays, and nothing else does', async () => {
    const { global, up, all, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    await up.apply({ type: 'MeshService', offers: all.slice(0, 12).map(offerOf) })
    expect(await global.store.guards.hold(id)).toMatchObject({ state: 'held', keyCount: 18, returnedCount: 12 })
    expect((await global.store.guards.heldKeys(id, 100)).map((key) => key.displayName)).toEqual(
      all.slice(12, 30).map((one) => one.labels['kuma.io/display-name']),
    )
    expect((await global.store.guards.approve({ id, actor, seen: 30 })).resources).toBe(18)
    expect(await liveCount(global)).toBe(22)
    expect(await Promise.all(all.slice(0, 12).map(async (one) => (await global.store.read.get(one))?.deleted))).toEqual(
      Array.from({ length: 12 }, () => false),
    )
  })

  test('HOLD: an approval and an offer at the same moment, in either order, in one group or in two: what is offered is there', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const all = services(12)
    for (let round = 0; round < 6; round++) {
      await up.apply({ type: 'MeshService', offers: all.map(offerOf) })
      global.pass(1)
      await vanish(up, all)
      const [hold] = await global.store.read.holds()
      const back = all.slice(0, 5)
      const acts = [
        () => global.store.guards.approve({ id: hold?.id ?? '', actor }),
        () => up.apply({ type: 'MeshService', offers: back.map(offerOf) }),
      ]
      await Promise.all((round % 2 === 0 ? acts : acts.toReversed()).map((act) => act()))
      expect(await global.store.guards.hold(hold?.id ?? '')).toMatchObject({ state: 'approved', keyCount: 0 })
      expect([await liveCount(global), await activeVips(global)]).toEqual([5, 5])
      expect(await Promise.all(back.map(async (one) => (await global.store.read.get(one))?.vips?.addresses))).toEqual(
        back.map((one) => one.vips?.addresses),
      )
      expect(await global.store.vip.verifyLocal()).toEqual([])
    }
  })

  test('HOLD: an approval does not count for the threshold: it was no accident', async () => {
    const { global, up, all, id } = await holding(open, { there: 60, missing: 20 })
    await using _ = global
    await global.store.guards.approve({ id, actor })
    await up.apply({ type: 'MeshService', offers: all.slice(21).map(offerOf), wholeList: true })
    global.pass(60_000)
    await up.apply({ type: 'MeshService', offers: all.slice(21).map(offerOf), wholeList: true })
    expect([await liveCount(global), await global.store.read.holds()]).toEqual([39, []])
  })

  test('HOLD: what was approved and is offered after all is back, with its VIP', async () => {
    const { global, up, all, id } = await holding(open, { there: 12, missing: 12 })
    await using _ = global
    await global.store.guards.approve({ id, actor })
    expect([await liveCount(global), await activeVips(global)]).toEqual([0, 0])
    const outcome = await up.apply({ type: 'MeshService', offers: all.map(offerOf) })
    expect(outcome.refused).toEqual([])
    expect([await liveCount(global), await activeVips(global)]).toEqual([12, 12])
  })

  test('HOLD: after a rejection everything stays, nobody asks again about it, and the sums still agree', async () => {
    const { global, up, all, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    const offered = (await up.perform({ op: 'standing' })).offered
    expect((await global.store.guards.reject({ id, actor })).resources).toBe(30)
    expect(await global.store.guards.hold(id)).toMatchObject({ state: 'rejected', keyCount: 30, decidedBy: actor })
    expect(digestEquals((await up.perform({ op: 'standing' })).offered, offered)).toBe(true)
    const revision = await global.revision()
    // Said again in every way that a sender has: by a repair, by another log, by a whole list.
    await vanish(up, all.slice(0, 30))
    await up.apply({ type: 'MeshService', offers: all.slice(30).map(offerOf), wholeList: true })
    global.pass(60_000)
    await up.apply({ type: 'MeshService', offers: all.slice(30).map(offerOf), wholeList: true })
    expect([await global.store.read.holds(), await liveCount(global), await global.revision()]).toEqual([
      [],
      40,
      revision,
    ])
    expect(await global.store.read.counts()).toMatchObject({ held: 0 })
    // A list of length zero holds the others, and them only.
    expect((await up.apply({ type: 'MeshService', wholeList: true })).heldKeys.length).toBe(10)
  })

  test('HOLD: what was rejected, came back and vanishes again is asked about again; an explicit removal needs no asking', async () => {
    const { global, up, all, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    await global.store.guards.reject({ id, actor })
    await up.apply({ type: 'MeshService', offers: all.slice(0, 30).map(offerOf) })
    expect(await global.store.guards.hold(id)).toMatchObject({ state: 'rejected', keyCount: 0, returnedCount: 30 })
    global.pass(1)
    expect((await vanish(up, all.slice(0, 30))).heldKeys.length).toBe(30)
    const [again] = await global.store.read.holds()
    expect(again?.id).not.toBe(id)
    await global.store.guards.reject({ id: again?.id ?? '', actor })
    const removals = all.slice(0, 30).map((one) => removalOf(one, global.nowMs))
    await up.apply({ type: 'MeshService', removals })
    expect(await liveCount(global)).toBe(10)
    expect(await global.store.guards.hold(again?.id ?? '')).toMatchObject({ state: 'rejected', keyCount: 0 })
  })

  test('HOLD: what was rejected may be approved later: its sender will never say more about it', async () => {
    const { global, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    await global.store.guards.reject({ id, actor: 'first' })
    expect(await global.store.guards.approve({ id, actor: 'second' })).toMatchObject({
      resources: 30,
      hold: { state: 'approved', decidedBy: 'second' },
    })
    expect(await liveCount(global)).toBe(10)
  })

  test('HOLD: it ends by itself, bit by bit, and says how and when', async () => {
    const { global, up, all, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    await up.apply({ type: 'MeshService', offers: all.slice(0, 20).map(offerOf) })
    await up.apply({ type: 'MeshService', removals: all.slice(20, 29).map((one) => removalOf(one, global.nowMs)) })
    expect(await global.store.guards.hold(id)).toMatchObject({ state: 'held', keyCount: 1, firstCount: 30 })
    global.pass(5_000)
    await up.apply({ type: 'MeshService', offers: all.slice(29).map(offerOf) })
    expect(await global.store.guards.hold(id)).toMatchObject({
      state: 'ended',
      keyCount: 0,
      firstCount: 30,
      returnedCount: 21,
      endedAtMs: global.nowMs,
    })
    expect(await liveCount(global)).toBe(31)
  })

  test('HOLD: a decision about a hold that is gone, decided or has grown says what became of it and changes nothing', async () => {
    const { global, up, all, id } = await holding(open, { there: 40, missing: 30 })
    await using _ = global
    const { guards } = global.store
    const unknown = '00000000-0000-8000-8000-000000000000'
    await expect(guards.approve({ id: unknown, actor })).rejects.toMatchObject({
      kind: 'missing',
      message: `there is no hold ${unknown}; see those there are with 'holdfastctl hold list --all'`,
    })
    await expect(guards.approve({ id, actor, seen: 29 })).rejects.toMatchObject({
      kind: 'conflict',
      message: `hold ${id} has 30 resources now, not 29: look at it again`,
    })
    const before = await global.revision()
    expect(await liveCount(global)).toBe(40)
    await guards.approve({ id, actor })
    for (const act of ['approve', 'reject'] as const)
      await expect(guards[act]({ id, actor: 'later' })).rejects.toMatchObject({
        kind: 'conflict',
        message: expect.stringMatching(/is not open any more: approved by conformance at .*, 30 resources deleted/),
      })
    await vanish(up, all.slice(30, 35))
    const [other] = await global.store.read.holds()
    await up.apply({ type: 'MeshService', offers: all.slice(30, 35).map(offerOf) })
    await expect(guards.approve({ id: other?.id ?? '', actor })).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringMatching(/is not open any more: ended by itself at .*, 5 offered again/),
    })
    expect([await liveCount(global), (await global.revision()) > before]).toEqual([10, true])
  })

  test('EMPTY: the few that are left beside a hold are all that there is, and do not go below the threshold', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const all = services(20)
    await startedAt(up, someEpoch, all)
    const absent = (some: readonly ExportedResource[]) =>
      up.apply({ type: 'MeshService', absent: some.map(keyOf), epoch: someEpoch })
    expect((await absent(all.slice(0, 15))).heldKeys.length).toBe(15)
    global.pass(36_000_000)
    expect((await absent(all.slice(15))).heldKeys.length).toBe(5)
    expect(await liveCount(global)).toBe(20)
  })

  test('HOLD: what is held counts as vanished: a mass does not pass in two parts', async () => {
    const { global, up, all } = await holding(open, { there: 60, missing: 10 })
    await using _ = global
    await up.apply({ type: 'MeshService', offers: all.slice(15).map(offerOf), wholeList: true })
    global.pass(60_000)
    const second = await up.apply({ type: 'MeshService', offers: all.slice(15).map(offerOf), wholeList: true })
    expect([second.heldKeys.length, await liveCount(global)]).toEqual([5, 60])
  })

  test('HOLD: a type has the threshold that was set for it, the others the one that was set for them', async () => {
    const thresholds = { MeshService: { count: 30, share: 0 }, default: { count: 0, share: 0 } }
    await using global = await Subject.ready((setting) => open({ ...setting, thresholds }), 'global')
    const up = global.channel(fromEast)
    const all = services(60)
    await startedAt(up, someEpoch, all)
    const absent = (some: readonly ExportedResource[]) =>
      up.apply({ type: 'MeshService', absent: some.map(keyOf), epoch: someEpoch })
    expect((await absent(all.slice(0, 30))).heldKeys).toEqual([])
    expect((await absent(all.slice(30, 31))).heldKeys.length).toBe(1)
    expect(await liveCount(global)).toBe(30)
    const things = ['a', 'b'].map((name) => ({
      ...{ type: 'FutureThing', mesh: 'default', name, labels: { 'kuma.io/zone': 'east' } },
      ...{ typeUrl: 'type.googleapis.com/future.Thing', spec: new Uint8Array() },
    }))
    await up.apply({ type: 'FutureThing', offers: things.map(offerOf) })
    const one = await up.apply({
      type: 'FutureThing',
      absent: [keyOf({ mesh: 'default', name: 'a' })],
      epoch: someEpoch,
    })
    expect(one.heldKeys.length).toBe(1)
  })

  test('HOLD: both counts are told, what is missing from a plain list and what is held', async () => {
    const { global, up, all } = await holding(open, { there: 40, missing: 12 })
    await using _ = global
    await up.apply({ type: 'MeshService', offers: all.slice(15).map(offerOf), wholeList: true })
    expect(await global.store.guards.absent()).toEqual([
      { type: 'MeshService', origin: 'east', count: 3, sinceMs: global.nowMs },
    ])
    expect(await global.store.read.counts()).toMatchObject({ held: 12 })
  })

  test('HOLD: a mesh that an operator deletes takes what is held in it along', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.apply(putMesh('shop'))
    const up = global.channel(fromEast)
    const all = services(12, { mesh: 'shop' })
    await up.apply({ type: 'MeshService', offers: all.map(offerOf) })
    await vanish(up, all)
    const [hold] = await global.store.read.holds()
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    expect(await liveCount(global)).toBe(0)
    expect(await global.store.guards.hold(hold?.id ?? '')).toMatchObject({ state: 'ended', returnedCount: 0 })
  })

  test('HOLD: a mesh that global has lost is held at a zone whatever the number; approved, it suspends what is in it', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'Mesh', offers: ['default', 'shop'].map((name) => offerOf(mesh(name))) })
    const { heldKeys } = await down.apply({ type: 'Mesh', absent: [keyOf(mesh('shop'))], epoch: otherEpoch })
    expect(heldKeys).toEqual([keyOf(mesh('shop'))])
    const [hold] = await zone.store.read.holds()
    expect((await zone.store.guards.approve({ id: hold?.id ?? '', actor })).resources).toBe(1)
    expect(await zone.store.read.get(mesh('shop'))).toBeUndefined()
  })

  test('OWN: what a peer says that it refuses is kept of its newest session only, and written only if it is new', async () => {
    await using global = await Subject.ready(open, 'global')
    const { guards, sessions } = global.store
    const session = (sessionId: string) =>
      sessions.open({
        ...{ sessionId, peer: 'west', instanceId: 'i', peerInstanceId: 'p', peerVersion: '0.1.0', extension: true },
      })
    await session('older')
    const first = { peer: 'west', hash: '0123456789abcdef', body: '{"a":1}', atMs: global.nowMs }
    await guards.noteReport(first, 'older')
    await guards.noteReport({ ...first, atMs: global.nowMs + 1_000 }, 'older')
    expect(await guards.reports()).toEqual([first])
    const shown = async () => (await global.store.read.shown(mesh('shop'))).reports
    expect(await shown()).toMatchObject([{ peer: 'west', body: '{"a":1}' }])
    await session('newer')
    await guards.noteReport({ ...first, hash: 'f'.repeat(16), body: '{}' }, 'older')
    expect(await guards.reports()).toEqual([first])
    const second = { peer: 'west', hash: '', body: '', atMs: global.nowMs + 5_000 }
    await guards.noteReport(second, 'newer')
    expect(await guards.reports()).toEqual([second])
    expect(await shown()).toEqual([])
  })
}
