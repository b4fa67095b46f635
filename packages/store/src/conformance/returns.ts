import type { LogItem } from '@holdfast/kds'
import { expect, test } from 'vitest'
import { pageOfText, pageText } from '../index.js'
import { addedReturns, nothingReturned, type Returned, ReturnSeen } from '../plan/returned.js'
import {
  block,
  deleteOf,
  hello,
  mesh,
  type OpenStore,
  offerOf,
  otherEpoch,
  otherStoreId,
  putService,
  Subject,
  serviceKey,
  someTag,
} from './fixtures.js'

const cidr = '241.16.0.0/20'
const v6Cidr = 'fd01:203:405:17::/64'
const start = { revision: 0, typeOrder: 0, mesh: '', name: '' }
const day = 86_400_000

const storeIdOf = async (subject: Subject): Promise<string> => (await subject.store.status()).identity.storeId

/** A zone that has a block, known to its global: what an admission and a lease leave behind. */
async function zoneOf(open: OpenStore, global: Subject): Promise<Subject> {
  const zone = await Subject.ready(open, 'zone')
  await admit(global, await storeIdOf(zone))
  await leaseTo(zone, global)
  return zone
}

const admit = async (global: Subject, storeId: string) =>
  global.channel({ channel: 'up', peer: 'east' }).perform({ op: 'admit', hello: hello(storeId), nowMs: global.nowMs })

/** Everything that the zone has goes up, and is proven: what a session does. */
async function tellUp(zone: Subject, global: Subject): Promise<void> {
  const page = await zone
    .channel({ channel: 'up', peer: '' })
    .perform({ op: 'changes', from: start, limitBytes: 1 << 20, withRemovals: true })
  const up = global.channel({ channel: 'up', peer: 'east' })
  const of = <T>(pick: (item: LogItem) => T | undefined, type: string): readonly T[] =>
    page.items.flatMap((item) => (item.type === type ? (pick(item) ?? []) : []))
  for (const type of new Set(page.items.map((item) => item.type)))
    await up.apply({
      type,
      offers: of(({ change }) => ('offer' in change ? change.offer : undefined), type),
      removals: of(({ change }) => ('removal' in change ? change.removal : undefined), type),
    })
  const head = page.head
  if (head === undefined) throw new Error('the page does not reach the head')
  expect(await up.perform({ op: 'verify', mark: head })).toMatchObject({ verified: true })
  // That it was ever in step.
  const { cursor } = await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'mark' })
  await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'acked', cursor })
}

async function leaseTo(zone: Subject, global: Subject, range = cidr): Promise<void> {
  const storeId = await storeIdOf(zone)
  const granted = await global.store.vip.lease({ owner: 'east', storeId, demands: [], wantedCidrs: [range] })
  expect(granted.refused).toEqual([])
  const offer = offerOf(block({ cidr: range, owner: 'east', storeId }))
  await zone.channel({ channel: 'down', peer: '' }).apply({ type: 'VipBlock', offers: [offer] })
}

/** What a session does for a zone whose store was lost: page by page, as text, until the last one. */
async function takeBack(zone: Subject, global: Subject): Promise<Returned> {
  const seen = new ReturnSeen()
  let sum = nothingReturned
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = pageOfText(pageText(await global.store.returns.page('east', after)))
    seen.note(page)
    sum = addedReturns(sum, await zone.store.returns.take(page))
    after = page.next
    if (after === undefined) return addedReturns(sum, await zone.store.returns.finish(seen, page))
  }
  return sum
}

const vipsOf = async (subject: Subject): Promise<Readonly<Record<string, readonly string[] | undefined>>> => {
  const { items } = await subject.store.read.list({ type: 'MeshService', offset: 0, limit: 100 })
  return Object.fromEntries(items.map((row) => [row.displayName, row.vips?.addresses]).sort())
}
const ledgerOf = async (subject: Subject) => {
  const { items } = await subject.store.vip.ledger({ includeTombstoned: true, limit: 100 })
  return items
    .map(({ displayName, address, generation, state }) => ({ displayName, address, generation, state }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))
}
const digestUp = async (zone: Subject) =>
  (await zone.channel({ channel: 'up', peer: '' }).perform({ op: 'mark' })).digest
