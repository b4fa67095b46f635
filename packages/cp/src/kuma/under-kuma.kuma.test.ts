import { freshDatabase, hasKuma, type KumaCp, startKuma } from '@holdfast/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { type Items, kumaService, putEverything, quiet, served } from '../testing/kuma-objects.js'
import { eager, putService, remove, rowsOf, servicesOf, startZone, until, type ZonePlane } from '../testing/mesh.js'

interface Named {
  readonly items: readonly {
    readonly status?: { readonly addresses?: readonly { readonly hostname: string }[] }
  }[]
}

// Zones of ours under a real Kuma global, and a real Kuma zone beside them.

describe.skipIf(!hasKuma())('our zones under a Kuma global', { timeout: 180_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 60_000 })
  let global: KumaCp
  let north: KumaCp
  let east: ZonePlane
  let west: ZonePlane
  let databaseUrl: string
  let kdsPort: number
  const logs: KumaCp[] = []

  const names = async (cp: KumaCp) => (await cp.get<Items>('/meshservices?size=1000')).items.map(({ name }) => name)
  const startGlobal = async (store: { readonly databaseUrl?: string }): Promise<KumaCp> => {
    const cp = own(await startKuma({ ...store, ...(kdsPort === undefined ? {} : { kdsPort }) }), (one) => one.stop())
    logs.push(cp)
    return cp
  }
  const isIn = (zone: ZonePlane): boolean => zone.runtime.view()?.channels.every((c) => c.inStep) === true
  const seenBy = async (zone: ZonePlane) => served(await servicesOf(zone))
  const ofOthers = async (zone: ZonePlane) =>
    [...(await servicesOf(zone)).keys()].filter((key) => !key.startsWith(`${zone.name}/`)).sort()

  beforeAll(async () => {
    const database = own(await freshDatabase({ empty: true }), (db) => db.drop())
    databaseUrl = database.url
    global = await startGlobal({ databaseUrl })
    kdsPort = global.kdsPort
    await until('Kuma to have made its mesh', async () => (await global.get<Items>('/meshes')).items.length > 0, 60_000)
    const [k, a, b] = await Promise.all([
      startKuma({ zone: 'north', globalAddress: `grpc://127.0.0.1:${kdsPort}` }),
      startZone('east', kdsPort, { backoff: eager }),
      startZone('west', kdsPort, { backoff: eager }),
    ])
    north = own(k, (cp) => cp.stop())
    east = own(a, (zone) => zone.close())
    west = own(b, (zone) => zone.close())
    await putEverything((path, body) => global.put(path, body))
    await until('our zones to be in step', () => isIn(east) && isIn(west), 60_000)
    await until(
      'the mesh to be in the Kuma zone',
      async () => (await north.get<Items>('/meshes')).items.length > 1,
      60_000,
    )
    for (const name of ['web', 'api']) await north.put(...kumaService(name))
    await putService(east, 'cart')
    await putService(west, 'mail')
    await until(
      'every service to be everywhere',
      async () => {
        const counts = await Promise.all([names(global), names(north), ofOthers(east), ofOthers(west)])
        return counts.map(({ length }) => length).join() === '4,4,3,3'
      },
      60_000,
    )
  }, 240_000)
  /** Lines of a Kuma global that say that it did not like something of ours. */
  const complaints = (): readonly string[] =>
    logs
      .flatMap((cp) => cp.log().split('\n'))
      .filter((line) => /panic:|was rejected|NACK|invalid resource type|processing error/.test(line))
      .map((line) => line.slice(0, 300))

  test('it joins as a Kuma zone does: everything arrives and is acknowledged, nothing is refused at either end', async () => {
    const { zoneInsight } = await global.get<{
      readonly zoneInsight: {
        readonly subscriptions: readonly { readonly status: { readonly total: Readonly<Record<string, string>> } }[]
      }
    }>('/zones+insights/east')
    expect(zoneInsight.subscriptions.at(-1)?.status.total.responsesRejected).toBeUndefined()
    expect(complaints()).toEqual([])
    expect(await east.store.read.refused()).toEqual([])
    const stored = async (type: string) =>
      (await east.store.read.list({ type, offset: 0, limit: 100 })).items
        .filter(({ origin }) => origin === '')
        .map(({ displayName }) => displayName)
        .sort()
    expect([
      await stored('Mesh'),
      await stored('MeshExternalService'),
      await stored('MeshMultiZoneService'),
      await stored('MeshTrafficPermission'),
    ]).toEqual([['default', 'shop'], ['billing'], ['everywhere'], ['allow']])
    expect(await stored('MeshTimeout')).toEqual([
      'mesh-gateways-timeout-all-default',
      'mesh-gateways-timeout-all-shop',
      'mesh-timeout-all-default',
      'mesh-timeout-all-shop',
      'slow',
    ])
  })

  test('names and hostnames are those that the Kuma zone has, and everything has an address here', async () => {
    const inEast = await servicesOf(east)
    expect([...inEast].map(([key, { hostnames }]) => [key, hostnames]).sort()).toEqual([
      ['east/cart', ['cart.svc.mesh.local']],
      ['north/api', ['api.svc.north.mesh.local']],
      ['north/web', ['web.svc.north.mesh.local']],
      ['west/mail', ['mail.svc.west.mesh.local']],
    ])
    expect([...inEast.values()].map(({ vips }) => vips.length)).toEqual([1, 1, 1, 1])
    const inNorth = async () =>
      (await north.get<Named>('/meshservices?size=100')).items
        .flatMap(({ status }) => status?.addresses?.map(({ hostname }) => hostname) ?? [])
        .sort()
        .join()
    const wanted = 'api.svc.mesh.local,cart.svc.east.mesh.local,mail.svc.west.mesh.local,web.svc.mesh.local'
    await until('the Kuma zone to have made the same names', async () => (await inNorth()) === wanted, 30_000)
    for (const zone of [east, west]) expect(await zone.store.vip.verifyLocal()).toEqual([])
  })

  test('the status of our own goes up, with its addresses; what comes down is the zone’s own to say', async () => {
    const find = async () =>
      (
        await global.get<{
          readonly items: readonly {
            readonly name: string
            readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
          }[]
        }>('/meshservices?size=100')
      ).items.find(({ name }) => name.startsWith('cart-'))
    const [vip] = (await seenBy(east))['east/cart'] ?? []
    await until('Kuma to show it', async () => (await find())?.status?.vips?.[0]?.ip === vip, 20_000)
    expect(vip).toBeDefined()
  })

  test('a change and a removal at one zone reach the others; the address here holds over a return', async () => {
    const before = await seenBy(east)
    await north.remove('/meshes/default/meshservices/api')
    await until('it to be gone', async () => (await ofOthers(east)).length === 2, 30_000)
    await north.put(...kumaService('api', 8080))
    await until('it to be back', async () => (await ofOthers(east)).length === 3, 30_000)
    expect(await seenBy(east)).toEqual(before)
    await remove(west, '/meshes/default/meshservices/mail')
    await until(
      'Kuma to have removed it',
      async () => (await names(north)).length === 3 && (await names(global)).length === 3,
      30_000,
    )
    await putService(west, 'mail')
    await until(
      'it to be back',
      async () => (await names(north)).length === 4 && (await ofOthers(east)).length === 3,
      30_000,
    )
    expect(await seenBy(east)).toEqual(before)
  })

  test('a zone that is disabled and enabled at the Kuma global has its addresses here afterwards', async () => {
    const before = await seenBy(east)
    const zone = (enabled: boolean) => global.put('/zones/north', { type: 'Zone', name: 'north', enabled })
    await zone(false)
    await until('its services to be hidden', async () => (await ofOthers(east)).length === 1, 30_000)
    await zone(true)
    await until('its services to be back', async () => (await ofOthers(east)).length === 3, 30_000)
    expect(await seenBy(east)).toEqual(before)
  })

  test('RO: the Kuma global is killed and comes back with its store: nothing is written here, nothing moves', async () => {
    await quiet(east, west)
    const before = [await seenBy(east), await seenBy(west)]
    const written = await rowsOf([east, west])
    await global.stop()
    await until('our zones to notice', () => !isIn(east) && !isIn(west), 30_000)
    global = await startGlobal({ databaseUrl })
    await until('our zones to be back', () => isIn(east) && isIn(west), 60_000)
    await quiet(east, west)
    expect([(await rowsOf([east, west])) - written, await seenBy(east), await seenBy(west)]).toEqual([0, ...before])
    expect(complaints()).toEqual([])
  })

  test('EMPTY: a Kuma global that comes back with an empty store does not empty our zones', async () => {
    await quiet(east, west)
    const before = [await seenBy(east), await seenBy(west)]
    await north.stop()
    await global.stop()
    await until('our zones to notice', () => !isIn(east) && !isIn(west), 30_000)
    global = await startGlobal({})
    await until('our zones to be back', () => isIn(east) && isIn(west), 60_000)
    await until('Kuma to be told what is ours', async () => (await names(global)).length === 2, 60_000)
    expect([await seenBy(east), await seenBy(west)]).toEqual(before)
    await putService(east, 'later')
    await until('Kuma to hear of what is new', async () => (await names(global)).length === 3, 30_000)
    expect(complaints()).toEqual([])
  })
})
