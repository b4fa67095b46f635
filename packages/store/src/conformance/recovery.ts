import { endOf } from '@holdfast/kds'
import { displayNameLabel, globalOrigin, type Labels, vipLabel } from '@holdfast/model'
import { cidrOf, rangeOf } from '@holdfast/vip'
import { expect, test } from 'vitest'
import type { Testimony } from '../plan/index.js'
import type { LocalChange } from '../port.js'
import { decodeReport, emptyReport, encodeReport, isQuiet } from '../report.js'
import { answerTestimony, askTestimony } from '../testimony.js'
import {
  deleteOf,
  hello,
  keyOf,
  mesh,
  type OpenStore,
  offerOf,
  otherStoreId,
  putMesh,
  removalOf,
  Subject,
  service,
  someEpoch,
  someTag,
} from './fixtures.js'

const fromGlobal = { channel: 'down', peer: '' } as const
const toEast = { channel: 'down', peer: 'east' } as const
const secretUrl = 'type.googleapis.com/kuma.system.v1alpha1.Secret'
const demand = { kind: 'MeshService', active: 0, pending: 1 }
const types = ['VipPool', 'VipBlock', 'Mesh', 'MeshMultiZoneService'] as const
const eastStore = '22222222-2222-4333-8444-555555555555'

const putMultiZone = (
  name: string,
  { spec = '{}', pin }: { readonly spec?: string; readonly pin?: string } = {},
): LocalChange => ({
  change: 'put',
  key: { type: 'MeshMultiZoneService', mesh: 'default', name },
  content: {
    labels: { [displayNameLabel]: name, ...(pin === undefined ? {} : { [vipLabel]: pin }) },
    typeUrl: '',
    spec: Buffer.from(spec),
  },
  namespace: '',
  displayName: name,
  wantsVip: true,
  ...(pin === undefined ? {} : { pins: { v4: pin } }),
})
const multiZone = (name: string) => ({ type: 'MeshMultiZoneService', mesh: 'default', name })

const zoneObject = (name: string) => ({ type: 'Zone', mesh: '', name })

const admit = (global: Subject, zone: string, storeId: string) =>
  global.channel({ channel: 'up', peer: zone }).perform({ op: 'admit', hello: hello(storeId), nowMs: global.nowMs })

async function leaseOwn(global: Subject): Promise<void> {
  const { identity } = await global.store.status()
  await global.store.vip.lease({
    ...{ owner: '', storeId: identity.storeId, wantedCidrs: [] },
    demands: await global.store.vip.demand(),
  })
}

/** A global with two zones' blocks and a service of its own. */
async function used(open: OpenStore): Promise<Subject> {
  const global = await Subject.ready(open, 'global')
  for (const [zone, storeId] of [
    ['east', eastStore],
    ['west', otherStoreId],
  ] as const) {
    await admit(global, zone, storeId)
    await global.store.vip.lease({ owner: zone, storeId, demands: [demand], wantedCidrs: [] })
  }
  await global.apply(putMesh('shop'), putMultiZone('web'))
  await leaseOwn(global)
  return global
}

/** Everything that global tells its zones of these types, as a zone keeps it. */
async function follow(
  zone: Subject,
  global: Subject,
  name: string,
  followed: readonly string[] = types,
): Promise<void> {
  const down = global.channel({ channel: 'down', peer: name })
  for (const type of followed) {
    const { offers } = await down.perform({ op: 'list', resourceType: type })
    await zone.channel(fromGlobal).apply({ type, offers: [...offers] })
  }
  const { offered: digest } = await zone.channel(fromGlobal).perform({ op: 'standing' })
  const { cursor } = await down.perform({ op: 'mark' })
  await zone.channel(fromGlobal).perform({ op: 'verify', mark: { cursor, digest } })
}

/** As it would travel. */
async function testimonyOf(zone: Subject, name: string): Promise<readonly Testimony[]> {
  const pages: Testimony[] = []
  const ask = async (question: string, body: unknown): Promise<unknown> =>
    JSON.parse(JSON.stringify(await answerTestimony(zone.store, question, body)))
  for await (const page of askTestimony(name, ask, { ledger: true })) pages.push(page)
  return pages
}

const blocksOf = async (global: Subject) =>
  (await global.store.vip.blocks()).map(({ id, owner, cidr }) => `${id} ${owner} ${cidr}`).sort()