const offered = async (global: Subject) =>
  (await global.channel({ channel: 'up', peer: 'east' }).perform({ op: 'standing' })).offered

/** What goes back to a zone whose store was lost, and to whom a zone's name belongs. */
export function returnsConformance(open: OpenStore): void {
  test('VIP-2: a zone with a new store gets everything back: services, addresses, what rests, and nothing is told to anybody', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('web'), putService('api', { labels: { team: 'red' } }), putService('old'))
    await tellUp(zone, global)
    await zone.apply(deleteOf(serviceKey('old')))
    await tellUp(zone, global)
    const [vips, ledger, digest] = [await vipsOf(zone), await ledgerOf(zone), await digestUp(zone)]
    const revision = await global.revision()

    await using wiped = await Subject.ready(open, 'zone')
    wiped.pass(day)
    const storeId = await storeIdOf(wiped)
    expect(await admit(global, storeId)).toMatchObject({
      admitted: false,
      reason: expect.stringContaining('zone adopt east'),
    })
    expect(await global.store.sessions.zones()).toMatchObject([{ name: 'east', claimantStoreId: storeId }])
    const plan = await global.store.returns.adopt({ zone: 'east', actor: 'test', apply: false })
    expect(plan).toMatchObject({ storeId, changed: true, blocks: [{ cidr, generation: 2, storeId }] })
    expect(await admit(global, storeId)).toMatchObject({ admitted: false })
    await global.store.returns.adopt({ zone: 'east', actor: 'test', apply: true })
    expect(await admit(global, storeId)).toMatchObject({ admitted: true, owesReturn: true })

    await wiped.store.returns.begin('the test says so')
    // Written before the return: it waits for its address, and then has the one that is remembered.
    await wiped.apply(putService('api', { labels: { team: 'red' } }))
    expect(await vipsOf(wiped)).toEqual({ api: undefined })
    const returned = await takeBack(wiped, global)
    expect(returned).toMatchObject({ returned: 1, services: 1, kept: [], held: [], moved: [], refused: [] })
    expect(await wiped.store.status()).toMatchObject({ state: 'ready', reasons: [] })
    expect(await vipsOf(wiped)).toEqual(vips)
    expect(await ledgerOf(wiped)).toEqual(ledger)
    expect(await wiped.store.vip.verifyLocal()).toEqual([])
    expect(await digestUp(wiped)).toEqual(digest)
    expect(await offered(global)).toEqual(digest)
    // The lease alone has changed: it is another store's now.
    expect((await global.revision()) - revision).toBe(1)
    expect(await wiped.store.vip.blocks()).toMatchObject([{ cidr, storeId, generation: 2 }])
  })

  test('VIP-3: a block that arrives after what rests in it has come back: new services get what is free of it', async () => {
    const range = '241.16.0.0/25'
    const names = (of: string, count: number) => Array.from({ length: count }, (_, i) => `${of}-${i}`)
    await using global = await Subject.ready(open, 'global')
    await using zone = await Subject.ready(open, 'zone')
    await admit(global, await storeIdOf(zone))
    // Given by its operator, and not confirmed yet when the zone loses its store.
    expect(await zone.store.vip.adoptBlocks([range])).toEqual([])
    await zone.apply(...names('old', 30).map((name) => putService(name)))
    await tellUp(zone, global)
    const resting = Object.values(await vipsOf(zone)).flatMap((addresses) => addresses ?? [])
    await zone.apply(...names('old', 30).map((name) => deleteOf(serviceKey(name))))
    await tellUp(zone, global)

    await using wiped = await Subject.ready(open, 'zone')
    wiped.pass(1_000)
    await global.store.returns.adopt({ zone: 'east', storeId: await storeIdOf(wiped), actor: 'test', apply: true })
    await wiped.store.returns.begin('the test says so')
    // So many that whole blocks are read instead of single addresses.
    await wiped.apply(...names('new', 70).map((name) => putService(name)))
    await takeBack(wiped, global)
    await leaseTo(wiped, global, range)
    const given = Object.values(await vipsOf(wiped)).flatMap((addresses) => addresses ?? [])
    expect([resting.length, given.length, new Set([...resting, ...given]).size]).toEqual([30, 70, 100])
    expect(await wiped.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-3: what rests at global rests at the new store too: nobody else gets it, and its owner finds it', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('old'))
    const [address = ''] = (await vipsOf(zone)).old ?? []
    await tellUp(zone, global)
    await zone.apply(deleteOf(serviceKey('old')))
    await tellUp(zone, global)
    await using wiped = await Subject.ready(open, 'zone')
    await global.store.returns.adopt({ zone: 'east', storeId: await storeIdOf(wiped), actor: 'test', apply: true })
    await wiped.store.returns.begin('the test says so')
    await takeBack(wiped, global)
    const [taken] = await wiped.apply(putService('thief', { pins: { v4: address } }))
    expect(taken).toMatchObject({ outcome: 'refused', problem: { kind: 'conflict' } })
    await wiped.apply(putService('old'))
    expect(await vipsOf(wiped)).toEqual({ old: [address] })
  })

  test('MONO: a backup gets what came since, loses what went since, and takes the newer version of what changed', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('changed'), putService('gone'), putService('same'))
    const backup = [putService('changed'), putService('gone'), putService('same')]
    await tellUp(zone, global)
    const before = await ledgerOf(zone)
    zone.pass(1_000)
    global.pass(1_000)
    await zone.apply(putService('changed', { port: 81 }), deleteOf(serviceKey('gone')), putService('since'))
    await tellUp(zone, global)
    const [vips, digest] = [await vipsOf(zone), await digestUp(zone)]

    // The backup: an older store of the same zone, whose rows are older than what global had proven.
    await using restored = await Subject.ready(open, 'zone')
    restored.pass(-500)
    await leaseAsIs(restored)
    await restored.apply(...backup)
    expect(await ledgerOf(restored)).toEqual(before)
    restored.pass(day)
    global.pass(day - 1_500)
    await restored.store.returns.begin('the test says so')
    const returned = await takeBack(restored, global)
    expect(returned).toMatchObject({ returned: 2, removed: 1, kept: [], held: [], moved: [], refused: [] })
    expect(await vipsOf(restored)).toEqual(vips)
    expect(await digestUp(restored)).toEqual(digest)
    expect(await restored.store.read.get(serviceKey('gone'))).toBeUndefined()
    expect(await restored.store.vip.verifyLocal()).toEqual([])
  })

  test('DUR: a service whose name was somebody else’s in the backup comes back, and the other one is gone', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    // Both are called "web" here; the namespace tells them apart.
    const [before, since] = [putService('web'), putService('web', { namespace: 'default' })]
    await zone.apply(before)
    await tellUp(zone, global)
    zone.pass(1_000)
    global.pass(1_000)
    await zone.apply(deleteOf(serviceKey('web')))
    await zone.apply(since)
    await tellUp(zone, global)
    const [vips, digest] = [await vipsOf(zone), await digestUp(zone)]

    await using restored = await Subject.ready(open, 'zone')
    restored.pass(-500)
    await leaseAsIs(restored)
    await restored.apply(before)
    restored.pass(day)
    global.pass(day - 1_500)
    await restored.store.returns.begin('the test says so')
    expect(await takeBack(restored, global)).toMatchObject({
      returned: 1,
      removed: 1,
      kept: [],
      held: [],
      refused: [],
    })
    expect(await vipsOf(restored)).toEqual(vips)
    expect(await digestUp(restored)).toEqual(digest)
    expect(await restored.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-1: what a backup wrote on is kept; an address that it gave away again goes back, and the other one gets another', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('changed'))
    zone.pass(1_000)
    global.pass(1_000)
    await zone.apply(putService('changed', { port: 81 }), putService('since'))
    await tellUp(zone, global)
    const vips = await vipsOf(zone)
    const [address = ''] = vips.since ?? []

    await using restored = await Subject.ready(open, 'zone')
    restored.pass(-500)
    await leaseAsIs(restored)
    await restored.apply(putService('changed'))
    restored.pass(day)
    global.pass(day - 1_500)
    // It goes on writing before anybody has noticed.
    await restored.apply(
      putService('changed', { port: 82 }),
      putService('young', { labels: { 'holdfast.io/vip': '' } }),
    )
    await restored.apply(putService('thief', { pins: { v4: address } }))
    await restored.store.returns.begin('the test says so')
    const returned = await takeBack(restored, global)
    expect(returned.kept).toEqual([expect.stringContaining('MeshService changed-')])
    expect(returned.moved).toEqual([
      expect.stringMatching(new RegExp(`${address} goes back from .*"thief".* to .*"since"`)),
    ])
    const after = await vipsOf(restored)
    expect(after).toMatchObject(vips)
    expect(Object.keys(after)).toEqual(['changed', 'since', 'thief', 'young'])
    expect(after.thief).toHaveLength(1)
    expect(after.thief).not.toEqual([address])
    expect(await restored.store.vip.verifyLocal()).toEqual([])
    const row = await restored.store.read.get(serviceKey('changed'))
    expect(new TextDecoder().decode(row?.spec)).toContain('82')
    // What it says now is taken: nobody else has these addresses.
    await global.channel({ channel: 'up', peer: 'east' }).perform({ op: 'standing' })
    await tellUp(restored, global)
    expect(await vipsOf(global)).toEqual(after)
  })

  test('VIP-2: whoever is served in the backup with one family only has both at once', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('web'))
    zone.pass(1_000)
    global.pass(1_000)
    await leaseTo(zone, global, v6Cidr)
    await tellUp(zone, global)
    const vips = await vipsOf(zone)
    expect(vips.web).toHaveLength(2)

    await using restored = await Subject.ready(open, 'zone')
    restored.pass(-500)
    await leaseAsIs(restored)
    await restored.apply(putService('web'))
    expect((await vipsOf(restored)).web).toEqual(vips.web?.slice(0, 1))
    restored.pass(day)
    global.pass(day - 1_500)
    await restored.apply(putService('web', { port: 82 }))
    await restored.store.returns.begin('the test says so')
    expect(await takeBack(restored, global)).toMatchObject({ moved: [], refused: [] })
    expect(await vipsOf(restored)).toEqual(vips)
    expect((await ledgerOf(restored)).map(({ state }) => state)).toEqual(['active', 'active'])
    expect(await restored.store.vip.verifyLocal()).toEqual([])
    await global.channel({ channel: 'up', peer: 'east' }).perform({ op: 'standing' })
    await tellUp(restored, global)
    expect(await vipsOf(global)).toEqual(vips)
  })

  test('EMPTY: what only the backup has is held, not deleted and not told; what rests at global was deleted', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('stays'))
    await tellUp(zone, global)
    await using restored = await Subject.ready(open, 'zone')
    await leaseAsIs(restored)
    restored.pass(-1_000)
    await restored.apply(putService('stays'), putService('forgotten'))
    restored.pass(day)
    global.pass(day - 1_000)
    await restored.store.returns.begin('the test says so')
    const returned = await takeBack(restored, global)
    expect(returned).toMatchObject({ removed: 0, held: ['MeshService forgotten.default'] })
    expect(Object.keys(await vipsOf(restored))).toEqual(['forgotten', 'stays'])
    expect(await restored.store.read.holds()).toMatchObject([
      {
        ...{ type: 'MeshService', origin: 'east', keyCount: 1 },
        reason:
          '1 MeshService of this zone stand in the backup that was put back, and global does not know them: deleted since, or never sent. They go on here and are told to nobody; delete what was deleted, apply again what is to stay',
      },
    ])
    expect(await digestUp(restored)).toEqual(await offered(global))
    // Applied again it is wanted: it is told, and the hold ends.
    await restored.apply(putService('forgotten'))
    expect((await digestUp(restored)).count).toBe(2)
    expect((await restored.store.read.holds()).filter((hold) => hold.state === 'held')).toEqual([])
  })

  test.each([
    ['approve', [], ['forgotten'], 1],
    ['reject', ['forgotten'], [], 2],
  ] as const)(
    'HOLD: %s of what only the backup has: gone with its VIP at rest, or told to everybody again',
    async (verb, kept, gone, told) => {
      await using global = await Subject.ready(open, 'global')
      await using zone = await zoneOf(open, global)
      await zone.apply(putService('stays'))
      await tellUp(zone, global)
      await using restored = await Subject.ready(open, 'zone')
      await leaseAsIs(restored)
      restored.pass(-1_000)
      await restored.apply(putService('stays'), putService('forgotten'))
      restored.pass(day)
      global.pass(day - 1_000)
      await restored.store.returns.begin('the test says so')
      await takeBack(restored, global)
      const [hold] = await restored.store.read.holds()
      expect((await restored.store.guards[verb]({ id: hold?.id ?? '', actor: 'test' })).resources).toBe(1)
      expect(Object.keys(await vipsOf(restored))).toEqual([...kept, 'stays'])
      expect((await digestUp(restored)).count).toBe(told)
      const ledger = await restored.store.vip.ledger({ includeTombstoned: true, limit: 100 })
      const resting = ledger.items.filter((row) => row.state === 'tombstoned').map((row) => row.displayName)
      expect([...new Set(resting)]).toEqual(gone)
      expect(await restored.store.vip.verifyLocal()).toEqual([])
      expect(await restored.store.read.holds()).toEqual([])
    },
  )

  test('the same return again changes nothing', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('web'), putService('old'))
    await zone.apply(deleteOf(serviceKey('old')))
    await tellUp(zone, global)
    await using wiped = await Subject.ready(open, 'zone')
    await global.store.returns.adopt({ zone: 'east', storeId: await storeIdOf(wiped), actor: 'test', apply: true })
    await wiped.store.returns.begin('the test says so')
    await takeBack(wiped, global)
    const revision = await wiped.revision()
    await wiped.store.returns.begin('again')
    expect(await takeBack(wiped, global)).toEqual(nothingReturned)
    expect(await wiped.revision()).toBe(revision)
  })

  test('ONE: a zone that is connected keeps its name; one that is not known has none; twice is once', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await tellUp(zone, global)
    const sessionId = 'aaaaaaaa-0000-4000-8000-000000000001'
    const session = {
      sessionId,
      peer: 'east',
      instanceId: 'g',
      peerInstanceId: 'host-1',
      peerVersion: '0',
      extension: true,
    }
    await global.store.sessions.open(session)
    const adopt = (storeId?: string, name = 'east') =>
      global.store.returns.adopt({ zone: name, storeId, actor: 'test', apply: true })
    await expect(adopt(otherStoreId)).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringMatching(/is connected \(session aaaaaaaa-.* of process host-1\)/),
    })
    // Nobody else asks for it: it is its own.
    expect(await adopt()).toMatchObject({ changed: false, storeId: await storeIdOf(zone) })
    await expect(adopt(otherStoreId, 'nowhere')).rejects.toMatchObject({ kind: 'missing' })
    await global.store.sessions.close(sessionId, 'gone')
    await expect(adopt()).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('no other store'),
    })
    expect(await adopt(otherStoreId)).toMatchObject({ changed: true, storeId: otherStoreId })
    const revision = await global.revision()
    expect(await adopt(otherStoreId)).toMatchObject({ changed: false })
    expect(await adopt()).toMatchObject({ changed: false, storeId: otherStoreId })
    expect(await global.revision()).toBe(revision)
    // The one of before is the stranger now.
    expect(await admit(global, await storeIdOf(zone))).toMatchObject({ admitted: false })
  })

  test('ONE: a store that was refused asks for the name no more once its own store is back, until it asks again', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    const storeId = await storeIdOf(zone)
    const claimant = async () => (await global.store.sessions.zones()).map((one) => one.claimantStoreId)
    expect(await admit(global, otherStoreId)).toMatchObject({ admitted: false })
    expect(await claimant()).toEqual([otherStoreId])
    expect(await admit(global, storeId)).toMatchObject({ admitted: true, created: false })
    expect(await claimant()).toEqual([undefined])
    // With no store named an operator gives the name to nobody who has long gone.
    await expect(global.store.returns.adopt({ zone: 'east', actor: 'test', apply: true })).rejects.toMatchObject({
      message: expect.stringContaining('no other store has asked'),
    })
    expect(await admit(global, otherStoreId)).toMatchObject({ admitted: false })
    expect(await claimant()).toEqual([otherStoreId])
  })

  test('ONE: a name that an operator gave to a store is not taken by the one of before, whatever is left of either', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await Subject.ready(open, 'zone')
    const storeId = await storeIdOf(zone)
    expect(await admit(global, storeId)).toMatchObject({ admitted: true })
    // No lease, never in step, no session: anybody else would be let in.
    await global.store.returns.adopt({ zone: 'east', storeId: otherStoreId, actor: 'test', apply: true })
    expect(await admit(global, storeId)).toMatchObject({
      admitted: false,
      reason: expect.stringContaining(`belongs to the store ${otherStoreId}`),
    })
    expect(await admit(global, otherStoreId)).toMatchObject({ admitted: true })
  })

  test('ONE: of two processes with one store the newest keeps the session; who lost it is not let in before that one is gone', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    const storeId = await storeIdOf(zone)
    const opened = async (n: number, peerInstanceId: string) => {
      global.pass(1_000)
      const sessionId = `aaaaaaaa-0000-4000-8000-00000000000${n}`
      await global.store.sessions.open({
        sessionId,
        peer: 'east',
        instanceId: 'g',
        peerInstanceId,
        peerVersion: '0',
        extension: true,
      })
      return sessionId
    }
    const dial = (instanceId: string) =>
      global
        .channel({ channel: 'up', peer: 'east' })
        .perform({ op: 'admit', hello: hello(storeId), instanceId, nowMs: global.nowMs })
    expect(await dial('host-a')).toMatchObject({ admitted: true })
    await opened(1, 'host-a')
    // Its own next session is no rival of it.
    expect(await dial('host-a')).toMatchObject({ admitted: true })
    await opened(2, 'host-a')
    expect(await dial('host-b')).toMatchObject({ admitted: true })
    const winner = await opened(3, 'host-b')
    const revision = await global.revision()
    for (let i = 0; i < 3; i++)
      expect(await dial('host-a')).toMatchObject({
        admitted: false,
        reason: expect.stringMatching(/^process host-b has a newer session .*is a copy of the other one's, stop one/),
      })
    expect(await dial('host-b')).toMatchObject({ admitted: true })
    expect(await global.revision()).toBe(revision)
    await global.store.sessions.close(winner, 'UNAVAILABLE reset')
    expect(await dial('host-a')).toMatchObject({ admitted: true })
  })

  test('VIP-3: a zone out of service: its services go, its addresses rest, its store is refused, and its name is free with what rests', async () => {
    await using global = await Subject.ready(open, 'global')
    await using zone = await zoneOf(open, global)
    await zone.apply(putService('web'), putService('api'))
    await tellUp(zone, global)
    const [address = ''] = (await vipsOf(zone)).web ?? []
    const take = (apply: boolean, name = 'east') =>
      global.store.returns.decommission({ zone: name, actor: 'test', apply })
    await expect(take(true, 'nowhere')).rejects.toMatchObject({ kind: 'missing' })
    const revision = await global.revision()
    const report = { changed: true, addresses: 2, resources: [{ type: 'MeshService', count: 2 }], blocks: [{ cidr }] }
    expect(await take(false)).toMatchObject(report)
    expect(await global.revision()).toBe(revision)
    expect(await take(true)).toMatchObject(report)
    expect(await vipsOf(global)).toEqual({})
    expect((await ledgerOf(global)).map((row) => row.state)).toEqual(['tombstoned', 'tombstoned'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
    expect(await take(true)).toMatchObject({ changed: false })
    // Nobody waits for it any more.
    expect((await global.store.read.cursors()).filter((row) => row.peer === 'east')).toEqual([])
    expect(await admit(global, await storeIdOf(zone))).toMatchObject({
      admitted: false,
      reason: expect.stringContaining('was taken out of service'),
    })

    await using fresh = await Subject.ready(open, 'zone')
    const storeId = await storeIdOf(fresh)
    expect(await admit(global, storeId)).toMatchObject({ admitted: true, owesReturn: true })
    await fresh.store.returns.begin('the test says so')
    expect(await takeBack(fresh, global)).toMatchObject({ services: 0 })
    expect(await fresh.store.vip.blocks()).toMatchObject([{ cidr, storeId, generation: 2 }])
    expect(await fresh.apply(putService('thief', { pins: { v4: address } }))).toMatchObject([
      { outcome: 'refused', problem: { kind: 'conflict' } },
    ])
    await fresh.apply(putService('web'))
    expect(await vipsOf(fresh)).toEqual({ web: [address] })
  })

  test('VIP-2: a zone that ran by itself keeps its addresses until an operator says so; then they are aliases, and new ones are everybody’s', async () => {
    await using zone = await Subject.ready(open, 'zone')
    expect(await zone.store.vip.adoptBlocks([cidr])).toEqual([])
    await zone.apply(putService('web'), putService('api'))
    const before = await vipsOf(zone)
    const federate = (apply: boolean) => zone.store.returns.federate({ actor: 'test', apply })
    await expect(federate(true)).rejects.toMatchObject({ kind: 'conflict' })
    // It joins: the block is another zone's, and it gets one of its own.
    const down = zone.channel({ channel: 'down', peer: '' })
    const own = '241.32.0.0/20'
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))] })
    await down.apply({
      type: 'VipBlock',
      offers: [
        offerOf(block({ cidr, owner: 'west', storeId: otherStoreId })),
        offerOf(block({ cidr: own, owner: 'east', storeId: await storeIdOf(zone) })),
      ],
    })
    const { offered } = await down.perform({ op: 'standing' })
    await down.perform({
      op: 'verify',
      mark: { cursor: { epoch: otherEpoch, revision: 4, tag: someTag }, digest: offered },
    })
    expect(await vipsOf(zone)).toEqual(before)
    const revision = await zone.revision()
    const plan = await federate(false)
    expect(plan.collisions.map(({ address, leasedTo }) => [address, leasedTo]).sort()).toEqual(
      [...(before.web ?? []), ...(before.api ?? [])].sort().map((address) => [address, 'zone west']),
    )
    expect([await zone.revision(), await vipsOf(zone)]).toEqual([revision, before])
    expect(await federate(true)).toEqual(plan)
    const after = await vipsOf(zone)
    for (const name of ['web', 'api'] as const)
      expect(after[name]).toEqual([expect.stringMatching(/^241\.(3[2-9]|4[0-7])\./)])
    const { items } = await zone.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(
      items
        .filter((row) => row.scope === 'zone:east')
        .map((row) => row.address)
        .sort(),
    ).toEqual([...(before.web ?? []), ...(before.api ?? [])].sort())
    expect(items.filter((row) => row.scope === 'canonical').map((row) => row.generation)).toEqual([1, 1])
    expect(await zone.store.vip.verifyLocal()).toEqual([])
    expect((await federate(true)).collisions).toEqual([])
  })

  test('OWN: only the newest session of a zone may say that it has everything back', async () => {
    await using global = await Subject.ready(open, 'global')
    const session = { peer: 'east', instanceId: 'g', peerInstanceId: 'e', peerVersion: '0', extension: true }
    const [older, newer] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']
    await global.store.returns
      .adopt({ zone: 'east', storeId: otherStoreId, actor: 'test', apply: true })
      .catch(() => {})
    await admit(global, otherStoreId)
    await global.store.sessions.open({ ...session, sessionId: older })
    await global.store.sessions.open({ ...session, sessionId: newer })
    await expect(global.store.returns.done('east', older)).rejects.toMatchObject({ name: 'Fenced' })
    await global.store.returns.done('east', newer)
  })

  test('a zone of whose log global has heard what its database never had: it recovers before it says anything', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const up = zone.channel({ channel: 'up', peer: '' })
    const { digest } = await up.perform({ op: 'mark' })
    const cursor = { epoch: otherEpoch, revision: 7, tag: someTag }
    expect(await up.perform({ op: 'compare', standing: { cursor, offered: digest } })).toMatchObject({
      cursor: 'contradiction',
    })
    expect(await zone.store.status()).toMatchObject({
      state: 'recovering',
      reasons: [expect.stringContaining('global')],
    })
  })
}

/** The same block again, as the backup has it. */
async function leaseAsIs(zone: Subject): Promise<void> {
  const offer = offerOf(block({ cidr, owner: 'east', storeId: await storeIdOf(zone) }))
  await zone.channel({ channel: 'down', peer: '' }).apply({ type: 'VipBlock', offers: [offer] })
}
