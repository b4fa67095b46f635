import { expect, test } from 'vitest'
import type { BlockRow } from '../plan/types.js'
import { familyOf } from '../plan/vips.js'
import type { Booked, Served } from '../port.js'
import {
  block,
  deleteOf,
  hello,
  keyOf,
  mesh,
  type OpenStore,
  offerOf,
  otherStoreId,
  pool,
  putMesh,
  putService,
  removalOf,
  Subject,
  service,
  serviceKey,
} from './fixtures.js'

const fromGlobal = { channel: 'down', peer: '' } as const
const fromEast = { channel: 'up', peer: 'east' } as const
const cidr = '241.16.0.0/20'
const v6Cidr = 'fd00:1:2:17::/64'

/** A zone with a block of its own, in step with a mesh. */
async function zoneWithBlock(open: OpenStore, name = 'east', range = cidr): Promise<Subject> {
  const zone = await Subject.ready(open, 'zone', name)
  await lease(zone, range)
  return zone
}

async function lease(zone: Subject, range: string): Promise<void> {
  const { identity } = await zone.store.status()
  const granted = block({ cidr: range, owner: identity.name, storeId: identity.storeId })
  await zone.channel(fromGlobal).apply({ type: 'VipBlock', offers: [offerOf(granted)] })
}

/** The pools of an installation, as global tells them. */
async function tellPools(zone: Subject): Promise<void> {
  const offers = [pool('241.0.0.0/8'), pool('fd00:1:2::/50')].map(offerOf)
  await zone.channel(fromGlobal).apply({ type: 'VipPool', offers })
}

const vipOf = async (subject: Subject, name: string): Promise<string | undefined> =>
  (await subject.store.read.get(serviceKey(name)))?.vips?.addresses[0]

