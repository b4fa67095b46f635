import { freshDatabase, hasKuma, type KumaCp, startKuma, startTcpProxy } from '@holdfast/testkit'
import { describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { kumaService, quiet, quietWithin } from '../testing/kuma-objects.js'
import { type GlobalPlane, rowsOf, startGlobal, until } from '../testing/mesh.js'

// A Kuma zone of so many services that all of them together pass what a Kuma sends and receives as it comes. It was told to
// send more, and so was our global to receive it; a Kuma without that is cut off for ever (10 MiB, both ways). Times are shown,
// for they are those of the machine.

const many = 20_000
const bytes = 200 * 1024 * 1024

describe.skipIf(!hasKuma())('a Kuma zone of 20,000 services under our global', { timeout: 1_500_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 120_000 })
  const figures: Record<string, string> = {}
  const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const startedMs = performance.now()
    await work()
    figures[what] = `${Math.round(performance.now() - startedMs)} ms`
  }
  /** As a product runs it: every second over 20,000 services would be all that it does. */
  const zoneUnder = async (zone: string, port: number): Promise<KumaCp> => {
    const database = own(await freshDatabase({ empty: true }), (db) => db.drop())
    const env = { KUMA_MULTIZONE_ZONE_KDS_MAX_MSG_SIZE: String(bytes) }
    const globalAddress = `grpc://127.0.0.1:${port}`
    return own(await startKuma({ zone, globalAddress, databaseUrl: database.url, env, stock: true }), (cp) => cp.stop())
  }
  const known = async (global: GlobalPlane) =>
    (await global.store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).total
  const total = async (cp: KumaCp) => (await cp.get<{ readonly total: number }>('/meshservices?size=1')).total

  /** How many of its services have an address and a name. */
  async function isWhole(cp: KumaCp): Promise<number> {
    let count = 0
    for (let offset = 0; offset < many; offset += 1_000) {
      const { items } = await cp.get<{
        readonly items: readonly {
          readonly status?: { readonly vips?: readonly unknown[]; readonly addresses?: readonly unknown[] }
        }[]
      }>(`/meshservices?size=1000&offset=${offset}`)
      count += items.filter(({ status }) => status?.vips?.length === 1 && (status.addresses?.length ?? 0) > 0).length
    }
    return count
  }

  function show(): void {
    const lines = Object.entries(figures).map(([what, value]) => `${what}: ${value}\n`)
    process.stderr.write(lines.join(''))
    for (const what of Object.keys(figures)) delete figures[what]
  }

  test('ISO, RO: all of them are everywhere, with addresses; after a cut link the whole list comes again and nothing is written', async () => {
    const global = own(await startGlobal({ messageBytesMax: bytes }), (plane) => plane.close())
    const cable = own(await startTcpProxy({ targetPort: global.port }), (proxy) => proxy.close())
    const [north, south] = await Promise.all([zoneUnder('north', cable.port), zoneUnder('south', global.port)])
    for (const cp of [north, south])
      await until('a mesh', async () => (await cp.get<{ readonly total: number }>('/meshes')).total > 0, 120_000)
    const names = Array.from({ length: many }, (_x, i) => `s-${i}`)
    await timed('PUT of all in the Kuma zone', () =>
      Promise.all(
        Array.from({ length: 32 }, async (_x, lane) => {
          for (const name of names.filter((_y, i) => i % 32 === lane)) await north.put(...kumaService(name))
        }),
      ),
    )
    await timed('… until our global has all', () =>
      until('all to be here', async () => (await known(global)) === many, 300_000),
    )
    await timed('… until the other Kuma zone has all', () =>
      until('all to be there', async () => (await total(south)) === many, 300_000),
    )
    expect(await global.store.vip.verifyLocal()).toEqual([])
    expect(await global.store.read.refused()).toEqual([])
    // What it says of so many services comes for a while, and until then each of them is another one every time.
    await timed('… until it has given each its address and its names', () =>
      until('it to have filled in everything', async () => (await isWhole(north)) === many, 600_000),
    )
    await timed('… until it is quiet', () => quietWithin(400_000, global))
    const written = await rowsOf([global])
    const before = cable.counts()
    cable.cut('reset')
    await cable.restore()
    const isBack = (): boolean =>
      cable.counts().accepted > before.accepted &&
      global.runtime.views().filter(({ peer, inStep }) => peer === 'north' && inStep).length === 2
    await timed('return, nothing changed', () => until('it to be back', isBack, 300_000))
    const moved = cable.counts()
    figures['… bytes'] =
      `${moved.bytesToTarget - before.bytesToTarget} up, ${moved.bytesFromTarget - before.bytesFromTarget} down`
    await quiet(global)
    show()
    expect((await rowsOf([global])) - written).toBe(0)
    await north.put(...kumaService('late'))
    await timed('a new service, from PUT to the other Kuma zone', () =>
      until('it to be there', async () => (await total(south)) === many + 1, 120_000),
    )
    show()
  })
})
