import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hasKuma, type KumaCp, startKuma, startTcpProxy, type TcpProxy } from '@holdfast/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { type Items, kumaService, objectsOf, putEverything, quiet, served } from '../testing/kuma-objects.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  put,
  putService,
  remove,
  rowsOf,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// Real Kuma zones under our global, one of ours beside them, and a real Kuma mesh to compare with.

function withoutMesh(item: unknown): unknown {
  const { labels, ...rest } = item as { readonly labels?: Readonly<Record<string, string>> }
  return {
    ...rest,
    labels: Object.fromEntries(Object.entries(labels ?? {}).filter(([label]) => label !== 'kuma.io/mesh')),
  }
}

// A real kuma-cp waits for seconds where a test of ours would for milliseconds.
describe.skipIf(!hasKuma())('Kuma zones under our global', { timeout: 180_000 }, () => {
  const { own, closes } = closing({ after: 'all', withinMs: 60_000 })
  let global: GlobalPlane
  let east: ZonePlane
  let north: KumaCp
  let south: KumaCp
  let cable: TcpProxy
  let kumaGlobal: KumaCp
  let reference: KumaCp

  const zoneUnder = (zone: string, port: number): Promise<KumaCp> =>
    startKuma({ zone, globalAddress: `grpc://127.0.0.1:${port}` })
  const names = async (cp: KumaCp) => (await cp.get<Items>('/meshservices?size=1000')).items.map(({ name }) => name)
  /** Bytes on each stream of a Kuma zone: nothing but what it is told, for there are no heartbeats on it. */
  /** Of what global has; what it answers a zone it says again every now and then (0087). */
  const bytesTo = (zone: string) =>
    global.runtime
      .views()
      .filter(({ peer, channels }) => peer === zone && channels.some(({ channel }) => channel === 'down'))
      .map(({ payloadBytesSent }) => payloadBytesSent)
  const atGlobal = async (key: string) => (await servicesOf(global)).get(key)
  /** What every control plane of ours says of every service. */
  const ours = async () => [served(await servicesOf(global)), served(await servicesOf(east))]

  beforeAll(async () => {
    ;[global, kumaGlobal] = await Promise.all([startGlobal(), startKuma({})])
    own(global, (plane) => plane.close())
    own(kumaGlobal, (cp) => cp.stop())
    cable = own(await startTcpProxy({ targetPort: global.port }), (proxy) => proxy.close())
    const [a, b, c, d] = await Promise.all([
      zoneUnder('north', cable.port),
      zoneUnder('south', global.port),
      zoneUnder('north', kumaGlobal.kdsPort),
      startZone('east', global.port, { backoff: eager }),
    ])
    for (const cp of [a, b, c]) own(cp, (one) => one.stop())
    ;[north, south, reference] = [a, b, c]
    east = own(d, (zone) => zone.close())
    await until('east to be in step', () => inStep(east), 30_000)
    for (const cp of [north, south, reference])
      await until('a mesh to be there', async () => (await cp.get<Items>('/meshes')).items.length > 0, 30_000)
    await putEverything((path, body) => put(global, path, body))
    await putEverything((path, body) => kumaGlobal.put(path, body))
    for (const cp of [north, south, reference]) for (const name of ['web', 'api']) await cp.put(...kumaService(name))
    await putService(east, 'cart')
    await until(
      'every service to be everywhere',
      async () => (await names(north)).length === 5 && (await names(south)).length === 5,
      40_000,
    )
    await until('every address to be known', async () => (await servicesOf(east)).size === 5, 20_000)
  }, 180_000)
  test('what global made arrives in a Kuma zone exactly as from a Kuma global: names, labels, specs', async () => {
    const { version } = await kumaGlobal.get<{ readonly version: string }>('/')
    // 2.13 makes its default policies without the label of their mesh (docs/kuma-interop.md).
    const shown = async (cp: KumaCp) =>
      new Map(
        [...(await objectsOf(cp))].map(([key, item]): [string, unknown] =>
          version.startsWith('2.13.') && /-all-(default|shop)-/.test(key) ? [key, withoutMesh(item)] : [key, item],
        ),
      )
    const here = await shown(north)
    expect(here.size).toBeGreaterThan(8)
    let there = await shown(reference)
    // A Kuma global looks once a second, and each of its types through a cache of its own.
    await until(
      'the zone under Kuma to have as much',
      async () => {
        there = await shown(reference)
        return [...here.keys()].every((key) => there.has(key))
      },
      30_000,
    )
    expect(Object.fromEntries(here)).toEqual(Object.fromEntries([...there].filter(([key]) => here.has(key))))
    const missing = [...there.keys()].filter((key) => !here.has(key))
    // What a Kuma global makes by itself and ours does not (docs/kuma-interop.md).
    expect(missing.filter((key) => !/signing-(public-)?key|service-insights|-all-(default|shop)-/.test(key))).toEqual(
      [],
    )
  })

  test('nothing is refused, at either end', async () => {
    for (const cp of [north, south])
      expect([
        cp.ended(),
        cp
          .log()
          .split('\n')
          .filter((line) => /ERROR\s+kds/.test(line) && !/connection is closing/.test(line)),
      ]).toEqual([undefined, []])
    expect(await global.store.read.refused()).toEqual([])
    expect(await east.store.read.refused()).toEqual([])
  })

  test('its services are its own, and have the same addresses wherever we are; its own are aliases in its scope', async () => {
    const [there, here] = await ours()
    expect(here).toEqual(there)
    expect(Object.keys(here ?? {}).sort()).toEqual(['east/cart', 'north/api', 'north/web', 'south/api', 'south/web'])
    expect((await atGlobal('north/web'))?.vips.length).toBe(2)
    for (const cp of [north, south]) {
      const aliases = async () => {
        const { items } = await global.store.vip.ledger({
          origin: cp.zone,
          displayName: 'web',
          includeTombstoned: false,
          limit: 10,
        })
        return items.filter(({ scope }) => scope === `zone:${cp.zone}`).map(({ address }) => address)
      }
      // Its status comes after it.
      await until('global to know what it has in its zone', async () => (await aliases()).length > 0, 30_000)
      const item = await cp.get<{ readonly status: { readonly vips: readonly { readonly ip: string }[] } }>(
        '/meshes/default/meshservices/web',
      )
      expect(await aliases()).toEqual(item.status.vips.map(({ ip }) => ip))
    }
    const { body } = await global.api.inject({ method: 'GET', url: '/_holdfast/vips/verify' })
    expect(JSON.parse(body)).toMatchObject({ agree: true, complete: true })
  })

  test('Dataplanes and zones are seen at global, and a proxy behind a Kuma zone is asked there', async () => {
    await north.put('/meshes/default/dataplanes/dp-1', {
      type: 'Dataplane',
      mesh: 'default',
      name: 'dp-1',
      labels: { 'kuma.io/origin': 'zone', app: 'web' },
      networking: {
        address: '127.0.0.1',
        admin: { port: 1 },
        inbound: [{ port: 8080, tags: { 'kuma.io/service': 'web' } }],
      },
    })
    const find = async () => (await global.store.read.list({ type: 'Dataplane', offset: 0, limit: 10 })).items[0]
    await until('the Dataplane to be at global', async () => (await find()) !== undefined, 20_000)
    const row = await find()
    expect(row?.origin).toBe('north')
    const { statusCode, body } = await global.api.inject({
      method: 'GET',
      url: `/meshes/default/dataplanes/${row?.name}/xds`,
    })
    expect([statusCode, JSON.parse(body).detail]).toEqual([
      400,
      expect.stringMatching(/^could not send XDSConfigRequest: unable to send GET to config_dump: .*127\.0\.0\.1:1/),
    ])
    const zones = await global.api.inject({ method: 'GET', url: '/zones+insights' })
    const { items } = zones.json<{
      readonly items: readonly { readonly name: string; readonly zone: { readonly enabled: boolean } }[]
    }>()
    expect(items.map(({ name, zone }) => [name, zone.enabled])).toEqual([
      ['east', true],
      ['north', true],
      ['south', true],
    ])
  })

  test('config dump, statistics and clusters of a proxy behind a Kuma zone: asked at global, answered by the proxy', async () => {
    const asked: string[] = []
    // A Kuma reads it as Envoy's own message, and passes on what it was.
    const dump = '{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"}]}'
    const proxy = createServer((request, response) => {
      const path = request.url ?? ''
      asked.push(path.replace(/\?.*/, ''))
      if (path.startsWith('/config_dump')) response.setHeader('content-type', 'application/json').end(dump)
      else response.setHeader('content-type', 'text/plain').end(path.startsWith('/stats') ? 'a.b: 1' : 'cluster::x')
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    closes(() => new Promise((resolve) => proxy.close(resolve)))
    await north.put('/meshes/default/dataplanes/dp-2', {
      type: 'Dataplane',
      mesh: 'default',
      name: 'dp-2',
      labels: { 'kuma.io/origin': 'zone', app: 'web' },
      networking: {
        address: '127.0.0.1',
        admin: { port: (proxy.address() as AddressInfo).port },
        inbound: [{ port: 8081, tags: { 'kuma.io/service': 'web' } }],
      },
    })
    const find = async () =>
      (await global.store.read.list({ type: 'Dataplane', offset: 0, limit: 10 })).items.find(
        ({ displayName }) => displayName === 'dp-2',
      )
    await until('the Dataplane to be at global', async () => (await find()) !== undefined, 20_000)
    const name = (await find())?.name
    const ask = async (what: string) => {
      const { statusCode, body } = await global.api.inject(`/meshes/default/dataplanes/${name}/${what}`)
      return [what, statusCode, body.replaceAll(/\s/g, '')]
    }
    expect(await Promise.all(['xds', 'stats', 'clusters'].map(ask))).toEqual([
      ['xds', 200, dump],
      ['stats', 200, 'a.b:1'],
      ['clusters', 200, 'cluster::x'],
    ])
    expect(asked.toSorted()).toEqual(['/clusters', '/config_dump', '/stats'])
  })

  test('RO: after a cut link everything is sent again, and nothing is written here or pushed elsewhere', async () => {
    await quiet(global, east)
    const [before, written, pushed] = [await ours(), await rowsOf([global, east]), bytesTo('south')]
    const joined = () => north.log().split('ZoneToGlobalSync new session created').length
    const sessions = joined()
    cable.cut('reset')
    await cable.restore()
    await until('it to be back', () => joined() > sessions, 40_000)
    const back = async () =>
      global.runtime.views().filter(({ peer, inStep: isIn }) => peer === 'north' && isIn).length === 2
    await until('it to be in step', back, 30_000)
    await quiet(global, east)
    expect([(await rowsOf([global, east])) - written, await ours()]).toEqual([0, before])
    expect(bytesTo('south')).toEqual(pushed)
    expect((await names(north)).length).toBe(5)
  })

  test('a change and a removal go to everybody, and come back with the same address', async () => {
    const before = (await ours())[0]
    await north.remove('/meshes/default/meshservices/api')
    await until(
      'it to be gone',
      async () =>
        (await atGlobal('north/api')) === undefined &&
        (await servicesOf(east)).size === 4 &&
        (await names(south)).length === 4,
      30_000,
    )
    await north.put(...kumaService('api', 8080))
    await until(
      'it to be back',
      async () => (await servicesOf(east)).get('north/api')?.vips.length === 2 && (await names(south)).length === 5,
      30_000,
    )
    expect((await ours())[1]).toEqual(before)
  })

  test('VIP-2 (V1, V2): the only Dataplane of a service goes and comes back, and gets another inbound: whatever Kuma does with its own, ours stay', async () => {
    await put(global, '/meshes/shop', { type: 'Mesh', name: 'shop', meshServices: { mode: 'Exclusive' } })
    const dataplane = (...ports: readonly number[]) =>
      north.put('/meshes/shop/dataplanes/only', {
        type: 'Dataplane',
        mesh: 'shop',
        name: 'only',
        labels: { 'kuma.io/origin': 'zone' },
        networking: {
          address: '127.0.0.1',
          inbound: ports.map((port) => ({ port, tags: { 'kuma.io/service': 'made', 'kuma.io/protocol': 'http' } })),
        },
      })
    const service = async () =>
      (await north.get<Items>('/meshes/shop/meshservices?size=100')).items.find(({ name }) => name === 'made')
    const isGoing = async () =>
      Object.keys((await service())?.labels ?? {}).some((label) => label.includes('deletion-grace-period'))
    const atOurs = async () => (await ours()).map((seen) => seen['north/made'])
    const portsHere = async () =>
      JSON.stringify((await global.api.inject('/meshes/shop/meshservices?size=100')).json()).split('"targetPort"')
        .length - 1
    await until(
      'the mesh to be in the zone',
      async () => JSON.stringify(await north.get('/meshes/shop')).includes('Exclusive'),
      30_000,
    )
    await dataplane(9_000)
    await until(
      'its service to have an address here',
      async () => (await atOurs()).every((vips) => vips?.length === 2),
      60_000,
    )
    const before = await atOurs()
    await north.remove('/meshes/shop/dataplanes/only')
    await until('Kuma to have begun its grace', isGoing, 60_000)
    await dataplane(9_000)
    await until('Kuma to have ended it', async () => !(await isGoing()), 60_000)
    await quiet(global, east)
    expect(await atOurs()).toEqual(before)
    await dataplane(9_000, 9_001)
    await until('both ports to be here', async () => (await portsHere()) === 2, 60_000)
    await quiet(global, east)
    expect(await atOurs()).toEqual(before)
    expect(await global.store.vip.verifyLocal()).toEqual([])
    await north.remove('/meshes/shop/dataplanes/only')
    await north.remove('/meshes/shop/meshservices/made')
    await until(
      'it to be gone',
      async () => (await names(south)).length === 5 && (await atOurs())[1] === undefined,
      60_000,
    )
  })

  test('a zone that is disabled is hidden from the others, and back with the same addresses', async () => {
    const before = (await ours())[1]
    const zone = (enabled: boolean) => put(global, '/zones/north', { type: 'Zone', name: 'north', enabled })
    await zone(false)
    await until(
      'its services to be hidden',
      async () => (await servicesOf(east)).size === 3 && (await names(south)).length === 3,
      30_000,
    )
    await zone(true)
    await until(
      'its services to be back',
      async () => (await servicesOf(east)).size === 5 && (await names(south)).length === 5,
      30_000,
    )
    expect((await ours())[1]).toEqual(before)
  })

  test('EMPTY: a Kuma zone that comes back with nothing empties nobody, and its services keep their addresses', async () => {
    const before = await ours()
    await south.stop()
    south = own(await zoneUnder('south', global.port), (cp) => cp.stop())
    await until('it to have the others’', async () => (await names(south)).length === 3, 40_000)
    const answered = async () =>
      global.runtime
        .views()
        .some(({ peer, channels }) => peer === 'south' && channels.some((c) => c.channel === 'up' && c.inStep))
    await until('its empty lists to be answered', answered, 30_000)
    expect(await ours()).toEqual(before)
    // It takes services before the mesh that they are in, and lets nobody make one there until it has it.
    await until('a mesh to be there', async () => (await south.get<Items>('/meshes')).items.length > 0, 40_000)
    for (const name of ['web', 'api']) await south.put(...kumaService(name))
    await until('it to be whole', async () => (await names(south)).length === 5, 30_000)
    await quiet(global, east)
    expect(await ours()).toEqual(before)
  })

  test('our global is killed and comes back: the zones return, nothing is written and nothing moves', async () => {
    await quiet(global, east)
    const before = await ours()
    const { database, port } = global
    await global.close()
    global = own(await startGlobal({ database, port }), (plane) => plane.close())
    const back = () =>
      ['north', 'south'].every(
        (zone) => global.runtime.views().filter(({ peer, inStep: isIn }) => peer === zone && isIn).length === 2,
      ) && inStep(east)
    await until('every zone to be back', back, 60_000)
    const written = await rowsOf([global, east])
    await quiet(global, east)
    expect([await ours(), (await rowsOf([global, east])) - written]).toEqual([before, 0])
  })

  test('a zone of 5,000 services', { timeout: 500_000 }, async () => {
    const many = Array.from({ length: 5_000 }, (_x, i) => `s-${i}`)
    const lanes = Array.from({ length: 16 }, (_x, lane) => many.filter((_y, i) => i % 16 === lane))
    await Promise.all(
      lanes.map(async (lane) => {
        for (const name of lane) await north.put(...kumaService(name))
      }),
    )
    const known = async (plane: GlobalPlane | ZonePlane) =>
      (await plane.store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).total
    await until(
      'all to be with us',
      async () => (await known(global)) === 5_005 && (await known(east)) === 5_005,
      120_000,
    )
    const count = async () => (await south.get<{ readonly total: number }>('/meshservices?size=1')).total
    await until('all to be in the other Kuma zone', async () => (await count()) === 5_005, 60_000)
    const { items } = await global.store.vip.ledger({
      kind: 'MeshService',
      origin: 'north',
      includeTombstoned: false,
      limit: 1,
    })
    expect(items.length).toBe(1)
    expect(await global.store.vip.verifyLocal()).toEqual([])
    // Statuses of so many come for a while.
    await quiet(global, east)
    const written = await rowsOf([global, east])
    cable.cut('reset')
    await cable.restore()
    await until(
      'it to be in step',
      () => global.runtime.views().filter(({ peer, inStep: isIn }) => peer === 'north' && isIn).length === 2,
      60_000,
    )
    await quiet(global, east)
    expect((await rowsOf([global, east])) - written).toBe(0)
    await remove(global, '/zones/north').catch(() => undefined)
  })
})
