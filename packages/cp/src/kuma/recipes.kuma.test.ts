import { freshDatabase, hasKuma, type KumaCp, startKuma } from '@holdfast/testkit'
import { describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { type Items, kumaService, quiet, served } from '../testing/kuma-objects.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  putService,
  remove,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// Ways in which a Kuma gives a service another address, or its address to another service, and what becomes of them here.

const vipsOf = async (cp: KumaCp): Promise<Readonly<Record<string, string | undefined>>> =>
  Object.fromEntries(
    (await cp.get<Items>('/meshservices?size=100')).items
      .map(({ name, status }): [string, string | undefined] => [
        name.replace(/-[a-z0-9]{16}$/, ''),
        (status as { readonly vips?: readonly { readonly ip: string }[] } | undefined)?.vips?.[0]?.ip,
      ])
      .sort(),
  )
const allIn = async (cp: KumaCp, count: number): Promise<boolean> => {
  const vips = Object.values(await vipsOf(cp))
  return vips.length === count && vips.every((vip) => vip !== undefined)
}
const isIn = (zone: ZonePlane): boolean => zone.runtime.view()?.channels.every((c) => c.inStep) === true

describe.skipIf(!hasKuma())('addresses that a Kuma changes', { timeout: 300_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 60_000 })
  const kuma = async (options: Parameters<typeof startKuma>[0]) => own(await startKuma(options), (cp) => cp.stop())
  test('VIP-2 (V9): a Kuma global loses its store while its zones live: its zone has other addresses afterwards, ours the same', async () => {
    const first = await kuma({})
    const { kdsPort } = first
    const north = await kuma({ zone: 'north', globalAddress: `grpc://127.0.0.1:${kdsPort}` })
    const east = own(await startZone('east', kdsPort, { backoff: eager }), (zone) => zone.close())
    await until('our zone to be in step', () => isIn(east), 60_000)
    await until('the mesh to be there', async () => (await north.get<Items>('/meshes')).items.length > 0, 60_000)
    for (const name of ['api', 'web']) await north.put(...kumaService(name))
    for (const name of ['cart', 'mail']) await putService(east, name)
    const whole = async () => (await servicesOf(east)).size === 4 && (await allIn(north, 4))
    await until('every service to have its addresses', whole, 60_000)
    const [before, kumaBefore] = [served(await servicesOf(east)), await vipsOf(north)]
    await east.proxy.refuse()
    east.proxy.cut('reset')
    await first.stop()
    await until('our zone to notice', () => !isIn(east), 30_000)
    const second = await kuma({ kdsPort })
    // Its own zone is there first, is told that there is nobody else, and believes it.
    await until('the Kuma zone to have lost what it had', () => allIn(north, 2), 60_000)
    await east.proxy.restore()
    await until('our zone to be back', () => isIn(east), 60_000)
    await until(
      'the new one to have been told everything',
      async () => (await second.get<Items>('/meshservices?size=100')).items.length === 4,
      60_000,
    )
    await until('the Kuma zone to have everything again', whole, 60_000)
    await quiet(east)
    // It has done what the recipe says: what came back with a gap between has another address there.
    expect(await vipsOf(north)).not.toEqual(kumaBefore)
    expect(served(await servicesOf(east))).toEqual(before)
    expect(await east.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-3 (V18): a Kuma zone gives the address of a deleted service to a new one; ours is given to nobody, and both are told apart', async () => {
    const global: GlobalPlane = own(await startGlobal(), (plane) => plane.close())
    const east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
    const database = own(await freshDatabase({ empty: true }), (db) => db.drop())
    const options = { zone: 'north', globalAddress: `grpc://127.0.0.1:${global.port}`, databaseUrl: database.url }
    let north = await kuma(options)
    await until('east to be in step', () => inStep(east), 60_000)
    await until('the mesh to be there', async () => (await north.get<Items>('/meshes')).items.length > 0, 60_000)
    for (const name of ['a', 'b']) {
      await north.put(...kumaService(name))
      await until(`${name} to have its address`, async () => (await vipsOf(north))[name] !== undefined, 60_000)
    }
    const kumaHad = (await vipsOf(north)).a
    const here = async () => served(await servicesOf(east))
    const has = async (name: string) => (await here())[`north/${name}`]
    /** What our global knows of the addresses that it has in its own zone. */
    const aliases = async (): Promise<Readonly<Record<string, string>>> => {
      const { items } = await global.store.vip.ledger({ origin: 'north', includeTombstoned: false, limit: 100 })
      const of = items.filter(({ scope }) => scope === 'zone:north')
      return Object.fromEntries(of.map(({ displayName, address }) => [displayName, address]))
    }
    await until(
      'both to have both addresses here',
      async () => (await has('a'))?.length === 2 && (await has('b'))?.length === 2 && (await aliases()).a === kumaHad,
      60_000,
    )
    const before = await here()
    await north.remove('/meshes/default/meshservices/a')
    await until('it to be gone', async () => (await has('a')) === undefined, 60_000)
    await north.stop('SIGTERM')
    north = await kuma(options)
    await north.put(...kumaService('c'))
    await until('the new one to have an address there', async () => (await vipsOf(north)).c !== undefined, 60_000)
    expect((await vipsOf(north)).c).toBe(kumaHad)
    await until('it to be here', async () => (await has('c')) !== undefined, 60_000)
    await quiet(global, east)
    expect((await has('c'))?.filter((vip) => before['north/a']?.includes(vip))).toEqual([])
    expect(await has('b')).toEqual(before['north/b'])
    // In its own zone it is as it is there: what is called so is c now.
    await until('what it is called there to be known', async () => (await aliases()).c === kumaHad, 60_000)
    expect(await global.store.vip.verifyLocal()).toEqual([])
    // Made again, it has its own again.
    await north.put(...kumaService('a'))
    await until('it to be back', async () => (await has('a'))?.length === 2, 60_000)
    await quiet(global, east)
    expect(await has('a')).toEqual(before['north/a'])
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-3 (V18): our zone under a Kuma global, begun anew, gives the address of a deleted service to nobody', async () => {
    const global = await kuma({})
    const database = own(await freshDatabase(), (db) => db.drop())
    let east = await startZone('east', global.kdsPort, { backoff: eager, database })
    await until('our zone to be in step', () => isIn(east), 60_000)
    for (const name of ['a', 'b']) await putService(east, name)
    const has = async (name: string) => served(await servicesOf(east))[`east/${name}`]
    await until('both to have addresses', async () => (await Promise.all(['a', 'b'].map(has))).every((v) => v), 60_000)
    const [a, b] = [await has('a'), await has('b')]
    await remove(east, '/meshes/default/meshservices/a')
    await east.close()
    east = own(await startZone('east', global.kdsPort, { backoff: eager, database }), (zone) => zone.close())
    await until('our zone to be in step', () => isIn(east), 60_000)
    await putService(east, 'c')
    expect([(await has('c'))?.some((vip) => a?.includes(vip)), await has('b')]).toEqual([false, b])
    await putService(east, 'a')
    expect(await has('a')).toEqual(a)
  })
})
