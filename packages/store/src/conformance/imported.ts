import { expect, test } from 'vitest'
import type { ImportedVip } from '../plan/index.js'
import {
  block,
  deleteOf,
  mesh,
  type OpenStore,
  offerOf,
  otherStoreId,
  putService,
  removalOf,
  Subject,
  service,
  serviceKey,
} from './fixtures.js'

const web = { kind: 'MeshService', mesh: 'default', namespace: '', displayName: 'web', origin: 'east' }
const claim = (address: string, more: Partial<ImportedVip> = {}): ImportedVip => ({
  ...web,
  zone: 'east',
  address,
  ...more,
})

/** Addresses that services had in a zone of another control plane. */
export function importedConformance(open: OpenStore): void {
  const importing =
    (subject: Subject) =>
    async (apply: boolean, ...claims: readonly ImportedVip[]) =>
      (await subject.store.vip.importAddresses({ claims, apply, actor: 'test' })).map((each) =>
        each.verdict === 'refused' ? each.reason : each.verdict,
      )
  const ledgerOf = async (subject: Subject) =>
    (await subject.store.vip.ledger({ includeTombstoned: true, limit: 100 })).items.map(
      ({ displayName, scope, address, state }) => [displayName, scope, address, state],
    )

  test('VIP-1, VIP-2: each zone keeps its own address of a service; a plan changes nothing, and the same again neither', async () => {
    await using global = await Subject.ready(open, 'global')
    const bring = importing(global)
    const claims = [
      claim('241.0.0.4'),
      claim('241.0.0.4', { displayName: 'api', zone: 'west' }),
      claim('241.0.0.5', { zone: 'west' }),
    ]
    const revision = await global.revision()
    expect(await bring(false, ...claims)).toEqual(['alias', 'alias', 'alias'])
    expect([await global.revision(), await ledgerOf(global)]).toEqual([revision, []])
    expect(await bring(true, ...claims)).toEqual(['alias', 'alias', 'alias'])
    expect(await ledgerOf(global)).toEqual([
      ['api', 'zone:west', '241.0.0.4', 'active'],
      ['web', 'zone:east', '241.0.0.4', 'active'],
      ['web', 'zone:west', '241.0.0.5', 'active'],
    ])
    const after = await global.revision()
    expect(await bring(true, ...claims)).toEqual(['here', 'here', 'here'])
    expect(await global.revision()).toBe(after)
    // Neither another address for it, nor its address for another, nor what is no address at all.
    expect(
      await bring(
        true,
        claim('241.0.0.9'),
        claim('241.0.0.4', { displayName: 'thief' }),
        claim('241.0.0'),
        claim('241.0.0.6', { kind: 'Mesh' }),
      ),
    ).toEqual([
      'in zone east it has 241.0.0.4 already, and an address is not moved',
      expect.stringMatching(/"web".* has it$/),
      '"241.0.0" is no IP address',
      'a Mesh has no virtual IP',
    ])
    expect(await global.revision()).toBe(after)
    // No block is leased over it.
    const lease = { owner: '', storeId: (await global.store.status()).identity.storeId, demands: [] }
    const { refused } = await global.store.vip.lease({ ...lease, wantedCidrs: ['241.0.0.0/20'] })
    expect(refused).toHaveLength(1)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-2: what lies in a block of its own is kept for it and becomes everybody’s; in a block of another it cannot be kept', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const { storeId } = (await zone.store.status()).identity
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))] })
    await down.apply({
      type: 'VipBlock',
      offers: [
        offerOf(block({ cidr: '241.16.0.0/20', owner: 'east', storeId })),
        offerOf(block({ cidr: '241.32.0.0/20', owner: 'west', storeId: otherStoreId })),
      ],
    })
    const bring = importing(zone)
    expect(
      await bring(
        true,
        claim('241.16.0.7'),
        claim('241.0.0.1', { displayName: 'api' }),
        claim('241.0.0.2', { zone: 'west' }),
      ),
    ).toEqual(['canonical', 'alias', expect.stringMatching(/^this is zone east/)])
    await zone.apply(putService('web'), putService('api'))
    expect((await zone.store.read.get(serviceKey('web')))?.vips?.addresses).toEqual(['241.16.0.7'])
    const [api = ''] = (await zone.store.read.get(serviceKey('api')))?.vips?.addresses ?? []
    expect(api).toMatch(/^241\.16\./)
    const aliases = await zone.store.vip.aliases([web, { ...web, displayName: 'api' }], 'east')
    expect(aliases.map(({ address, scope }) => [address, scope])).toEqual([['241.0.0.1', 'zone:east']])
    const { head } = await zone.store.status()
    for (const [name, own] of [
      ['web', []],
      ['api', ['241.0.0.1']],
      ['nobody', []],
    ] as const)
      expect(await zone.store.read.shown(serviceKey(name))).toEqual({
        ...{ row: await zone.store.read.get(serviceKey(name)), head, reports: [], aliases: own },
      })
    expect(
      await bring(true, claim('241.16.0.7'), claim('241.16.0.8'), claim('241.32.0.1', { displayName: 'db' })),
    ).toEqual([
      'here',
      'it has 241.16.0.7 everywhere, and 241.16.0.8 lies in block 241.16.0.0/20, out of which others get theirs',
      expect.stringMatching(/block 241\.32\.0\.0\/20, which is leased to zone west/),
    ])
    expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-2: an alias rests with its owner, goes to nobody else, and holds again when its owner is back', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const { storeId } = (await zone.store.status()).identity
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))] })
    await down.apply({ type: 'VipBlock', offers: [offerOf(block({ cidr: '241.16.0.0/20', owner: 'east', storeId }))] })
    const bring = importing(zone)
    const ofWest = service({ name: 'db', zone: 'west' })
    const db = { ...web, displayName: 'db', origin: 'west' }
    expect(await bring(true, claim('241.0.0.1'), { ...db, zone: 'east', address: '241.0.0.2' })).toEqual([
      'alias',
      'alias',
    ])
    await zone.apply(putService('web'))
    await down.apply({
      type: 'MeshService',
      offers: [offerOf({ ...ofWest, vips: { addresses: ['241.32.0.1'], generation: 0 } })],
    })
    const living = await ledgerOf(zone)
    expect(living.map(([, , , state]) => state)).toEqual(['active', 'active', 'active', 'active'])
    await zone.apply(deleteOf(serviceKey('web')))
    await down.apply({ type: 'MeshService', removals: [removalOf(ofWest, zone.nowMs)] })
    expect(await ledgerOf(zone)).toEqual(living.map((row) => [...row.slice(0, 3), 'tombstoned']))
    expect(await bring(true, claim('241.0.0.1', { displayName: 'thief' }))).toEqual([
      expect.stringMatching(/has it; it was deleted, and it rests$/),
    ])
    zone.pass(3_600_000)
    await zone.apply(putService('web'))
    await down.apply({
      type: 'MeshService',
      offers: [offerOf({ ...ofWest, vips: { addresses: ['241.32.0.1'], generation: 0 } })],
    })
    expect(await ledgerOf(zone)).toEqual(living)
    expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-5: a service that waits is served the address that is brought', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putService('web'))
    const { storeId } = (await zone.store.status()).identity
    expect(await importing(zone)(true, claim('241.0.0.3'))).toEqual(['alias'])
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'VipBlock', offers: [offerOf(block({ cidr: '241.16.0.0/20', owner: 'east', storeId }))] })
    expect((await zone.store.read.get(serviceKey('web')))?.vips?.addresses).toHaveLength(1)
    expect(await importing(zone)(true, claim('241.0.0.3'))).toEqual(['here'])
  })
}