const recover = (global: Subject, testimonies: readonly Testimony[], apply: boolean) =>
  global.store.recovery.recover({ testimonies, apply, actor: 'conformance' })

/** A store that was lost, and the zones that remember it. */
export function recoveryConformance(open: OpenStore): void {
  test('VIP-1: a returning zone brings back every block, and no later lease lies over one of them', async () => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    await follow(zone, global, 'east')
    await using lost = await Subject.ready(open, 'global')
    for (const page of await testimonyOf(zone, 'east')) {
      const { conflicts } = await lost.store.recovery.remember(page)
      expect(conflicts).toEqual([])
    }
    expect(await blocksOf(lost)).toEqual(await blocksOf(global))
    // West is away: its name is bound all the same, and its block is nobody else's.
    expect(await lost.store.sessions.zones()).toContainEqual({ name: 'west', storeId: otherStoreId, everInStep: true })
    await admit(lost, 'south', '33333333-2222-4333-8444-555555555555')
    const { granted } = await lost.store.vip.lease({
      ...{ owner: 'south', storeId: '33333333-2222-4333-8444-555555555555', demands: [demand] },
      wantedCidrs: (await global.store.vip.blocks()).filter((b) => b.owner === 'west').map((b) => b.cidr),
    })
    const before = new Set((await global.store.vip.blocks()).map((block) => block.cidr))
    expect(granted.filter((block) => before.has(block.cidr))).toEqual([])
    // A second time is no news.
    const revision = await lost.revision()
    for (const page of await testimonyOf(zone, 'east'))
      expect(await lost.store.recovery.remember(page)).toMatchObject({ blocks: [], addresses: 0, conflicts: [] })
    expect(await lost.revision()).toBe(revision)
  })

  test.each([
    { here: 'the same', bits: 20 },
    { here: 'a larger one', bits: 19 },
  ])('VIP-1: a block that overlaps $here that is leased here is refused loudly, by name', async ({ bits }) => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    await follow(zone, global, 'east')
    const westCidr = (await global.store.vip.blocks()).find((b) => b.owner === 'west' && b.family === 4)?.cidr ?? ''
    const leasedHere = cidrOf({ ...rangeOf(westCidr.replace('/20', `/${bits}`)), prefixBits: bits })
    await using lost = await Subject.ready(open, 'global')
    await admit(lost, 'south', '33333333-2222-4333-8444-555555555555')
    await lost.store.vip.lease({
      ...{ owner: 'south', storeId: '33333333-2222-4333-8444-555555555555', demands: [], wantedCidrs: [leasedHere] },
    })
    const found = await Promise.all((await testimonyOf(zone, 'east')).map((page) => lost.store.recovery.remember(page)))
    expect(found.flatMap(({ conflicts }) => conflicts)).toEqual([
      expect.stringMatching(new RegExp(`${westCidr}.* zone west .*store ${otherStoreId}.* zone south`)),
    ])
    const audit = await lost.store.read.audit(20)
    expect(audit).toContainEqual(expect.objectContaining({ action: 'recovery conflict', actor: 'zone east' }))
    const over = (await lost.store.vip.blocks()).filter((b) => b.kind === 'MeshService' && b.family === 4)
    expect(over.map(({ cidr, owner }) => `${owner} ${cidr}`)).toContain(`south ${leasedHere}`)
    expect(over.filter(({ owner }) => owner === 'west')).toEqual([])
  })

  test('VIP-2: what global owned comes back from a zone with the same names, specs and VIPs; twice is no news', async () => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    await follow(zone, global, 'east')
    await using lost = await Subject.ready(open, 'global')
    const testimony = await testimonyOf(zone, 'east')
    for (const page of testimony) await lost.store.recovery.remember(page)
    // A witness's word alone serves nothing, and keeps the address.
    expect((await lost.store.vip.ledger({ includeTombstoned: true, limit: 9 })).items.map((r) => r.state)).toEqual([
      'tombstoned',
      'tombstoned',
    ])
    const plan = await recover(lost, testimony, false)
    expect(plan.map(({ action, type, name }) => `${action} ${type} ${name}`).sort()).toEqual([
      'create Mesh shop',
      'create MeshMultiZoneService web',
    ])
    const revision = await lost.revision()
    expect(await recover(lost, testimony, false)).toEqual(plan)
    expect(await lost.revision()).toBe(revision)
    expect(await recover(lost, testimony, true)).toEqual(plan)
    const before = await global.store.read.get(multiZone('web'))
    const after = await lost.store.read.get(multiZone('web'))
    expect(after).toMatchObject({ origin: globalOrigin, exportName: before?.exportName, vips: before?.vips })
    expect(after?.entry).toBe(before?.entry)
    expect(await lost.store.vip.verifyLocal()).toEqual([])
    expect(await recover(lost, testimony, true)).toEqual([])
    // The next one does not get the address of the first.
    await lost.apply(putMultiZone('api'))
    expect((await lost.store.read.get(multiZone('api')))?.vips?.addresses).not.toEqual(after?.vips?.addresses)
    const events = (await lost.store.read.audit(50)).map(({ action }) => action)
    expect(events).toEqual(expect.arrayContaining(['recovered: create', 'remembered']))
  })

  test('EMPTY: a zone that was disabled, or labelled, does not come back as if nobody had said so', async () => {
    await using global = await used(open)
    const disabled = Uint8Array.of(0x0a, 0x00)
    const putZone = (name: string, spec: Uint8Array, labels: Labels = {}): LocalChange => ({
      change: 'put',
      key: { type: 'Zone', mesh: '', name },
      content: { labels, typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Zone', spec },
      namespace: '',
      displayName: name,
      wantsVip: false,
    })
    const enabled = Uint8Array.of(0x0a, 0x02, 0x08, 0x01)
    const createdAtMs = (await global.store.read.get(zoneObject('west')))?.createdAtMs
    global.pass(1_000)
    await global.apply(putZone('west', disabled, { site: 'b' }), putZone('north', disabled))
    const zones = await global.store.sessions.zoneObjects()
    // Of those that nobody has said anything of there is nothing to remember.
    expect(zones.map(({ name }) => name)).toEqual(['north', 'west'])
    // As it travels, and as a zone keeps it.
    const { body } = encodeReport({ ...emptyReport, zones })
    expect(decodeReport(body)).toEqual({ ...emptyReport, zones })
    expect(isQuiet(decodeReport(body))).toBe(true)

    await using lost = await Subject.ready(open, 'global')
    lost.pass(60_000)
    await admit(lost, 'west', otherStoreId)
    const cursor = { epoch: someEpoch, revision: 3, tag: someTag }
    const witness = { zone: 'east', storeId: eastStore, state: 'ready', cursor } as const
    const said = { witness, rows: [], ledger: [], zones }
    // What comes from another installation says nothing about our zones.
    expect(await lost.store.recovery.remember(said)).toMatchObject({ zones: [] })
    const ours = {
      ...said,
      witness: { ...witness, cursor: { ...cursor, epoch: (await lost.store.status()).head.epoch } },
    }
    expect(await lost.store.recovery.remember(ours)).toMatchObject({ zones: ['north', 'west'] })
    const west = await lost.store.read.get(zoneObject('west'))
    expect([west?.spec, west?.labels, west?.createdAtMs]).toEqual([disabled, { site: 'b' }, createdAtMs])
    expect((await lost.store.read.get(zoneObject('north')))?.spec).toEqual(disabled)
    // Its services are seen by nobody else.
    const up = lost.channel({ channel: 'up', peer: 'west' })
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'ratings', zone: 'west' }))] })
    const down = await lost.channel({ channel: 'down', peer: 'east' }).perform({
      op: 'changes',
      from: { revision: 0, typeOrder: 0, mesh: '', name: '' },
      limitBytes: 1 << 20,
      withRemovals: false,
    })
    expect(down.items.filter(({ type }) => type === 'MeshService')).toEqual([])
    const revision = await lost.revision()
    expect(await lost.store.recovery.remember(ours)).toMatchObject({ zones: [] })
    expect(await lost.revision()).toBe(revision)
    // What an operator says here since, and what is deleted here, stays.
    await lost.apply(putZone('west', enabled), deleteOf(zoneObject('north')))
    expect(await lost.store.recovery.remember(ours)).toMatchObject({ zones: [] })
    expect((await lost.store.read.get(zoneObject('west')))?.spec).toEqual(enabled)
  })

  test('VIP-2: what was lost is made anew by hand: it gets the address that its zones remember', async () => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    await follow(zone, global, 'east')
    const before = (await global.store.read.get(multiZone('web')))?.vips
    await using lost = await Subject.ready(open, 'global')
    for (const page of await testimonyOf(zone, 'east')) await lost.store.recovery.remember(page)
    await lost.apply(putMultiZone('web', { spec: '{"selector":{}}' }))
    expect((await lost.store.read.get(multiZone('web')))?.vips).toEqual(before)
  })

  test('a deletion that a backup does not know of is carried out again; what was changed here since stays', async () => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    await follow(zone, global, 'east')
    zone.pass(60_000)
    await zone.channel(fromGlobal).apply({ type: 'Mesh', removals: [removalOf(mesh('shop'), zone.nowMs)] })
    const testimony = await testimonyOf(zone, 'east')
    const plan = await recover(global, testimony, false)
    expect(plan).toMatchObject([{ action: 'delete', type: 'Mesh', name: 'shop', witness: 'east' }])
    global.pass(120_000)
    await global.apply(deleteOf(multiZone('web')), putMultiZone('web', { spec: '{"selector":{"a":1}}' }))
    const actions = (await recover(global, testimony, true)).map(({ action, type }) => `${action} ${type}`)
    expect(actions.sort()).toEqual(['delete Mesh', 'keep MeshMultiZoneService'])
    expect(await global.store.read.get({ type: 'Mesh', mesh: '', name: 'shop' })).toBeUndefined()
  })

  test('DUR: what a zone got after the backup comes back over a tombstone in it, whatever the clocks of the two say', async () => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    await global.apply(putMultiZone('api'), putMultiZone('pay'))
    await follow(zone, global, 'east')
    const { cursor } = await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'mark' })
    // The zone's clock is behind by hours: its copies look older than the tombstone that the backup has.
    global.pass(7_200_000)
    await global.apply(deleteOf(multiZone('api')))
    const testimony = await testimonyOf(zone, 'east')
    // Its position is in our history and before the tombstone: it was deleted since.
    expect(await recover(global, testimony, false)).toMatchObject([
      { action: 'keep', name: 'api', type: 'MeshMultiZoneService' },
    ])
    // The zone has followed another life of this store beyond the tombstone, and was offered it there.
    const lost = { ...cursor, revision: cursor.revision + 5, tag: 'f'.repeat(16) }
    const { offered: digest } = await zone.channel(fromGlobal).perform({ op: 'standing' })
    await zone.channel(fromGlobal).perform({ op: 'verify', mark: { cursor: lost, digest } })
    const later = await testimonyOf(zone, 'east')
    expect(await recover(global, later, true)).toMatchObject([
      { action: 'create', name: 'api', type: 'MeshMultiZoneService' },
    ])
    expect(await global.store.read.get(multiZone('api'))).toBeDefined()
  })

  test('EMPTY: a tombstone that a receiver had heard before it got what it holds takes nothing away from it', async () => {
    await using global = await used(open)
    await global.apply(putMultiZone('api'), putMultiZone('pay'))
    await global.apply(deleteOf(multiZone('api')))
    const down = global.channel({ channel: 'down', peer: 'east' })
    const { cursor } = await down.perform({ op: 'mark' })
    await global.apply(deleteOf(multiZone('pay')))
    const from = endOf(cursor.revision - 1)
    const { items } = await down.perform({ op: 'changes', from, limitBytes: 1_000_000, withRemovals: true })
    const keys = items.flatMap(({ change }) => ('removal' in change ? [change.removal.key] : []))
    const [api = '', pay = ''] = [...keys].sort()
    const entries = [api, pay].map((key) => ({ key, entry: '0f'.repeat(16) }))
    const told = async (followed?: { readonly epoch: string; readonly revision: number }) => {
      const asked = { op: 'repair', resourceType: 'MeshMultiZoneService', buckets: [], entries } as const
      const { removals, absent } = await down.perform(followed === undefined ? asked : { ...asked, followed })
      return { removals: removals.map(({ key }) => key).sort(), absent }
    }
    expect(keys).toHaveLength(2)
    expect(await told()).toEqual({ removals: [api, pay], absent: [] })
    const { epoch, revision } = cursor
    expect(await told({ epoch, revision })).toEqual({ removals: [pay], absent: [api] })
    expect(await told({ epoch, revision: revision - 1 })).toEqual({ removals: [api, pay], absent: [] })
    // A log that we never had tells nothing of when it heard what.
    expect(await told({ epoch: someEpoch, revision: revision + 9 })).toEqual({ removals: [api, pay], absent: [] })
  })

  test('EMPTY: who has begun before it was found out that the store was put back is told nothing of it', async () => {
    await using global = await used(open)
    const down = global.channel({ channel: 'down', peer: 'east' })
    const { cursor, digest: offered } = await down.perform({ op: 'mark' })
    const type = { resourceType: 'Mesh' }
    const reads = [
      { op: 'changes', from: endOf(0), limitBytes: 1_000_000, withRemovals: true },
      { op: 'repair', ...type, buckets: [], entries: [] },
      { op: 'keys', ...type, keys: [keyOf(mesh('shop'))] },
      { op: 'list', ...type },
    ] as const
    for (const read of reads) await expect(down.perform(read)).resolves.toBeDefined()
    // Another zone has heard more than there is.
    const more = { ...cursor, revision: cursor.revision + 1, tag: someTag }
    await global
      .channel({ channel: 'down', peer: 'west' })
      .perform({ op: 'compare', standing: { cursor: more, offered } })
    expect((await global.store.status()).state).toBe('recovering')
    for (const read of reads) await expect(down.perform(read), read.op).rejects.toThrow('this store is recovering')
  })

  test('DUR: a service whose zone is back is not deleted because others were told to remove it while that zone was disabled', async () => {
    await using global = await used(open)
    await using east = await Subject.ready(open, 'zone', 'east')
    await using west = await Subject.ready(open, 'zone', 'west')
    const ratings = service({ name: 'ratings', zone: 'west' })
    const up = global.channel({ channel: 'up', peer: 'west' })
    await up.apply({ type: 'MeshService', offers: [offerOf(ratings)] })
    await follow(east, global, 'east', [...types, 'MeshService'])
    east.pass(60_000)
    const removal = removalOf(ratings, east.nowMs)
    await east.channel(fromGlobal).apply({ type: 'MeshService', removals: [removal] })
    const heard = await testimonyOf(east, 'east')
    // Of a zone that is away nobody else can tell.
    expect(await recover(global, heard, false)).toMatchObject([
      { action: 'delete', type: 'MeshService', witness: 'east' },
    ])
    const both = [...heard, ...(await testimonyOf(west, 'west'))]
    expect(await recover(global, both, true)).toMatchObject([
      { action: 'keep', reason: 'zone west is back, and has it' },
    ])
    expect((await global.store.read.list({ type: 'MeshService', offset: 0, limit: 9 })).total).toBe(1)
    // What its zone has withdrawn itself is another matter.
    await up.apply({ type: 'MeshService', removals: [removal] })
    expect(await recover(global, both, true)).toEqual([])
    expect((await global.store.read.list({ type: 'MeshService', offset: 0, limit: 9 })).total).toBe(0)
  })

  test('two witnesses differ: the one that has followed global further is believed, and the plan says why', async () => {
    await using global = await used(open)
    await using east = await Subject.ready(open, 'zone', 'east')
    await using west = await Subject.ready(open, 'zone', 'west')
    await follow(east, global, 'east')
    await global.apply(putMultiZone('web', { spec: '{"selector":{"b":2}}' }))
    await follow(west, global, 'west')
    await using lost = await Subject.ready(open, 'global')
    const testimonies = [...(await testimonyOf(east, 'east')), ...(await testimonyOf(west, 'west'))]
    const web = (await recover(lost, testimonies, false)).find(({ name }) => name === 'web')
    expect(web).toMatchObject({
      witness: 'west',
      conflicts: [expect.stringMatching(/zone east has another version; zone west has followed global to revision/)],
    })
  })

  test('DUR: what an operator of a zone has let go because global lacked it is no memory of a removal', async () => {
    await using global = await used(open)
    await using east = await Subject.ready(open, 'zone', 'east')
    await follow(east, global, 'east')
    const down = east.channel(fromGlobal)
    const said = async () =>
      (await testimonyOf(east, 'east')).flatMap(({ rows }) => rows.filter(({ exportName }) => exportName === 'shop'))
    expect(await said()).toHaveLength(1)
    await down.apply({ type: 'Mesh', absent: [keyOf(mesh('shop'))], epoch: someEpoch })
    const [hold] = await east.store.read.holds()
    east.pass(60_000)
    await east.store.guards.approve({ id: hold?.id ?? '', actor: 'the operator of east' })
    expect(await east.store.read.get(mesh('shop'))).toBeUndefined()
    expect(await said()).toEqual([])
    // What global itself has removed is one.
    east.pass(1_000)
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('shop'))] })
    await down.apply({ type: 'Mesh', removals: [removalOf(mesh('shop'), east.nowMs)] })
    expect(await said()).toMatchObject([{ exportName: 'shop', deletedAtMs: east.nowMs }])
  })

  test('DUR: of two lives that were lost the later memory counts, if the log that was never here is known to be ours', async () => {
    await using global = await used(open)
    await using east = await Subject.ready(open, 'zone', 'east')
    await global.apply(putMultiZone('api'))
    await follow(east, global, 'east')
    await global.apply(deleteOf(multiZone('api')))
    const { head } = await global.store.status()
    const row = (await testimonyOf(east, 'east'))
      .flatMap(({ rows }) => rows)
      .find(({ exportName }) => /^api/.test(exportName))
    if (row === undefined) throw new Error('east does not remember it')
    const atMs = global.nowMs
    const said = (zone: string, cursor: typeof head, rows: Testimony['rows']): Testimony => ({
      ...{ witness: { zone, storeId: zone, state: 'ready', cursor }, rows, ledger: [] },
    })
    // West has followed this log beyond its end, and heard a removal; east the log that began when that was found out.
    const testimonies = [
      said('west', { ...head, revision: head.revision + 4 }, [{ ...row, deletedAtMs: atMs + 30_000 }]),
      said('east', { epoch: someEpoch, revision: head.revision + 9, tag: someTag }, [
        { ...row, modifiedAtMs: atMs + 60_000 },
      ]),
    ]
    // As far as is known east comes from another installation.
    expect(await recover(global, testimonies, false)).toEqual([])
    await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'acked', cursor: head })
    await global.channel({ channel: 'down', peer: 'east' }).perform({ op: 'settled' })
    expect(await recover(global, testimonies, true)).toMatchObject([
      {
        action: 'create',
        name: 'api',
        witness: 'east',
        conflicts: [expect.stringMatching(/west remembers it as deleted; .* stored it later/)],
      },
    ])
    expect((await global.store.read.get(multiZone('api')))?.vips).toEqual(row.vips)
  })

  test('the public half of a key that is lost does not come back over that of the new key', async () => {
    await using global = await used(open)
    await using zone = await Subject.ready(open, 'zone')
    const secret = (name: string, byte: number): LocalChange => ({
      change: 'put',
      key: { type: 'GlobalSecret', mesh: '', name },
      content: { labels: {}, typeUrl: secretUrl, spec: Uint8Array.of(0x0a, 0x03, 0x0a, 0x01, byte) },
      namespace: '',
      displayName: name,
      wantsVip: false,
    })
    await global.apply(secret('zone-token-signing-public-key-1', 1), secret('zone-token-revocations', 1))
    await follow(zone, global, 'east', [...types, 'GlobalSecret'])
    await using lost = await Subject.ready(open, 'global')
    await lost.apply(secret('zone-token-signing-public-key-1', 2))
    const names = (await recover(lost, await testimonyOf(zone, 'east'), false)).map(({ name }) => name)
    expect(names).toContain('zone-token-revocations')
    expect(names).not.toContain('zone-token-signing-public-key-1')
  })

  test('VIP-2: a conflict over an address stays one, whatever generation it is given, until the log begins anew', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel({ channel: 'up', peer: 'west' })
    const at = (address: string, generation: number) =>
      up.apply({
        type: 'MeshService',
        offers: [offerOf(service({ name: 'web', zone: 'west', vips: { addresses: [address], generation } }))],
      })
    const owner = { kind: 'MeshService', mesh: 'default', origin: 'west', namespace: '', displayName: 'web' }
    const says = (address: string): Testimony => ({
      witness: { zone: 'east', storeId: eastStore, state: 'ready', cursor: undefined },
      rows: [],
      ledger: [
        { ...owner, ...{ scope: 'canonical', family: 4, address, generation: 0, state: 'active', allocatedAtMs: 0 } },
      ],
    })
    const hear = async (address: string) => (await global.store.recovery.remember(says(address))).conflicts
    await at('241.16.0.27', 0)
    const conflict = /^zone east remembers 241\.16\.0\.21 for .*"web".*, which has 241\.16\.0\.27 here$/
    expect(await hear('241.16.0.21')).toEqual([expect.stringMatching(conflict)])
    // The zone itself goes on with it, by no command of anybody.
    expect((await at('241.16.0.27', 1)).refused).toEqual([])
    // The session of the witness ended, and another process sees its next one before it was heard.
    await global.store.recovery.noteWitnesses([{ zone: 'east', heard: false, inStep: false, conflicts: [] }])
    expect(await global.store.recovery.witnesses(60_000)).toMatchObject([
      { zone: 'east', heard: false, conflicts: [expect.stringMatching(conflict)] },
    ])
    expect(await hear('241.16.0.21')).toEqual([expect.stringMatching(conflict)])
    // Who has come to agree contradicts nobody any more; and what nobody was told of before is no conflict.
    expect(await hear('241.16.0.27')).toEqual([])
    await global.store.recovery.noteWitnesses([{ zone: 'east', heard: true, inStep: true, conflicts: [] }])
    expect(await hear('241.16.0.21')).toEqual([])
  })

  test('VIP-2: what a new database gave a Kuma zone before anybody of ours followed it makes way for what they remember; later it does not', async () => {
    const kuma = { mesh: 'default', origin: 'north', namespace: '' }
    const says = (zone: string, addresses: Readonly<Record<string, string>>): Testimony => ({
      witness: { zone, storeId: eastStore, state: 'ready', cursor: undefined },
      rows: [],
      ledger: Object.entries(addresses).map(([displayName, address]) => ({
        ...{ kind: 'MeshService', ...kuma, displayName },
        ...{ scope: 'canonical', family: 4, address, generation: 0, state: 'active', allocatedAtMs: 0 },
      })),
    })
    const made = async () => {
      const global = await Subject.ready(open, 'global')
      await global.store.sessions.meetPlain('north')
      const offers = ['web', 'api', 'pay'].map((name) => offerOf(service({ name, zone: 'north' })))
      await global.channel({ channel: 'up', peer: 'north' }).apply({ type: 'MeshService', offers, plain: true })
      return global
    }
    const vipsOf = async (global: Subject, displayName: string) => {
      const { items } = await global.store.read.list({ type: 'MeshService', offset: 0, limit: 10 })
      const vips = items.find((row) => row.displayName === displayName)?.vips
      return { v4: vips?.addresses[0], v6: vips?.addresses[1], generation: vips?.generation }
    }
    const lose = async (global: Subject) => {
      const down = global.channel(toEast)
      await admit(global, 'east', eastStore)
      const { digest: offered } = await down.perform({ op: 'mark' })
      const cursor = { epoch: someEpoch, revision: 3, tag: someTag }
      await down.perform({ op: 'compare', standing: { offered, cursor } })
      expect((await global.store.status()).state).toBe('recovering')
    }

    await using global = await made()
    const [web, api] = [await vipsOf(global, 'web'), await vipsOf(global, 'api')]
    await lose(global)
    // One that it had; one that it has as well; one that is another service's here, which nobody else remembers.
    const remembered = { web: '241.200.0.7', api: api.v4 ?? '', pay: web.v4 ?? '' }
    const hear = async (zone: string, said: Readonly<Record<string, string>>) =>
      (await global.store.recovery.remember(says(zone, said))).conflicts
    expect(await hear('east', { web: remembered.web, api: remembered.api })).toEqual([])
    expect(await vipsOf(global, 'web')).toEqual({ v4: '241.200.0.7', v6: web.v6, generation: 1 })
    expect(await vipsOf(global, 'api')).toEqual(api)
    expect(await global.store.vip.verifyLocal()).toEqual([])
    // Twice is no news; another witness who says otherwise is named, and so is an address that somebody else has.
    const revision = await global.revision()
    expect(await hear('east', { web: remembered.web })).toEqual([])
    expect(await global.revision()).toBe(revision)
    expect(await hear('west', { web: '241.200.0.9', pay: api.v4 ?? '' })).toEqual([
      expect.stringMatching(/^zone west remembers 241\.200\.0\.9 for .*"web".*, which has 241\.200\.0\.7 here$/),
      expect.stringMatching(/^zone west remembers .* for .*"pay".*, which has .* here$/),
    ])
    // The Kuma zone says the same again: it keeps what it has now.
    await global.store.finishRecovery('the operator says so')
    const offers = [offerOf(service({ name: 'web', zone: 'north' }))]
    await global.channel({ channel: 'up', peer: 'north' }).apply({ type: 'MeshService', offers, plain: true })
    expect(await vipsOf(global, 'web')).toEqual({ v4: '241.200.0.7', v6: web.v6, generation: 1 })

    // Somebody of ours was told: nothing moves by itself any more.
    await using followed = await made()
    const before = await vipsOf(followed, 'web')
    await admit(followed, 'east', eastStore)
    const down = followed.channel(toEast)
    await down.perform({ op: 'acked', cursor: (await down.perform({ op: 'mark' })).cursor })
    const { conflicts } = await followed.store.recovery.remember(says('east', { web: '241.200.0.7' }))
    expect([conflicts.length, await vipsOf(followed, 'web')]).toEqual([1, before])
  })

  test('VIP-2: what an operator made at a new database before the zones were back has the address that they remember, unless it was pinned', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.apply(putMultiZone('web'))
    await leaseOwn(global)
    const block = (await global.store.vip.blocks()).find((b) => b.kind === 'MeshMultiZoneService' && b.family === 4)
    const pin = block?.cidr.replace(/\d+\/\d+$/, '9') ?? ''
    await global.apply(putMultiZone('pinned', { pin }))
    const vips = async (name: string) => (await global.store.read.get(multiZone(name)))?.vips
    expect((await vips('pinned'))?.addresses[0]).toBe(pin)
    const down = global.channel(toEast)
    await admit(global, 'east', eastStore)
    const { digest: offered } = await down.perform({ op: 'mark' })
    const cursor = { epoch: someEpoch, revision: 3, tag: someTag }
    await down.perform({ op: 'compare', standing: { offered, cursor } })
    const owner = { kind: 'MeshMultiZoneService', mesh: 'default', origin: '', namespace: '' }
    const row = { scope: 'canonical', family: 4, generation: 2, state: 'active', allocatedAtMs: 0 } as const
    const { conflicts } = await global.store.recovery.remember({
      witness: { zone: 'east', storeId: eastStore, state: 'ready', cursor: undefined },
      rows: [],
      ledger: [
        { ...owner, ...row, displayName: 'web', address: '243.0.0.7' },
        { ...owner, ...row, displayName: 'pinned', address: '243.0.0.8' },
      ],
    })
    expect(conflicts).toEqual([expect.stringMatching(/remembers 243\.0\.0\.8 for .*"pinned".*, which has .* here$/)])
    expect(await vips('web')).toMatchObject({ addresses: ['243.0.0.7', expect.any(String)], generation: 3 })
    expect((await vips('pinned'))?.addresses[0]).toBe(pin)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('what the processes of one global see of their zones is kept for each other, in this log and for a while', async () => {
    await using global = await Subject.ready(open, 'global')
    const { recovery } = global.store
    const east = { zone: 'east', heard: true, inStep: false, conflicts: ['two have 241.16.0.1'] }
    await recovery.noteWitnesses([east, { ...east, zone: 'west', conflicts: [], open: [] }])
    expect(await recovery.witnesses(60_000)).toEqual([east, { ...east, zone: 'west', conflicts: [], open: [] }])
    const waits = [{ what: 'the zones remember something', next: 'look' }]
    await recovery.noteWitnesses([{ ...east, inStep: true, conflicts: [], open: waits }])
    expect((await recovery.witnesses(60_000))[0]).toEqual({
      ...{ zone: 'east', heard: true, inStep: true },
      ...{ conflicts: [], open: waits },
    })
    expect(await recovery.witnesses(0)).toEqual([])
  })

  test('VIP-2: a ledger that lacks nothing needs no rebuilding; one in use releases nothing', async () => {
    await using global = await used(open)
    await global.apply(putMultiZone('gone'))
    const gone = (await global.store.read.get(multiZone('gone')))?.vips?.addresses
    await global.apply(deleteOf(multiZone('gone')))
    const revision = await global.revision()
    expect(await global.store.recovery.rebuild({ apply: true, actor: 'conformance' })).toEqual({
      restore: [],
      conflicts: [],
    })
    expect(await global.revision()).toBe(revision)
    const owner = (displayName: string) => ({
      ...{ kind: 'MeshMultiZoneService', mesh: 'default', origin: '', namespace: '', displayName },
    })
    const release = (name: string) => global.store.recovery.release(owner(name), 'conformance')
    expect(await release('web')).toMatchObject({ outcome: 'in use', holder: expect.stringContaining('"web"') })
    expect(await release('gone')).toEqual({ outcome: 'released', addresses: gone })
    expect(await release('gone')).toEqual({ outcome: 'nothing' })
    // Back, but not to the same generation: whoever remembers the first one hears that this is another life.
    await global.apply(putMultiZone('gone'))
    expect((await global.store.read.get(multiZone('gone')))?.vips?.generation).toBe(1)
  })
}
