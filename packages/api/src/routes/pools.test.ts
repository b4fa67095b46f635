import { expect, test } from 'vitest'
import { openReal } from '../testing/real.js'

const path = '/_holdfast/vips/pools'

test('pools: what there is and how much of it is leased; one is added after it was shown, and never twice', async () => {
  const api = await openReal('global')
  const cidrs = async () => (await api.call('GET', path)).body.items.map(({ cidr }: { readonly cidr: string }) => cidr)
  const before = await cidrs()
  const pool = { kind: 'MeshService', cidr: '10.64.0.0/12' }
  const added = { ...pool, family: 4, reserved: [], blocks: 0, leasedShare: 0 }
  expect((await api.call('POST', path, pool)).body).toEqual({ pool: added, changed: true, applied: false })
  expect(await cidrs()).toEqual(before)
  expect((await api.call('POST', path, { ...pool, apply: true })).body).toEqual({
    ...{ pool: added, changed: true, applied: true },
  })
  expect(await cidrs()).toEqual(expect.arrayContaining([...before, pool.cidr]))
  expect((await api.call('POST', path, { ...pool, apply: true })).body).toMatchObject({ changed: false })
  const { identity } = await api.store.status()
  const demands = [{ kind: 'MeshMultiZoneService', active: 0, pending: 1 }]
  await api.store.vip.lease({ owner: '', storeId: identity.storeId, demands, wantedCidrs: [] })
  const leased = (await api.call('GET', path)).body.items.find(
    ({ kind, family }: { readonly kind: string; readonly family: number }) =>
      kind === 'MeshMultiZoneService' && family === 4,
  )
  // A /20 of a /8.
  expect(leased).toMatchObject({ blocks: 1, leasedShare: Number((1 / 4_096).toPrecision(6)) })
})

test('a pool that cannot be one, half a question, and a zone: told with everything that is wrong', async () => {
  const api = await openReal('global')
  const wrong = await api.call('POST', path, { kind: 'MeshService', cidr: '241.0.128.0/30', apply: true })
  expect(wrong.status).toBe(400)
  expect(JSON.stringify(wrong.body)).toMatch(/too small.*overlaps 241\.0\.0\.0\/8/)
  expect(await api.call('POST', path, { kind: 'MeshService' })).toMatchObject({ status: 400 })
  const zone = await openReal('federated')
  const there = await zone.call('POST', path, { kind: 'MeshService', cidr: '10.64.0.0/12' })
  expect([there.status, there.body.detail]).toEqual([405, expect.stringMatching(/added at global/)])
})
