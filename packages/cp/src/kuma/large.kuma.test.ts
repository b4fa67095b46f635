import { displayNameLabel, exportName, typeOf, zoneLabel } from '@holdfast/model'
import { freshDatabase, hasKuma, type KumaCp, startKuma } from '@holdfast/testkit'
import { describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { kumaService, quiet } from '../testing/kuma-objects.js'
import { eager, putService, rowsOf, startZone, until, type ZonePlane } from '../testing/mesh.js'

// A Kuma global with as many services as it may send in one list, and a zone of ours that joins late: first list, return,
// change. Times are shown, for they are those of the machine.

const many = 5_000
/** Four pings and more, of which a global of Kuma's sends away who pings too often. */
const idleMs = 75_000

describe.skipIf(!hasKuma())('our zone under a Kuma global of 5,000 services', { timeout: 900_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 60_000 })
  const kuma = async (zone: object): Promise<KumaCp> => {
    const database = own(await freshDatabase({ empty: true }), (db) => db.drop())
    return own(await startKuma({ ...zone, databaseUrl: database.url }), (cp) => cp.stop())
  }
  const figures: Record<string, string> = {}
  const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const startedMs = performance.now()
    await work()
    figures[what] = `${Math.round(performance.now() - startedMs)} ms`
  }
  const total = async (cp: KumaCp) => (await cp.get<{ readonly total: number }>('/meshservices?size=1')).total
  const known = async (zone: ZonePlane) =>
    (await zone.store.read.list({ type: 'MeshService', offset: 0, limit: 1 })).total
  const isIn = (zone: ZonePlane): boolean => zone.runtime.view()?.channels.every((c) => c.inStep) === true

  test('it gets everything, returns without a row, hears of a change, and stays connected', async () => {
    const global = await kuma({})
    const north = await kuma({ zone: 'north', globalAddress: `grpc://127.0.0.1:${global.kdsPort}` })
    await until('the mesh to be there', async () => (await total(north)) === 0, 60_000)
    const names = Array.from({ length: many }, (_x, i) => `s-${i}`)
    await until(
      'a mesh',
      () =>
        north.get('/meshes/default').then(
          () => true,
          () => false,
        ),
      60_000,
    )
    await timed('PUT of all in the Kuma zone', () =>
      Promise.all(
        Array.from({ length: 32 }, async (_x, lane) => {
          for (const name of names.filter((_y, i) => i % 32 === lane)) await north.put(...kumaService(name))
        }),
      ),
    )
    await timed('… until the Kuma global has all', () =>
      until('Kuma to have all', async () => (await total(global)) === many, 180_000),
    )
    const east = own(await startZone('east', global.kdsPort, { backoff: eager }), (zone) => zone.close())
    await timed('first list in our zone', () =>
      until('our zone to have all', async () => (await known(east)) === many, 180_000),
    )
    await timed('… until it is in step', () => until('it to be in step', () => isIn(east), 60_000))
    expect(await east.store.vip.verifyLocal()).toEqual([])
    expect(await east.store.read.refused()).toEqual([])
    await putService(east, 'own')
    await until('Kuma to have ours', async () => (await total(global)) === many + 1, 60_000)

    await quiet(east)
    const written = await rowsOf([east])
    const bytes = east.proxy.counts()
    east.proxy.cut('reset')
    await east.proxy.restore()
    await until('the cut to be noticed', () => east.proxy.counts().accepted > bytes.accepted, 60_000)
    await timed('return, nothing changed', () => until('it to be back', () => isIn(east), 120_000))
    await quiet(east)
    const moved = east.proxy.counts()
    figures['… bytes'] =
      `${moved.bytesToTarget - bytes.bytesToTarget} up, ${moved.bytesFromTarget - bytes.bytesFromTarget} down`
    expect((await rowsOf([east])) - written).toBe(0)

    const shown = async (name: string) => {
      const labels = { [displayNameLabel]: name, [zoneLabel]: 'north' }
      const path = `/meshes/default/meshservices/${exportName(typeOf('MeshService'), 'default', name, labels)}`
      const { statusCode, body } = await east.api.inject(path)
      return statusCode === 200 ? body.replaceAll(/\s/g, '') : ''
    }
    await north.put(...kumaService('s-77', 9_999))
    await timed('a change, from PUT in the Kuma zone', () =>
      until('it to be here', async () => (await shown('s-77')).includes('"port":9999'), 60_000),
    )
    await north.put(...kumaService('late'))
    await timed('a new service with its address, from PUT there', () =>
      until('it to be here', async () => /"vips":\[\{"ip"/.test(await shown('late')), 60_000),
    )

    const { accepted } = east.proxy.counts()
    await new Promise((resolve) => setTimeout(resolve, idleMs))
    expect([east.proxy.counts().accepted, isIn(east)]).toEqual([accepted, true])
    const complaints = global
      .log()
      .split('\n')
      .filter((line) => /panic:|was rejected|NACK|invalid resource type|processing error|too_many_pings/.test(line))
    expect(complaints).toEqual([])
    process.stderr.write(
      `${Object.entries(figures)
        .map(([what, value]) => `${what}: ${value}\n`)
        .join('')}`,
    )
  })
})
