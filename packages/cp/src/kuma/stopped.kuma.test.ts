import {
  freshDatabase,
  hasKuma,
  type KumaCp,
  lastWritten,
  startKuma,
  startTcpProxy,
  type TcpProxy,
} from '@holdfast/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { type Items, kumaService, quiet, served } from '../testing/kuma-objects.js'
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

// A real Kuma that is stopped (SIGSTOP: its sockets stay open and say nothing), one whose mesh goes and comes, and one that
// may not receive a list: each is its own trouble.

/** Pings after 15 to 20 s of silence, and 15 s for the answer. */
const noticedWithinMs = 90_000

/** Beside the rows it is about, a write of a hold has the hold's own, a digest, a revision and the head. */
const ofOneWrite = 4

describe.skipIf(!hasKuma())('a Kuma that stands still, and what it may not have', { timeout: 300_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 60_000 })
  let global: GlobalPlane
  let east: ZonePlane
  let north: KumaCp
  let south: KumaCp
  let cable: TcpProxy

  const names = async (cp: KumaCp) => (await cp.get<Items>('/meshservices?size=1000')).items.map(({ name }) => name)
  const viewsOf = (zone: string) => global.runtime.views().filter(({ peer }) => peer === zone)
  const isBack = (zone: string) => (): boolean => viewsOf(zone).filter(({ inStep: isIn }) => isIn).length === 2
  const ours = async () => [served(await servicesOf(global)), served(await servicesOf(east))]

  beforeAll(async () => {
    global = own(await startGlobal(), (plane) => plane.close())
    cable = own(await startTcpProxy({ targetPort: global.port }), (proxy) => proxy.close())
    const zoneUnder = (zone: string, port: number) =>
      startKuma({ zone, globalAddress: `grpc://127.0.0.1:${port}` }).then((cp) => own(cp, (one) => one.stop()))
    ;[north, south] = await Promise.all([zoneUnder('north', cable.port), zoneUnder('south', global.port)])
    east = own(await startZone('east', global.port, { backoff: eager }), (zone) => zone.close())
    await until('east to be in step', () => inStep(east), 60_000)
    for (const cp of [north, south])
      await until('a mesh to be there', async () => (await cp.get<Items>('/meshes')).items.length > 0, 60_000)
    await north.put(...kumaService('web'))
    await putService(east, 'cart')
    for (const cp of [north, south])
      await until('both services to be there', async () => (await names(cp)).length === 2, 60_000)
  }, 240_000)
  test('ISO, RO: a Kuma zone that is stopped is noticed, nobody waits for it, and when it goes on nothing is written', async () => {
    await quiet(global, east)
    const before = await ours()
    north.freeze()
    await putService(east, 'cart', 81)
    const ports = async (cp: KumaCp) => JSON.stringify((await cp.get<Items>('/meshservices?size=10')).items)
    await until('a change to reach the other Kuma zone', async () => (await ports(south)).includes('"port":81'), 40_000)
    await until('global to notice', () => viewsOf('north').length === 0, noticedWithinMs)
    expect(await ours()).toEqual(before)
    expect(await names(south)).toHaveLength(2)
    await quiet(global, east)
    const written = await rowsOf([global, east])
    north.thaw()
    await until('it to be back', isBack('north'), 120_000)
    await until('it to have the change', async () => (await ports(north)).includes('"port":81'), 60_000)
    await quiet(global, east)
    expect([(await rowsOf([global, east])) - written, await ours()]).toEqual([0, before])
    expect((await names(north)).length).toBe(2)
  })

  test('VIP-2: a mesh that is deleted and made again at global: a service of a Kuma zone that its owner makes again has its address again', async () => {
    const shop = (mesh: string): [path: string, body: object] => [
      `/meshes/${mesh}/meshservices/pay`,
      { ...kumaService('pay')[1], mesh },
    ]
    const payIn = async () => (await ours()).map((seen) => seen['north/pay'])
    const meshIs = (there: boolean) =>
      until(
        `the mesh to be ${there ? 'there' : 'gone'}`,
        async () => (await north.get<Items>('/meshes')).items.some(({ name }) => name === 'shop') === there,
        60_000,
      )
    await put(global, '/meshes/shop', { type: 'Mesh', name: 'shop' })
    await meshIs(true)
    await north.put(...shop('shop'))
    await until(
      'its service to have an address everywhere',
      async () => (await payIn()).every((v) => v?.length === 2),
      60_000,
    )
    const before = await payIn()
    await remove(global, '/meshes/shop')
    await meshIs(false)
    await until('it to be gone from us', async () => (await payIn()).every((vips) => vips === undefined), 60_000)
    // A Kuma deletes what lives in a mesh with it, and shows it for a moment longer: its owner makes it again.
    await until('it to be gone there', async () => !(await names(north)).includes('pay'), 60_000)
    await put(global, '/meshes/shop', { type: 'Mesh', name: 'shop' })
    await meshIs(true)
    await north.put(...shop('shop'))
    await until('it to be back', async () => (await payIn()).every((vips) => vips?.length === 2), 60_000)
    expect(await payIn()).toEqual(before)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('VIP-2 (V16): a service of a Kuma zone that is not synced for a while has its address again', async () => {
    const before = (await ours())[1]?.['north/web']
    expect(before).toHaveLength(2)
    const [path, body] = kumaService('web')
    const labels = { 'kuma.io/origin': 'zone' }
    await north.put(path, { ...body, labels: { ...labels, 'kuma.io/kds-sync': 'disabled' } })
    const here = async () => (await ours()).map((seen) => seen['north/web'])
    await until('it to be gone', async () => (await here()).every((vips) => vips === undefined), 60_000)
    await north.put(path, { ...body, labels })
    await until('it to be back', async () => (await here()).every((vips) => vips?.length === 2), 60_000)
    expect(await here()).toEqual([before, before])
  })

  test('VIP-2 (V10): a Zone object that was deleted while its Kuma zone was away: it is refused, and back with its addresses when it is made anew', async () => {
    const before = await ours()
    expect(before[1]?.['north/web']).toHaveLength(2)
    await cable.refuse()
    cable.cut('reset')
    await until('global to notice', () => viewsOf('north').length === 0, noticedWithinMs)
    await remove(global, '/zones/north')
    const ofNorth = async () =>
      (await ours()).flatMap((seen) => Object.keys(seen).filter((key) => key.startsWith('north/')))
    await until('its services to be gone', async () => (await ofNorth()).length === 0, 30_000)
    await cable.restore()
    await until('it to be told why', () => /zone ..?north..? was deleted at global/.test(north.log()), 60_000)
    expect(await ofNorth()).toEqual([])
    await put(global, '/zones/north', { type: 'Zone', name: 'north', enabled: true })
    await until('it to be back', isBack('north'), 120_000)
    await until(
      'its services to be back',
      async () => (await ours()).every((seen) => seen['north/web']?.length === 2),
      60_000,
    )
    expect((await ours())[1]?.['north/web']).toEqual(before[1]?.['north/web'])
  })

  test('ISO: a list that a Kuma cannot receive does not cut it off, as its own global would', async () => {
    const secret = (name: string) => ({
      ...{ type: 'Secret', mesh: 'default', name },
      data: Buffer.alloc(1 << 20, name).toString('base64'),
    })
    const secrets = Array.from({ length: 11 }, (_, i) => `large-${i}`)
    const { statusCode } = await global.api.inject({
      method: 'POST',
      url: '/_apply',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ items: secrets.map(secret) }),
    })
    expect(statusCode).toBe(200)
    cable.cut('reset')
    await cable.restore()
    await until('it to be back', () => viewsOf('north').length === 2, 60_000)
    await putService(east, 'cart', 82)
    const ports = async () => JSON.stringify((await north.get<Items>('/meshservices?size=10')).items)
    await until('a change to reach it', async () => (await ports()).includes('"port":82'), 60_000)
    const told = () => viewsOf('north').flatMap(({ channels }) => channels.flatMap(({ lastError }) => lastError ?? []))
    await until(
      'global to say why it has no secrets',
      () => told().some((words) => /^all Secret together have/.test(words)),
      60_000,
    )
    expect(north.ended()).toBeUndefined()
    for (const name of secrets.slice(2)) await remove(global, `/meshes/default/secrets/${name}`)
    const held = async () =>
      (await north.get<Items>('/secrets?size=100')).items.filter(({ name }) => name.startsWith('large-'))
    await until(
      'what fits to arrive within the minute in which it is tried again',
      async () => (await held()).length === 2,
      150_000,
    )
  })

  test('RO: a Kuma global that is stopped is noticed by our zone, which goes on; when it goes on nothing is written and nothing moves', async () => {
    const database = own(await freshDatabase({ empty: true }), (db) => db.drop())
    const kuma = own(await startKuma({ databaseUrl: database.url }), (cp) => cp.stop())
    const port = kuma.kdsPort
    const other = own(await startKuma({ zone: 'far', globalAddress: `grpc://127.0.0.1:${port}` }), (cp) => cp.stop())
    const west = own(await startZone('west', port, { backoff: eager }), (zone) => zone.close())
    const isIn = (): boolean => west.runtime.view()?.channels.every((c) => c.inStep) === true
    await until('our zone to be in step', isIn, 60_000)
    await until('the mesh to be there', async () => (await other.get<Items>('/meshes')).items.length > 0, 60_000)
    await other.put(...kumaService('web'))
    await until(
      'its service to be here',
      async () => (await servicesOf(west)).get('far/web')?.vips.length === 1,
      60_000,
    )
    await quiet(west)
    const before = served(await servicesOf(west))
    kuma.freeze()
    await until('our zone to notice', () => !isIn(), noticedWithinMs)
    await putService(west, 'alone')
    const { alone, ...rest } = Object.fromEntries(
      Object.entries(served(await servicesOf(west))).map(([key, vips]) => [key.replace('west/', ''), vips]),
    )
    expect([alone?.length, rest]).toEqual([1, before])
    await quiet(west)
    const [written, stood] = [await rowsOf([west]), await lastWritten(west.database.url)]
    kuma.thaw()
    await until('our zone to be back', isIn, 120_000)
    await until(
      'Kuma to know what is new',
      async () => (await names(other)).some((name) => name.startsWith('alone-')),
      60_000,
    )
    await quiet(west)
    expect(await lastWritten(west.database.url)).toEqual(stood)
    // While the stream of before ends there, a Kuma may answer the new one with an empty list of a type, and with all of it a
    // moment later: the old stream takes the snapshot along, and the next one is made of what has changed since. A Kuma zone
    // deletes and makes again; here the rows are marked and unmarked, and that is all that is written.
    const holds = await west.store.guards.holds(100)
    for (const hold of holds)
      expect(hold).toMatchObject({
        ...{ state: 'ended', returnedCount: hold.firstCount },
        reason: expect.stringContaining('an empty list is no statement'),
      })
    const ofHolds = holds.reduce((sum, { firstCount }) => sum + 2 * (firstCount + ofOneWrite), 0)
    expect((await rowsOf([west])) - written).toBe(ofHolds)
  })
})
