import { globalOrigin } from '@holdfast/model'
import { expect, test } from 'vitest'
import type { JoinRequest } from '../plan/index.js'
import {
  hello,
  type OpenStore,
  offerOf,
  otherStoreId,
  putMesh,
  putService,
  Subject,
  service,
  serviceKey,
} from './fixtures.js'

const taken = '241.16.0.0/20'
const free = '241.32.0.0/20'
const strange = '10.0.0.0/20'

const admit = (global: Subject, zone: string, storeId: string) =>
  global.channel({ channel: 'up', peer: zone }).perform({ op: 'admit', hello: hello(storeId), nowMs: global.nowMs })

/** A zone that runs by itself, before it has ever dialled a global. */
export function joiningConformance(open: OpenStore): void {
  test('VIP-2, EMPTY: a zone is told what would become of it before it joins, and nothing is changed by the telling', async () => {
    await using global = await Subject.ready(open, 'global')
    await admit(global, 'west', otherStoreId)
    const demands = [{ kind: 'MeshService', active: 0, pending: 1 }]
    await global.store.vip.lease({ owner: 'west', storeId: otherStoreId, demands, wantedCidrs: [taken] })
    // What global remembers of the very name: an earlier life of this zone.
    await admit(global, 'east', 'eeeeeeee-2222-4333-8444-555555555555')
    const vips = { addresses: ['241.33.0.9'], generation: 1 }
    const up = global.channel({ channel: 'up', peer: 'east' })
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'moved', zone: 'east', vips }))] })
    const revision = await global.revision()

    const of = (name: string, ...addresses: readonly string[]): JoinRequest['services'][number] => ({
      ...{ kind: 'MeshService', mesh: 'default', namespace: '', displayName: name, addresses },
    })
    const request: JoinRequest = {
      zone: 'east',
      storeId: 'eeeeeeee-2222-4333-8444-555555555555',
      blocks: [taken, free, strange],
      meshes: ['shop'],
      services: [
        of('stays', '241.32.0.7'),
        of('collides', '241.16.0.7'),
        of('moved', '241.32.0.8'),
        of('waits'),
        { ...of('cart', '241.32.0.9'), mesh: 'shop' },
      ],
    }
    const plan = await global.store.returns.planJoin(request)
    expect(plan.refused).toBeUndefined()
    expect(plan.blocks).toEqual([
      { cidr: taken, confirmed: false, reason: expect.stringContaining('leased to zone west') },
      { cidr: free, confirmed: true },
      { cidr: strange, confirmed: false, reason: expect.stringContaining('lies in no pool') },
    ])
    expect(plan.meshes).toEqual([{ name: 'shop', held: true }])
    expect(
      plan.services.map(({ owner, held, waiting, addresses }) => [
        owner.displayName,
        addresses.map(({ fate }) => fate),
        held,
        waiting,
      ]),
    ).toEqual([
      ['stays', ['canonical'], false, false],
      ['collides', ['alias'], false, false],
      ['moved', ['conflict'], false, false],
      ['waits', [], false, true],
      ['cart', ['canonical'], true, false],
    ])
    const other = await global.store.returns.planJoin({ ...request, storeId: otherStoreId })
    expect(other.refused).toContain('belongs to the store eeeeeeee')
    expect(await global.revision()).toBe(revision)
  })

  test('EMPTY: what a zone has in a mesh that global does not have is held, told to nobody, and shared when the mesh is made', async () => {
    await using global = await Subject.ready(open, 'global')
    await admit(global, 'east', otherStoreId)
    await admit(global, 'west', '22222222-2222-4333-8444-555555555555')
    const vips = { addresses: ['241.32.0.9'], generation: 0 }
    const cart = service({ name: 'cart', zone: 'east', mesh: 'shop', vips })
    const up = global.channel({ channel: 'up', peer: 'east' })
    expect(await up.apply({ type: 'MeshService', offers: [offerOf(cart)] })).toMatchObject({ refused: [] })
    const waiting = [{ origin: 'east', mesh: 'shop', count: 1 }]
    expect(await global.store.guards.waitingForMeshes()).toEqual(waiting)
    const seenByWest = async (): Promise<readonly string[]> => {
      const page = await global.channel({ channel: 'down', peer: 'west' }).perform({
        op: 'changes',
        from: { revision: 0, typeOrder: 0, mesh: '', name: '' },
        limitBytes: 1 << 20,
        withRemovals: false,
      })
      return page.items.flatMap(({ type, change }) =>
        type === 'MeshService' && 'offer' in change ? [change.offer.resource.name] : [],
      )
    }
    expect(await seenByWest()).toEqual([])
    await global.apply(putMesh('shop'))
    expect(await seenByWest()).toEqual([cart.name])
    expect(await global.store.guards.waitingForMeshes()).toEqual([])
    expect((await global.store.read.get({ ...serviceKey(cart.name, 'shop') }))?.vips).toEqual(vips)
  })

  test('VIP-2: the mesh that a zone has made gives way to the one of that name that global makes, and its services stay', async () => {
    await using zone = await Subject.ready(open, 'zone')
    expect(await zone.store.vip.adoptBlocks([free])).toEqual([])
    await zone.apply(putMesh('shop'))
    await zone.apply(putService('cart', { mesh: 'shop' }))
    const before = (await zone.store.read.get(serviceKey('cart', 'shop')))?.vips
    expect(before?.addresses).toHaveLength(1)
    const down = zone.channel({ channel: 'down', peer: '' })
    const key = { type: 'Mesh', mesh: '', name: 'shop' }
    const made = { ...key, labels: {}, typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh', spec: new Uint8Array() }
    expect(await down.apply({ type: 'Mesh', offers: [offerOf(made)] })).toMatchObject({ refused: [] })
    expect((await zone.store.read.get(key))?.origin).toBe(globalOrigin)
    const after = await zone.store.read.get(serviceKey('cart', 'shop'))
    expect([after?.vips, after?.audience, after?.deleted]).toEqual([before, 'all', false])
  })
}