/** The ledger behind the port: allocation, tombstones, witnesses, blocks. */
export function vipConformance(open: OpenStore): void {
  test('the ledger is read in pages of any size, each row once, in the order of owners', async () => {
    await using zone = await zoneWithBlock(open)
    await tellPools(zone)
    await lease(zone, v6Cidr)
    await zone.apply(...['a', 'b', 'c', 'd', 'e'].map((name) => putService(name)))
    const pagesOf = async (limit: number): Promise<readonly string[]> => {
      const rows: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await zone.store.vip.ledger({ includeTombstoned: false, limit, after })
        expect(page.items.length).toBeLessThanOrEqual(limit)
        rows.push(...page.items.map(({ displayName, family }) => `${displayName} ${family}`))
        if (page.next === undefined) return rows
        after = page.next
      }
    }
    const whole = await pagesOf(1_000)
    expect(whole).toEqual(['a', 'b', 'c', 'd', 'e'].flatMap((name) => [`${name} 4`, `${name} 6`]))
    for (const limit of [1, 2, 3, 7, 10]) expect(await pagesOf(limit), `pages of ${limit}`).toEqual(whole)
  })

  test('what is booked and what is served is read in pages of any size, each owner once', async () => {
    await using zone = await zoneWithBlock(open)
    await tellPools(zone)
    await lease(zone, v6Cidr)
    const names = ['a', 'b', 'c', 'd', 'e']
    await zone.apply(...names.map((name) => putService(name)), deleteOf(serviceKey('c')))
    const left = names.filter((name) => name !== 'c')
    const { vip, read } = zone.store
    const standing = await vip.standing([...names, 'nobody'].map((name) => serviceKey(name)))
    expect(standing.map(({ name }) => name).sort()).toEqual(left)
    for (const { vips, booked } of standing) expect([booked.length, booked]).toEqual([2, vips?.addresses])
    const addressesOf = new Map<string, readonly string[]>()
    for (const name of left) addressesOf.set(name, (await read.get(serviceKey(name)))?.vips?.addresses ?? [])
    for (const limit of [1, 2, 3, 4, 10]) {
      const booked: Booked[] = []
      for (
        let page = await vip.booked({ limit });
        page.length > 0;
        page = await vip.booked({ after: booked.at(-1), limit })
      ) {
        expect(page.length).toBeLessThanOrEqual(limit)
        booked.push(...page)
      }
      const served: Served[] = []
      const after = () => served.at(-1)
      const query = { kind: 'MeshService', limit }
      for (let page = await vip.served({ ...query, offset: 0 }); page.length > 0; ) {
        served.push(...page)
        page = await vip.served({ ...query, after: after(), offset: 0 })
      }
      for (const said of [booked, served]) {
        expect(
          said.map(({ displayName }) => displayName),
          `pages of ${limit}`,
        ).toEqual(left)
        for (const { displayName, addresses } of said) {
          expect(addresses).toHaveLength(2)
          expect(addresses).toEqual(addressesOf.get(displayName))
        }
      }
      expect(await vip.served({ ...query, offset: 1 })).toEqual(served.slice(1, 1 + limit))
    }
  })

  test('VIP-5: without a block a service says why it has no VIP; with the lease it gets one in the same revision', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const [made] = await zone.apply(putService('web'))
    expect(made).toMatchObject({ outcome: 'created', vips: undefined, pendingReason: expect.stringContaining('block') })
    expect(await zone.store.vip.demand()).toMatchObject([
      { kind: 'MeshService', pending: 1 },
      { kind: 'MeshExternalService', pending: 0 },
    ])
    const revision = await zone.revision()
    await lease(zone, cidr)
    const row = await zone.store.read.get(serviceKey('web'))
    expect(row).toMatchObject({ pendingReason: undefined, revision: revision + 1, vips: { generation: 0 } })
    expect(row?.vips?.addresses).toEqual([expect.stringMatching(/^241\.16\./)])
    expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-5: with a block a new service has its VIP from the first moment', async () => {
    await using zone = await zoneWithBlock(open)
    const [made] = await zone.apply(putService('web'))
    expect(made).toMatchObject({ outcome: 'created', pendingReason: undefined })
    const { items } = await zone.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(items).toMatchObject([{ displayName: 'web', state: 'active', scope: 'canonical', family: 4, generation: 0 }])
    expect(made?.outcome === 'created' ? made.vips?.addresses : []).toEqual(items.map((row) => row.address))
    expect(await zone.store.vip.history({ displayName: 'web' }, 10)).toMatchObject([{ event: 'allocated' }])
  })

  test('VIP-1: a thousand services have a thousand addresses', async () => {
    await using zone = await zoneWithBlock(open)
    const names = Array.from({ length: 1000 }, (_, i) => `web-${i}`)
    const outcomes = await zone.applyAtomically(...names.map((name) => putService(name)))
    expect(outcomes.filter((o) => o.outcome !== 'created')).toEqual([])
    const addresses = outcomes.map((o) => (o.outcome === 'created' ? (o.vips?.addresses[0] ?? '') : ''))
    expect(new Set(addresses).size).toBe(1000)
    expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-2: an update, a deletion and a return leave the address; neighbours do not move', async () => {
    await using zone = await zoneWithBlock(open)
    await zone.apply(putService('web'), putService('api'))
    const before = [await vipOf(zone, 'web'), await vipOf(zone, 'api')]
    await zone.apply(putService('web', { port: 81 }))
    await zone.apply(deleteOf(serviceKey('web')))
    const { items } = await zone.store.vip.ledger({ displayName: 'web', includeTombstoned: true, limit: 10 })
    expect(items).toMatchObject([{ state: 'tombstoned', address: before[0] }])
    await zone.apply(putService('other'), putService('web'))
    expect([await vipOf(zone, 'web'), await vipOf(zone, 'api')]).toEqual(before)
    expect((await zone.store.vip.history({ displayName: 'web' }, 10)).map((row) => row.event)).toEqual([
      'revived',
      'tombstoned',
      'allocated',
    ])
    expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('a pin is honoured; one that is taken names its holder, one outside our blocks says so', async () => {
    await using zone = await zoneWithBlock(open)
    const [pinned] = await zone.apply(putService('web', { pins: { v4: '241.16.0.9' } }))
    expect(pinned).toMatchObject({ outcome: 'created', vips: { addresses: ['241.16.0.9'] } })
    const [taken] = await zone.apply(putService('api', { pins: { v4: '241.16.0.9' } }))
    expect(taken).toMatchObject({ outcome: 'refused', problem: { kind: 'conflict' } })
    expect(taken?.outcome === 'refused' ? taken.problem.message : '').toContain('web')
    expect(await zone.store.read.get(serviceKey('api'))).toBeUndefined()
    const [outside] = await zone.apply(putService('api', { pins: { v4: '10.0.0.1' } }))
    expect(outside).toMatchObject({ outcome: 'refused', problem: { kind: 'invalid' } })
    const [moved] = await zone.apply(putService('web', { pins: { v4: '241.16.0.10' } }))
    expect(moved).toMatchObject({ outcome: 'refused', problem: { kind: 'conflict' } })
    expect(await vipOf(zone, 'web')).toBe('241.16.0.9')
  })

  test('a witness keeps what the origin says, and the same VIP again writes nothing', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const web = service({ name: 'web', zone: 'east', vips: { addresses: ['241.16.0.9'], generation: 0 } })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const revision = await global.revision()
    expect(await up.apply({ type: 'MeshService', offers: [offerOf(web)] })).toMatchObject({ writtenRows: 0 })
    expect(await global.revision()).toBe(revision)
    const { items } = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(items).toMatchObject([{ address: '241.16.0.9', origin: 'east', state: 'active', generation: 0 }])
    expect(items[0]?.blockId).toBeUndefined()
  })

  test('VIP-2: another address at equal generation is refused with what is remembered; a higher one replaces', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const at = (address: string, generation: number) =>
      offerOf(service({ name: 'web', zone: 'east', vips: { addresses: [address], generation } }))
    await up.apply({ type: 'MeshService', offers: [at('241.16.0.9', 0)] })
    const moved = await up.apply({ type: 'MeshService', offers: [at('241.16.0.10', 0)] })
    expect(moved.refused).toMatchObject([{ remembered: expect.stringContaining('241.16.0.9') }])
    const key = service({ name: 'web', zone: 'east' })
    expect((await global.store.read.get(key))?.vips?.addresses).toEqual(['241.16.0.9'])
    const commanded = await up.apply({ type: 'MeshService', offers: [at('241.16.0.10', 1)] })
    expect(commanded.refused).toEqual([])
    expect((await global.store.read.get(key))?.vips).toEqual({ addresses: ['241.16.0.10'], generation: 1 })
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-5: an owner that comes back with one family has one, and the other one rests', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const say = (addresses: readonly string[] | undefined) =>
      up.apply({
        type: 'MeshService',
        offers: [
          offerOf(
            service({
              name: 'web',
              zone: 'east',
              ...(addresses === undefined ? {} : { vips: { addresses, generation: 0 } }),
            }),
          ),
        ],
      })
    await say(['241.16.0.9', 'fd00::9'])
    await say(undefined)
    await say(['241.16.0.9'])
    expect((await global.store.read.get(service({ name: 'web', zone: 'east' })))?.vips?.addresses).toEqual([
      '241.16.0.9',
    ])
    const { items } = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(items.map(({ family, state }) => `${family} ${state}`).sort()).toEqual(['4 active', '6 tombstoned'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
    await say(['241.16.0.9', 'fd00::9'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-5: of an owner that is served with one of its two families the other one rests, and is its own again', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const say = (...addresses: readonly string[]) =>
      up.apply({
        type: 'MeshService',
        offers: [offerOf(service({ name: 'web', zone: 'east', vips: { addresses, generation: 0 } }))],
      })
    const ledger = async () => {
      const { items } = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
      return items.map(({ address, state }) => `${address} ${state}`).sort()
    }
    await say('241.16.0.9', 'fd00::9')
    expect(await say('241.16.0.9')).toMatchObject({ refused: [] })
    expect(await ledger()).toEqual(['241.16.0.9 active', 'fd00::9 tombstoned'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
    await say('241.16.0.9', 'fd00::9')
    expect(await ledger()).toEqual(['241.16.0.9 active', 'fd00::9 active'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-5: what rests beside what an owner is served with rests on when its mesh goes and comes back', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const say = (...addresses: readonly string[]) =>
      up.apply({
        type: 'MeshService',
        offers: [offerOf(service({ name: 'web', zone: 'east', vips: { addresses, generation: 0 } }))],
      })
    const ledger = async () => {
      const { items } = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
      return items.map(({ address, state }) => `${address} ${state}`).sort()
    }
    await say('241.16.0.9', 'fd00::9')
    await say('241.16.0.9')
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    expect(await ledger()).toEqual(['241.16.0.9 tombstoned', 'fd00::9 tombstoned'])
    await global.apply(putMesh('default'))
    expect(await ledger()).toEqual(['241.16.0.9 active', 'fd00::9 tombstoned'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
    await say('241.16.0.9', 'fd00::9')
    expect(await ledger()).toEqual(['241.16.0.9 active', 'fd00::9 active'])
  })

  test('VIP-1: an address that somebody else has is refused, and the first owner keeps it', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const vips = { addresses: ['241.16.0.9'], generation: 0 }
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east', vips }))] })
    const thief = await up.apply({
      type: 'MeshService',
      offers: [offerOf(service({ name: 'api', zone: 'east', vips }))],
    })
    expect(thief.refused.length).toBe(1)
    const { items } = await global.store.vip.ledger({ address: '241.16.0.9', includeTombstoned: true, limit: 10 })
    expect(items).toMatchObject([{ displayName: 'web', state: 'active' }])
  })

  test('VIP-2: delete and recreate across control planes: the tombstone remembers', async () => {
    await using global = await Subject.ready(open, 'global')
    const up = global.channel(fromEast)
    const at = (address: string) =>
      service({ name: 'web', zone: 'east', vips: { addresses: [address], generation: 0 } })
    await up.apply({ type: 'MeshService', offers: [offerOf(at('241.16.0.9'))] })
    await up.apply({ type: 'MeshService', removals: [removalOf(at('241.16.0.9'), global.nowMs)] })
    const { items } = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(items).toMatchObject([{ address: '241.16.0.9', state: 'tombstoned' }])
    const other = await up.apply({ type: 'MeshService', offers: [offerOf(at('241.16.0.10'))] })
    expect(other.refused.length).toBe(1)
    const same = await up.apply({ type: 'MeshService', offers: [offerOf(at('241.16.0.9'))] })
    expect(same.refused).toEqual([])
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('the ledger survives the resource, the mesh and the zone object', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.apply(putMesh('shop'))
    const up = global.channel(fromEast)
    expect(await up.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })).toMatchObject({
      admitted: true,
    })
    const vips = { addresses: ['241.16.0.9'], generation: 0 }
    const web = service({ name: 'web', zone: 'east', mesh: 'shop', vips })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    await global.apply(deleteOf({ type: 'Zone', mesh: '', name: 'east' }))
    const { items } = await global.store.vip.ledger({ includeTombstoned: true, limit: 10 })
    expect(items).toMatchObject([{ address: '241.16.0.9', state: 'tombstoned', displayName: 'web' }])
    await global.apply(putMesh('shop'))
    expect((await global.store.read.get(web))?.vips).toEqual(vips)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('a mesh that global removes suspends what is ours in it: not sent, VIP kept, back with the mesh', async () => {
    await using zone = await zoneWithBlock(open)
    const down = zone.channel(fromGlobal)
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('shop'))] })
    await zone.apply(putService('web', { mesh: 'shop' }))
    const key = serviceKey('web', 'shop')
    const before = await zone.store.read.get(key)
    const up = zone.channel({ channel: 'up', peer: '' })
    const shown = await up.perform({ op: 'mark' })
    await down.apply({ type: 'Mesh', removals: [removalOf(mesh('shop'), zone.nowMs)] })
    const suspended = await zone.store.read.get(key)
    expect(suspended).toMatchObject({ audience: 'suspended', vips: before?.vips })
    expect((await up.perform({ op: 'mark' })).digest.count).toBe(shown.digest.count - 1)
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('shop'))] })
    expect(await zone.store.read.get(key)).toMatchObject({ audience: 'all', vips: before?.vips })
    expect((await up.perform({ op: 'mark' })).digest).toEqual(shown.digest)
  })

  test('global leases blocks that do not overlap, to the store that a name is bound to', async () => {
    await using global = await Subject.ready(open, 'global')
    const demands = [{ kind: 'MeshService', active: 0, pending: 3 }]
    const request = { owner: 'east', storeId: otherStoreId, demands, wantedCidrs: [] }
    expect(await global.store.vip.lease(request)).toMatchObject({
      granted: [],
      refused: [expect.stringContaining('east')],
    })
    await admit(global, 'east', otherStoreId)
    const east = await global.store.vip.lease(request)
    expect(east).toMatchObject({ refused: [] })
    expect(families(east.granted)).toEqual([4, 6])
    await admit(global, 'west', '99999999-2222-4333-8444-555555555555')
    const west = await global.store.vip.lease({
      ...request,
      owner: 'west',
      storeId: '99999999-2222-4333-8444-555555555555',
    })
    const cidrs = [...east.granted, ...west.granted].map((granted) => granted.cidr)
    expect(new Set(cidrs).size).toBe(4)
    // Asked again it has enough.
    expect(await global.store.vip.lease(request)).toEqual({ granted: [], refused: [] })
    const shown = await global.store.read.list({ type: 'VipBlock', offset: 0, limit: 10 })
    expect(shown.items.map((row) => row.audience)).toEqual(['all', 'all', 'all', 'all'])
  })

  test('a block that an operator gave is confirmed, or refused with what it overlaps', async () => {
    await using global = await Subject.ready(open, 'global')
    await admit(global, 'east', otherStoreId)
    await admit(global, 'west', '99999999-2222-4333-8444-555555555555')
    const ask = (owner: string, storeId: string, wanted: string) =>
      global.store.vip.lease({ owner, storeId, demands: [], wantedCidrs: [wanted] })
    expect(await ask('east', otherStoreId, '241.20.0.0/20')).toMatchObject({
      granted: [{ cidr: '241.20.0.0/20', owner: 'east' }],
      refused: [],
    })
    expect(await ask('west', '99999999-2222-4333-8444-555555555555', '241.20.0.0/21')).toMatchObject({
      granted: [],
      refused: [expect.stringContaining('241.20.0.0/20')],
    })
  })

  test('a zone that never met its global allocates from a block that it was given', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    expect(await zone.store.vip.adoptBlocks(['10.0.0.0/20'])).toMatchObject([{ path: expect.any(String) }])
    expect(await zone.store.vip.adoptBlocks([cidr])).toEqual([])
    const address = await vipOf(zone, 'web')
    expect(address).toMatch(/^241\.16\./)
    // Global's confirmation is the same block: nothing moves.
    await lease(zone, cidr)
    expect(await vipOf(zone, 'web')).toBe(address)
    expect(await zone.store.vip.blocks()).toMatchObject([{ cidr, generation: 1, used: 1 }])
  })

  test.each([
    { given: cidr, comes: v6Cidr, before: [4] },
    { given: v6Cidr, comes: cidr, before: [6] },
  ])(
    'VIP-2: served from $given alone, a service keeps its address and gets the other family with the block',
    async ({ given, comes, before }) => {
      await using zone = await Subject.ready(open, 'zone')
      expect(await zone.store.vip.adoptBlocks([given])).toEqual([])
      await zone.apply(putService('web'), putService('api'), putService('gone'))
      await zone.apply(deleteOf(serviceKey('gone')))
      const alone = (await zone.store.read.get(serviceKey('web')))?.vips?.addresses ?? []
      expect(alone.map(familyOf)).toEqual(before)
      // Not confirmed, so it still asks; confirmed, for the family that is missing.
      await tellPools(zone)
      expect((await zone.store.vip.demand()).map((demand) => demand.kind)).toContain('MeshService')
      await lease(zone, given)
      expect((await zone.store.vip.demand()).map((demand) => demand.kind)).toContain('MeshService')
      const revision = await zone.revision()
      await lease(zone, comes)
      expect(await zone.revision()).toBe(revision + 1)
      const both = await zone.store.read.get(serviceKey('web'))
      expect(both?.vips?.addresses.map(familyOf)).toEqual([4, 6])
      expect(both?.vips?.addresses).toEqual(expect.arrayContaining([...alone]))
      expect((await zone.store.vip.demand()).map((demand) => demand.kind)).not.toContain('MeshService')
      // Nothing is left to do: the same block again writes nothing, nor does the same service.
      const after = await zone.revision()
      await lease(zone, comes)
      expect(await zone.apply(putService('web'))).toMatchObject([{ outcome: 'unchanged' }])
      expect(await zone.revision()).toBe(after)
      expect(await zone.store.vip.verifyLocal()).toEqual([])
      // Who comes back after it was deleted has both as well, and the one that rested for it is the same.
      expect(await zone.apply(putService('gone'))).toMatchObject([
        { vips: { addresses: [expect.any(String), expect.any(String)] } },
      ])
      const { items } = await zone.store.vip.ledger({ includeTombstoned: true, limit: 10 })
      expect(items.filter((row) => row.displayName === 'gone').map((row) => row.family)).toEqual([4, 6])
    },
  )

  test('a zone asks for what there are pools of: without one of IPv6 it is content with IPv4', async () => {
    await using zone = await zoneWithBlock(open)
    const asked = async () => (await zone.store.vip.demand()).map((demand) => demand.kind)
    // Nobody has told it what pools there are.
    expect(await asked()).toContain('MeshService')
    await zone.channel(fromGlobal).apply({ type: 'VipPool', offers: [offerOf(pool('241.0.0.0/8'))] })
    expect(await asked()).not.toContain('MeshService')
  })

  test('global allocates for what is its own, in the moment of its own lease', async () => {
    await using global = await Subject.ready(open, 'global')
    const key = { type: 'MeshMultiZoneService', mesh: 'default', name: 'web' }
    const [made] = await global.apply({
      change: 'put',
      key,
      content: { labels: { 'kuma.io/display-name': 'web' }, typeUrl: '', spec: Buffer.from('{}') },
      namespace: '',
      displayName: 'web',
      wantsVip: true,
    })
    expect(made).toMatchObject({ outcome: 'created', pendingReason: expect.stringContaining('block') })
    const { identity } = await global.store.status()
    const demands = await global.store.vip.demand()
    expect(demands.find((demand) => demand.kind === key.type)).toMatchObject({ pending: 1 })
    await global.store.vip.lease({ owner: '', storeId: identity.storeId, demands, wantedCidrs: [] })
    const row = await global.store.read.get(key)
    expect(row?.vips?.addresses).toEqual([expect.stringMatching(/^243\./), expect.stringMatching(/^fd/)])
    expect(row?.pendingReason).toBeUndefined()
    expect(await global.store.vip.demand()).toEqual([])
  })

  test('a control plane that recovers allocates nothing until its witnesses have spoken', async () => {
    await using zone = await zoneWithBlock(open)
    await zone.apply(putService('web'))
    const up = zone.channel({ channel: 'up', peer: '' })
    const { cursor, digest: offered } = await up.perform({ op: 'mark' })
    const remembered = { ...cursor, revision: cursor.revision + 5 }
    await up.perform({ op: 'compare', standing: { offered, cursor: remembered } })
    expect((await zone.store.status()).state).toBe('recovering')
    const [made] = await zone.apply(putService('api'))
    expect(made).toMatchObject({ outcome: 'created', pendingReason: expect.stringContaining('recovering') })
    await zone.store.finishRecovery('global has answered')
    expect(await vipOf(zone, 'api')).toMatch(/^241\.16\./)
    expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('OWN: a block of another store of our name is not ours', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    const granted = block({ cidr, owner: 'east', storeId: otherStoreId })
    await zone.channel(fromGlobal).apply({ type: 'VipBlock', offers: [offerOf(granted)] })
    expect(await vipOf(zone, 'web')).toBeUndefined()
    expect(await zone.store.vip.blocks()).toEqual([])
    expect(keyOf(granted)).toBe('meshservice-241-16-0-0-20.')
  })
}

const families = (blocks: readonly BlockRow[]): readonly number[] => blocks.map((one) => one.family).sort()

async function admit(global: Subject, zone: string, storeId: string): Promise<void> {
  const up = global.channel({ channel: 'up', peer: zone })
  expect(await up.perform({ op: 'admit', hello: hello(storeId), nowMs: global.nowMs })).toMatchObject({
    admitted: true,
  })
}
