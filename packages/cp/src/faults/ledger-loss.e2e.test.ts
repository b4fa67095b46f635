import { byHand } from '@holdfast/store/testing'
import { expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { post, putExternal, putMultiZone, vipMap } from '../testing/estate.js'
import { bothInStep, get } from '../testing/faults.js'
import { eager, inStep, type Plane, putService, remove, startGlobal, startZone, until } from '../testing/mesh.js'
import { resolving } from '../testing/names.js'

// The ledger itself is lost, at global or in a zone. It is rebuilt from what stands and from its history: every VIP is back.
const { own, closes } = closing()

interface Rebuild {
  readonly items: readonly { readonly name: string; readonly state: string; readonly witness: string }[]
  readonly conflicts: readonly string[]
}

/** Global and a zone, each with services; one of each is deleted, and its address rests. */
async function estate() {
  const global = own(await startGlobal())
  const east = own(await startZone('east', global.port, { backoff: eager }))
  await until('east to be in step', () => inStep(east), 20_000)
  for (const name of ['cart', 'gone', 'web']) await putService(east, name)
  for (const name of ['all', 'past']) await putMultiZone(global, name)
  await putExternal(global, 'pay')
  const everybody = async (count: number): Promise<void> =>
    until(`${count} owners everywhere`, async () => {
      const said = await Promise.all([global, east].map(vipMap))
      return bothInStep(global, east) && said.every((map) => Object.keys(map).length === count)
    })
  await everybody(6)
  await remove(east, '/meshes/default/meshservices/gone')
  await remove(global, '/meshes/default/meshmultizoneservices/past')
  await everybody(4)
  const names = await resolving(east, [
    ...['cart.svc.mesh.local', 'web.svc.mesh.local'],
    ...['all.mzsvc.mesh.local', 'pay.extsvc.mesh.local'],
  ])
  // While the ledger lacks them the zone rightly says so of its answers, if it looks in that moment; it has to say that it is over.
  closes(() => until('no fault in the answers', () => names.faults.length === 0, 30_000).finally(() => names.end()))
  return { global, east }
}

const rebuild = async (plane: Plane, apply: boolean): Promise<Rebuild> => {
  const { status, body } = await post<Rebuild>(plane, '/_holdfast/vips/rebuild', { apply })
  expect([status, JSON.stringify(body)]).toEqual([200, expect.stringContaining('"applied"')])
  return body
}
const whole = (plane: Plane) =>
  byHand(
    plane.database.url,
    'select kind, origin, display_name, family, host(address) as address, generation, state, block_id from vip_ledger order by 1, 2, 3, 4',
  )

test.each(['global', 'east'] as const)(
  'VIP-2: the ledger of %s is emptied: the plan says who remembers what, and every address is back, those that rest too',
  { timeout: 90_000 },
  async (name) => {
    const planes = await estate()
    const plane: Plane = planes[name]
    const before = { map: await vipMap(plane), rows: await whole(plane) }
    await byHand(plane.database.url, 'delete from vip_ledger')
    expect(await vipMap(plane)).toEqual({})
    expect(await plane.store.vip.verifyLocal()).not.toEqual([])
    // It is found out, and nothing is written until it is mended; the mending itself is.
    await until('the loss to be noticed', async () =>
      (await plane.store.status()).reasons.join().includes('vip_ledger'),
    )
    const revision = (await plane.store.status()).head.revision
    const plan = await rebuild(plane, false)
    expect((await plane.store.status()).head.revision).toBe(revision)
    const witnesses = new Map(plan.items.map((item) => [item.name, `${item.state}, ${item.witness}`]))
    expect(Object.fromEntries(witnesses)).toEqual({
      ...{ all: 'active, the service itself', pay: 'active, the service itself' },
      ...{ cart: 'active, the service itself', web: 'active, the service itself' },
      ...{ gone: 'tombstoned, the history', past: 'tombstoned, the history' },
    })
    expect(await rebuild(plane, true)).toMatchObject({ conflicts: [] })
    expect({ map: await vipMap(plane), rows: await whole(plane) }).toEqual(before)
    expect(await plane.store.vip.verifyLocal()).toEqual([])
    expect((await rebuild(plane, true)).items).toEqual([])
    // Who comes back gets the address that rested for it.
    const gone = await get<{ items: readonly { name: string; address: string; state: string }[] }>(
      planes.east,
      '/_holdfast/vips?deleted=true&name=gone',
    )
    await putService(planes.east, 'gone')
    expect((await vipMap(planes.east))['MeshService default east/gone']).toEqual(
      gone.items.map((i) => i.address).sort(),
    )
    await until('all to agree', async () => {
      const { agree, complete } = await get<{ agree: boolean; complete: boolean }>(
        planes.global,
        '/_holdfast/vips/verify',
      )
      return agree && complete
    })
  },
)

test('VIP-2: single rows are lost, one with the VIP of its service: all is back, and what stands is not touched', {
  timeout: 60_000,
}, async () => {
  const { east } = await estate()
  const before = await whole(east)
  await byHand(east.database.url, "delete from vip_ledger where display_name in ('cart', 'web')")
  await byHand(east.database.url, "update resources set vips = '' where display_name = 'web' and type = 'MeshService'")
  const plan = await rebuild(east, true)
  expect(plan.items.map(({ name, witness }) => `${name} ${witness}`).sort()).toEqual([
    ...['cart the service itself', 'cart the service itself'],
    ...['web the history', 'web the history'],
  ])
  expect(await whole(east)).toEqual(before)
  expect(await east.store.vip.verifyLocal()).toEqual([])
})

test('bad input: a VIP in use is not released and its holder is named; one that rests is, once', {
  timeout: 60_000,
}, async () => {
  const { east } = await estate()
  const address = (await vipMap(east))['MeshService default east/web']?.[0] ?? ''
  const release = (query: string) =>
    post<{ detail?: string; released?: unknown }>(east, `/_holdfast/vips/release?${query}`, {})
  const used = await release(`address=${address}`)
  expect([used.status, used.body.detail]).toEqual([
    409,
    expect.stringMatching(/in use by MeshService "web" .*zone east/),
  ])
  expect((await release('name=web')).status).toBe(409)
  expect((await release('name=never')).status).toBe(404)
  expect((await release('address=nonsense')).status).toBe(400)
  expect((await release('')).status).toBe(400)
  const freed = await release('name=gone')
  expect([freed.status, freed.body.released]).toEqual([
    200,
    [expect.stringMatching(/^241\./), expect.stringMatching(/^fd/)],
  ])
  expect((await release('name=gone')).status).toBe(404)
  expect((await vipMap(east))['MeshService default east/web']).toContain(address)
  const audit = (await east.store.read.audit(5)).map(({ action }) => action)
  expect(audit).toContain('VIP released')
})
