import type { Demand } from '@holdfast/kds'
import { expect, test } from 'vitest'
import { hello, type OpenStore, otherStoreId, Subject } from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const kind = 'MeshService'
const demand: Demand = { kind, active: 0, pending: 1 }
const pool = (cidr: string, more: { readonly kind?: string; readonly family?: 4 | 6 } = {}) =>
  ({ kind, family: 4, cidr, ...more }) as const
const add = (global: Subject, cidr: string, more: Parameters<typeof pool>[1] & { readonly apply?: boolean } = {}) => {
  const { apply = true, ...rest } = more
  return global.store.vip.addPool({ pool: pool(cidr, rest), actor: 'operator', apply })
}
const lease = (global: Subject, owner: string, storeId: string) =>
  global.store.vip.lease({ owner, storeId, demands: [demand], wantedCidrs: [] })

/** Pools that an operator adds. */
export function poolConformance(open: OpenStore): void {
  /** Its pool has room for one block. */
  const small = async (): Promise<Subject> => {
    const global = await Subject.open(open, 'global', '')
    const pools = [pool('241.200.0.0/20')]
    await global.store.initialise({ actor: 'operator', random: Uint8Array.of(1, 2, 3, 4, 5), pools })
    await global.channel(fromEast).perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    return global
  }

  test('VIP-2: a pool is full; another one is added, blocks are leased from it, and those that were leased stay', async () => {
    await using global = await small()
    const first = await lease(global, 'east', otherStoreId)
    const before = first.granted.filter(({ family }) => family === 4)
    expect(before.map(({ cidr }) => cidr)).toEqual(['241.200.0.0/20'])
    const { identity } = await global.store.status()
    const full = await lease(global, '', identity.storeId)
    expect(full.refused).toEqual([expect.stringMatching(/no room for a \/20 .*241\.200\.0\.0\/20.*vip pool add/)])

    const revision = await global.revision()
    expect(await add(global, '241.208.0.0/16', { apply: false })).toMatchObject({ changed: true })
    expect(await global.revision()).toBe(revision)
    // Whichever of its addresses is given.
    expect(await add(global, '241.208.1.7/16')).toMatchObject({ changed: true, pool: { kind, cidr: '241.208.0.0/16' } })
    expect(await global.revision()).toBe(revision + 1)
    expect(await add(global, '241.208.0.0/16')).toMatchObject({ changed: false })
    expect(await global.revision()).toBe(revision + 1)
    const { granted } = await lease(global, '', identity.storeId)
    expect(granted.filter(({ family }) => family === 4).map(({ cidr }) => cidr)).toEqual([
      expect.stringMatching(/^241\.208\.\d+\.0\/20$/),
    ])
    expect(
      (await global.store.vip.blocks()).filter(({ owner, family }) => owner === 'east' && family === 4),
    ).toMatchObject(before.map(({ id, cidr }) => ({ id, cidr })))
    expect((await global.store.read.audit(10)).map(({ action }) => action)).toContain('VIP pool added')
  })

  test('a pool that cannot be one is refused with everything that is wrong, and nothing changes', async () => {
    await using global = await small()
    const revision = await global.revision()
    const wrong = (cidr: string, more: Parameters<typeof add>[2] = {}) =>
      add(global, cidr, more).then(
        () => 'added',
        (error: { readonly violations?: readonly { readonly path: string; readonly message: string }[] }) =>
          error.violations?.map(({ path, message }) => `${path}: ${message}`),
      )
    expect(await wrong('241.200.8.0/21')).toEqual([
      'cidr: 241.200.8.0/21 is too small: a pool is at least a /20',
      'cidr: 241.200.8.0/21 overlaps 241.200.0.0/20, a pool that is there',
    ])
    expect(await wrong('127.0.0.0/8', { kind: 'Mesh' })).toEqual([
      'kind: must be one of MeshService, MeshExternalService, MeshMultiZoneService, got "Mesh"',
      'cidr: 127.0.0.0/8 has loopback addresses (127.0.0.0/8) in it',
    ])
    expect(await wrong('somewhere')).toEqual([expect.stringMatching(/^cidr: .*somewhere/)])
    expect(await global.revision()).toBe(revision)
  })
}
