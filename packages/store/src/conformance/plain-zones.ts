import { configText, type ExportedResource, emptyDigest, utf8 } from '@holdfast/model'
import { expect, test } from 'vitest'
import type { LedgerRow } from '../plan/types.js'
import {
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
  someTag,
} from './fixtures.js'

const fromNorth = { channel: 'up', peer: 'north' } as const
const fromWest = { channel: 'up', peer: 'west' } as const

/** As a Kuma sends it: with a status, and in it the address that it has given for itself. */
const withStatus = (name: string, vip?: string, zone = 'north', port = 80): ExportedResource => ({
  ...service({ name, zone, port }),
  status: utf8(
    `{${vip === undefined ? '' : `"vips":[{"ip":"${vip}"}],`}"tls":{"status":"NotReady"},"dataplaneProxies":{}}`,
  ),
})

/** A zone that speaks plain Kuma KDS under a global of ours (decision 31). */
export function plainZoneConformance(open: OpenStore): void {
  const ready = async () => {
    const global = await Subject.ready(open, 'global')
    const north = global.channel(fromNorth)
    const offer = (...resources: readonly ExportedResource[]) =>
      north.apply({ type: 'MeshService', offers: resources.map(offerOf), plain: true })
    return { global, north, offer }
  }
  const ledger = async (global: Subject, scope: string) => {
    const found: LedgerRow[] = []
    for (let after: string | undefined, more = true; more; ) {
      const page = await global.store.vip.ledger({ includeTombstoned: true, limit: 500, after })
      found.push(...page.items)
      after = page.next
      more = after !== undefined
    }
    return found.filter((row) => row.scope === scope && row.family === 4)
  }
  const aliases = async (global: Subject, zone = 'north') =>
    (await ledger(global, `zone:${zone}`)).map(({ displayName, address }) => `${displayName} ${address}`).sort()
  const vipsOf = async (global: Subject, ...names: readonly string[]) => {
    const { items } = await global.store.read.list({ type: 'MeshService', offset: 0, limit: 100 })
    return names.map((name) => items.find(({ displayName }) => displayName === name)?.vips?.addresses)
  }

  test('it gets its Zone object when it is met, once, and not while the store is not ready', async () => {
    await using raw = await Subject.open(open, 'global', '')
    expect(await raw.store.sessions.meetPlain('north')).toEqual({ admitted: true, created: false })
    await using global = await Subject.ready(open, 'global')
    expect(await global.store.sessions.meetPlain('north')).toEqual({ admitted: true, created: true })
    const revision = await global.revision()
    expect(await global.store.sessions.meetPlain('north')).toEqual({ admitted: true, created: false })
    expect(await global.revision()).toBe(revision)
    expect(await global.store.sessions.zones()).toEqual([{ name: 'north', everInStep: false }])
    // Who the installation is: a Kuma zone looks for it until it has it, and it is the same for all of them.
    const clusterId = { type: 'Config', mesh: '', name: 'kuma-cluster-id' }
    const before = await global.store.read.get(clusterId)
    const { storeId } = (await global.store.status()).identity
    expect([configText(before?.spec ?? new Uint8Array()), before?.audience]).toEqual([storeId, 'all'])
    await global.store.sessions.meetPlain('south')
    expect((await global.store.read.get(clusterId))?.revision).toBe(before?.revision)
  })

  test('one whose Zone object was deleted is not let in again until somebody makes it anew', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.store.sessions.meetPlain('north')
    await global.apply(deleteOf({ type: 'Zone', mesh: '', name: 'north' }))
    expect(await global.store.sessions.meetPlain('north')).toMatchObject({
      admitted: false,
      reason: expect.stringContaining('was deleted at global') as string,
    })
  })

  test('its services get virtual IPs from a block in its name, which global leases to itself for it', async () => {
    const { global, offer } = await ready()
    await using _ = global
    const { refused, warnings } = await offer(withStatus('a'), withStatus('b'))
    expect([refused, warnings]).toEqual([[], []])
    const [a, b] = await vipsOf(global, 'a', 'b')
    expect([a?.length, b?.length, a?.[0] === b?.[0]]).toEqual([2, 2, false])
    const blocks = await global.store.vip.blocks()
    const { storeId } = (await global.store.status()).identity
    expect(
      blocks.filter((block) => block.owner === 'north').map((block) => [block.kind, block.family, block.storeId]),
    ).toEqual([
      ['MeshService', 4, storeId],
      ['MeshService', 6, storeId],
    ])
    expect(await global.store.vip.verifyLocal()).toEqual([])
    const seen = await global
      .channel({ channel: 'down', peer: 'west' })
      .perform({ op: 'list', resourceType: 'MeshService' })
    expect(seen.offers.map(({ resource }) => resource.vips?.addresses).sort()).toEqual([a, b].sort())
  })

  test('VIP-5: what it says while global recovers is kept without virtual IPs, and its session hears that; said again it has them', async () => {
    const { global, offer } = await ready()
    await using _ = global
    const west = global.channel({ channel: 'down', peer: 'west' })
    await global.channel(fromWest).perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    const { digest: offered } = await west.perform({ op: 'mark' })
    const cursor = { epoch: otherEpoch, revision: 3, tag: someTag }
    await west.perform({ op: 'compare', standing: { offered, cursor } })
    expect((await global.store.status()).state).toBe('recovering')
    expect(await offer(withStatus('a'))).toMatchObject({ refused: [], recovering: true })
    expect(await vipsOf(global, 'a')).toEqual([undefined])
    await global.store.finishRecovery('the operator says so')
    expect((await offer(withStatus('a'))).recovering).toBeUndefined()
    expect((await vipsOf(global, 'a')).map((addresses) => addresses?.length)).toEqual([2])
  })

  test('RO: the same whole list again writes nothing, status and addresses of its own included', async () => {
    const { global, north } = await ready()
    await using _ = global
    const list = {
      type: 'MeshService',
      offers: [withStatus('a', '241.0.0.0'), withStatus('b', '241.0.0.1')].map(offerOf),
      wholeList: true,
      plain: true,
    }
    await north.apply(list)
    const [before, revision] = [await vipsOf(global, 'a', 'b'), await global.revision()]
    expect((await north.apply(list)).writtenRows).toBe(0)
    expect([await vipsOf(global, 'a', 'b'), await global.revision()]).toEqual([before, revision])
  })

  test('its own addresses are aliases in its scope: seen, replaced as it says, and gone with their service', async () => {
    const { global, north, offer } = await ready()
    await using _ = global
    await offer(withStatus('a', '241.0.0.0'), withStatus('b', '241.0.0.1'))
    const vips = await vipsOf(global, 'a', 'b')
    expect(await aliases(global)).toEqual(['a 241.0.0.0', 'b 241.0.0.1'])
    // A Kuma moves addresses as it likes; ours stay.
    await offer(withStatus('a', '241.0.0.7'))
    expect([await aliases(global), await vipsOf(global, 'a', 'b')]).toEqual([['a 241.0.0.7', 'b 241.0.0.1'], vips])
    // b is gone, and c has its address at once.
    await north.apply({ type: 'MeshService', removals: [removalOf(withStatus('b'), global.nowMs)], plain: true })
    await offer(withStatus('c', '241.0.0.1'))
    expect(await aliases(global)).toEqual(['a 241.0.0.7', 'c 241.0.0.1'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
    // The same address in another Kuma zone is another alias.
    await global
      .channel(fromWest)
      .apply({ type: 'MeshService', offers: [offerOf(withStatus('a', '241.0.0.7', 'west'))], plain: true })
    expect(await aliases(global, 'west')).toEqual(['a 241.0.0.7'])
  })

  test('its own addresses go with its Zone object, and with a mesh; in step again they are what it says', async () => {
    const { global, north, offer } = await ready()
    await using _ = global
    const list = { type: 'MeshService', offers: [offerOf(withStatus('a', '241.0.0.0'))], wholeList: true, plain: true }
    await global.store.sessions.meetPlain('north')
    await offer(withStatus('a', '241.0.0.0'))
    const vips = await vipsOf(global, 'a')
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    expect([await aliases(global), await vipsOf(global, 'a')]).toEqual([[], [undefined]])
    await global.apply(putMesh('default'))
    expect(await vipsOf(global, 'a')).toEqual(vips)
    await north.apply(list)
    expect(await aliases(global)).toEqual(['a 241.0.0.0'])
    const revision = await global.revision()
    await north.apply(list)
    expect(await global.revision()).toBe(revision)
    await global.apply(deleteOf({ type: 'Zone', mesh: '', name: 'north' }))
    expect(await aliases(global)).toEqual([])
  })

  test('RO: what a mesh has taken along is said again in each list, and written only when the mesh is back', async () => {
    const { global, north } = await ready()
    await using _ = global
    const listOf = (...names: readonly string[]) => ({
      ...{ type: 'MeshService', wholeList: true, plain: true },
      offers: names.map((name) => offerOf(withStatus(name))),
    })
    await north.apply(listOf('a', 'b'))
    const before = await vipsOf(global, 'a', 'b')
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    const revision = await global.revision()
    expect((await north.apply(listOf('a', 'b'))).writtenRows).toBe(0)
    expect(await global.revision()).toBe(revision)
    expect(await global.store.vip.verifyLocal()).toEqual([])
    // b goes while there is no mesh: the mesh does not bring it back.
    await north.apply(listOf('a'))
    await global.apply(putMesh('default'))
    expect(await vipsOf(global, 'a', 'b')).toEqual([before[0], undefined])
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('RO: an empty list says of what a mesh has taken along that nothing of it is offered, as any other list does', async () => {
    const { global, north } = await ready()
    await using _ = global
    const listOf = (...names: readonly string[]) => ({
      ...{ type: 'MeshService', wholeList: true, plain: true },
      offers: names.map((name) => offerOf(withStatus(name))),
    })
    await north.apply(listOf('a', 'b'))
    const before = await vipsOf(global, 'a', 'b')
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    await north.apply(listOf())
    expect((await north.perform({ op: 'standing' })).offered).toEqual(emptyDigest)
    await global.apply(putMesh('default'))
    expect(await vipsOf(global, 'a', 'b')).toEqual([undefined, undefined])
    // If the list was empty by mistake: what is said after it has the address that it had.
    await north.apply({ type: 'MeshService', offers: [offerOf(withStatus('b'))], plain: true })
    expect(await vipsOf(global, 'a', 'b')).toEqual([undefined, before[1]])
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('RO: what was refused before its mesh went is said again in each list, and nothing of it is written', async () => {
    const { global, north } = await ready()
    await using _ = global
    const listOf = (resource: ExportedResource) => ({
      ...{ type: 'MeshService', wholeList: true, plain: true },
      offers: [offerOf(resource)],
    })
    await north.apply(listOf(withStatus('a')))
    const bad = {
      ...withStatus('a'),
      spec: utf8('{"selector":{"dataplaneTags":{"a":"b"},"dataplaneLabels":{}},"ports":[]}'),
    }
    expect((await north.apply(listOf(bad))).refused).toHaveLength(1)
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    const standing = async () => {
      const all = { types: ['MeshService'], ownTypes: [], after: undefined, limit: 10 }
      return [(await global.store.read.changes(all))?.rows, await global.store.read.refused()]
    }
    const before = await standing()
    expect(before).toMatchObject([[{ deleted: true, offeredEntry: expect.any(String) }], [{ newcomer: false }]])
    expect((await north.apply(listOf(bad))).writtenRows).toBe(0)
    expect(await standing()).toEqual(before)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('RO: it is said again in each list when it is forgotten that its mesh was deleted, too; the mesh brings it back', async () => {
    const { global, north } = await ready()
    await using _ = global
    const list = { type: 'MeshService', offers: [offerOf(withStatus('a'))], wholeList: true, plain: true }
    await north.apply(list)
    const before = await vipsOf(global, 'a')
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    global.pass(8 * 24 * 3_600_000)
    // The mesh goes from the log; what is still offered stays.
    expect(await global.store.upkeep()).toMatchObject({ tombstonesForgotten: 1 })
    const revision = await global.revision()
    expect((await north.apply(list)).writtenRows).toBe(0)
    expect(await global.revision()).toBe(revision)
    expect(await global.store.vip.verifyLocal()).toEqual([])
    await global.apply(putMesh('default'))
    expect(await vipsOf(global, 'a')).toEqual(before)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('two services with one address, as a Kuma may come to: the first keeps it, and nothing flaps', async () => {
    const { global, offer } = await ready()
    await using _ = global
    const both = [withStatus('a', '241.0.0.0'), withStatus('b', '241.0.0.0')]
    await offer(...both)
    expect(await aliases(global)).toEqual(['a 241.0.0.0'])
    const revision = await global.revision()
    expect((await offer(...both)).writtenRows).toBe(0)
    expect([await aliases(global), await global.revision()]).toEqual([['a 241.0.0.0'], revision])
  })

  test('VIP-2: a service that goes and comes back has its address again, whatever its zone thinks of it', async () => {
    const { global, north, offer } = await ready()
    await using _ = global
    await offer(withStatus('a', '241.0.0.0'))
    const before = await vipsOf(global, 'a')
    await north.apply({ type: 'MeshService', removals: [removalOf(withStatus('a'), global.nowMs)], plain: true })
    expect(await vipsOf(global, 'a')).toEqual([undefined])
    global.pass(3_600_000)
    await offer(withStatus('a', '241.0.0.9', 'north', 8080))
    expect(await vipsOf(global, 'a')).toEqual(before)
  })

  test('its status is kept, and a status alone moves nothing that zones see', async () => {
    const { global, offer } = await ready()
    await using _ = global
    await offer(withStatus('a'))
    const revision = await global.revision()
    const other = { ...withStatus('a'), status: utf8('{"tls":{"status":"Ready"},"dataplaneProxies":{"total":1}}') }
    expect((await offer(other)).writtenRows).toBe(1)
    const row = await global.store.read.get({ ...serviceKey(other.name) })
    expect([row?.status === undefined ? '' : Buffer.from(row.status).toString(), row?.revision]).toEqual([
      '{"tls":{"status":"Ready"},"dataplaneProxies":{"total":1}}',
      (await global.store.read.get(serviceKey(other.name)))?.revision,
    ])
    const changes = await global.channel({ channel: 'down', peer: 'west' }).perform({
      op: 'changes',
      from: { revision, afterOrder: Number.MAX_SAFE_INTEGER, afterKey: '' } as never,
      limitBytes: 1_000_000,
      withRemovals: true,
    })
    expect(changes.items).toEqual([])
  })

  test('what is refused gets no address; headless services get none either', async () => {
    const { global, offer } = await ready()
    await using _ = global
    const lying = { ...withStatus('liar'), name: 'liar-0000000000000000' }
    const headless = { ...service({ name: 'h', zone: 'north', labels: { 'k8s.kuma.io/is-headless-service': 'true' } }) }
    const { refused } = await offer(lying, headless)
    expect(refused.map(({ key }) => key)).toEqual([keyOf(lying)])
    expect([await vipsOf(global, 'h'), await ledger(global, 'canonical')]).toEqual([[undefined], []])
  })

  test('RO: what is refused of a Kuma and comes again on its next stream leaves its refusal as it is; another reason does not', async () => {
    const { global, north } = await ready()
    await using _ = global
    const lying = { ...withStatus('liar'), name: 'liar-0000000000000000' }
    const unreadable = { key: 'noise.default', version: '1', reason: 'not protobuf' }
    const say = async (reason: string) => {
      const more = { unreadable: [{ ...unreadable, reason }], plain: true }
      return (await north.apply({ type: 'MeshService', offers: [offerOf(lying)], ...more })).refused
    }
    const first = await say('not protobuf')
    const told = await global.store.read.refused()
    expect(told.length).toBe(2)
    global.pass(60_000)
    expect(await say('not protobuf')).toEqual(first)
    expect(await global.store.read.refused()).toEqual(told)
    await say('no KumaResource')
    expect(
      (await global.store.read.refused()).filter((row) => !told.some(({ reason }) => reason === row.reason)),
    ).toMatchObject([{ name: 'noise', reason: 'no KumaResource', tries: 1, sinceMs: global.nowMs }])
  })

  test('more services than a block has room for: another block, and nobody moves', async () => {
    const { global, offer } = await ready()
    await using _ = global
    const names = Array.from({ length: 2_100 }, (_x, i) => `s-${i}`)
    await offer(...names.slice(0, 100).map((name) => withStatus(name)))
    const first = await ledger(global, 'canonical')
    await offer(...names.slice(100).map((name) => withStatus(name)))
    const all = await ledger(global, 'canonical')
    expect(all.length).toBe(2_100)
    const now = new Map(all.map(({ displayName, address }) => [displayName, address]))
    expect(first.filter(({ displayName, address }) => now.get(displayName) !== address)).toEqual([])
    expect(new Set(now.values()).size).toBe(2_100)
    const blocks = (await global.store.vip.blocks()).filter(({ owner, family }) => owner === 'north' && family === 4)
    expect(blocks.length).toBeGreaterThan(1)
  })

  test('the name of a living Kuma zone is not taken; a zone of ours that follows it gets block and rows back', async () => {
    const { global, offer } = await ready()
    await using _ = global
    await global.store.sessions.meetPlain('north')
    await offer(withStatus('a', '241.0.0.0'))
    const session = {
      ...{ sessionId: 's1', peer: 'north', instanceId: 'g', peerInstanceId: '', peerVersion: '2.14.3' },
      ...{ extension: false, stream: 'up' as const },
    }
    await global.store.sessions.open(session)
    const ours = global.channel({ channel: 'down', peer: 'north' })
    const admit = () => ours.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    expect(await admit()).toMatchObject({
      admitted: false,
      reason: expect.stringContaining('is a Kuma zone, and it is connected') as string,
    })
    await global.store.sessions.close('s1', 'the zone ended')
    expect(await admit()).toMatchObject({ admitted: true, owesReturn: true })
    const blocks = (await global.store.vip.blocks()).filter(({ owner }) => owner === 'north')
    expect(blocks.map(({ storeId, generation }) => [storeId, generation])).toEqual([
      [otherStoreId, 2],
      [otherStoreId, 2],
    ])
  })

  test('a Kuma zone does not take the session of a living zone of ours by saying its name', async () => {
    await using global = await Subject.ready(open, 'global')
    const ours = global.channel({ channel: 'down', peer: 'east' })
    await ours.perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    await global.store.sessions.open({
      ...{ sessionId: 's1', peer: 'east', instanceId: 'g', peerInstanceId: 'e', peerVersion: '0.1.0', extension: true },
    })
    expect(await global.store.sessions.meetPlain('east')).toMatchObject({
      admitted: false,
      reason: expect.stringContaining('and this is a Kuma zone of the same name') as string,
    })
  })
}

/** A zone of ours under a global that speaks plain Kuma KDS: nobody gives it addresses (decision 31). */
export function plainGlobalConformance(open: OpenStore): void {
  const fromGlobal = { channel: 'down', peer: '' } as const
  const list = (...resources: readonly ExportedResource[]) => ({
    type: 'MeshService',
    offers: resources.map(offerOf),
    wholeList: true,
    plain: true,
  })
  const ready = async () => {
    const east = await Subject.ready(open, 'zone')
    const down = east.channel(fromGlobal)
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))], wholeList: true, plain: true })
    return { east, down }
  }
  const vipsOf = async (east: Subject) => {
    const { items } = await east.store.read.list({ type: 'MeshService', offset: 0, limit: 100 })
    return Object.fromEntries(items.map((row) => [row.displayName, row.vips?.addresses]))
  }
  const [web, api] = [service({ name: 'web', zone: 'north' }), service({ name: 'api', zone: 'north' })]

  test('others’ services get addresses that hold here, and keep them over a reconnect, a removal and a return', async () => {
    const { east, down } = await ready()
    await using _ = east
    expect((await down.apply(list(web, api))).warnings).toEqual([])
    const before = await vipsOf(east)
    expect([before.web?.length, before.api?.length, before.web?.[0] === before.api?.[0]]).toEqual([1, 1, false])
    expect(await east.store.vip.verifyLocal()).toEqual([])
    // What a zone has given itself is in force where there is nothing else; an alias that came otherwise is not.
    const { items: rows } = await east.store.read.list({ type: 'MeshService', offset: 0, limit: 100 })
    for (const said of [await east.store.vip.booked({ limit: 10 }), await east.store.vip.standing(rows)])
      expect(said).toHaveLength(2)
    expect(
      (await east.store.vip.booked({ limit: 10 })).map(({ displayName: of, addresses }) => [of, addresses]),
    ).toEqual(Object.entries(before).sort())
    for (const { vips, booked } of await east.store.vip.standing(rows)) expect(booked).toEqual(vips?.addresses)
    const revision = await east.revision()
    expect((await down.apply(list(web, api))).writtenRows).toBe(0)
    expect(await east.revision()).toBe(revision)
    await down.apply({ type: 'MeshService', removals: [removalOf(web, east.nowMs)], plain: true })
    expect(await east.store.vip.verifyLocal()).toEqual([])
    east.pass(3_600_000)
    await down.apply({
      type: 'MeshService',
      offers: [offerOf(service({ name: 'web', zone: 'north', port: 81 }))],
      plain: true,
    })
    expect(await vipsOf(east)).toEqual(before)
  })

  test('VIP-1: what is our own never gets an address that stands in for another’s, nor the other way round', async () => {
    const { east, down } = await ready()
    await using _ = east
    const names = Array.from({ length: 600 }, (_x, i) => `s-${i}`)
    await down.apply(list(...names.map((name) => service({ name, zone: 'north' }))))
    await east.apply(...names.map((name) => putService(`own-${name}`)))
    const { items } = await east.store.read.list({ type: 'MeshService', offset: 0, limit: 2_000 })
    const all = items.flatMap(({ vips }) => vips?.addresses ?? [])
    expect([items.length, all.length, new Set(all).size]).toEqual([1_200, 1_200, 1_200])
    expect(await east.store.vip.verifyLocal()).toEqual([])
  })

  test('a global of ours that follows has the last word: its address is everybody’s, the old one holds here still', async () => {
    const { east, down } = await ready()
    await using _ = east
    await down.apply(list(web))
    const [standIn] = (await vipsOf(east)).web ?? []
    const said = { ...web, vips: { addresses: ['241.200.0.1'], generation: 0 } }
    await down.apply({ type: 'MeshService', offers: [offerOf(said)] })
    expect(await vipsOf(east)).toEqual({ web: ['241.200.0.1'] })
    const { items } = await east.store.vip.ledger({ displayName: 'web', includeTombstoned: true, limit: 10 })
    expect(items.map(({ scope, address, state }) => [scope, address, state]).sort()).toEqual([
      ['canonical', '241.200.0.1', 'active'],
      ['zone:east', standIn, 'active'],
    ])
    expect(await east.store.vip.verifyLocal()).toEqual([])
    // Back out: what was given to everybody holds.
    await down.apply(list(web))
    expect(await vipsOf(east)).toEqual({ web: ['241.200.0.1'] })
  })
}
