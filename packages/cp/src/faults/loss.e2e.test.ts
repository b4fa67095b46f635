import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freshDatabase } from '@holdfast/store/testing'
import { expect, test } from 'vitest'
import { copyOf } from '../testing/backup.js'
import { closing } from '../testing/closing.js'
import {
  allServices,
  bothInStep,
  converged,
  deletedOf,
  eastServices,
  type Mesh,
  startMesh,
  vipsOf,
  westServices,
} from '../testing/faults.js'
import { eager, type GlobalPlane, inStep, putService, startGlobal, startZone, until } from '../testing/mesh.js'
import { type Resolving, resolving } from '../testing/names.js'

// Stores that are lost, wiped or put back to an earlier state. Nobody is emptied by one, and no VIP moves.
const { own, closes } = closing()
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-loss-'))
  closes(async () => rmSync(path, { recursive: true }))
  return path
}

/** With clients that resolve in both zones to the end. */
async function mesh(
  options: { readonly dataDir?: string } = {},
): Promise<Mesh & { readonly inEast: Resolving; readonly inWest: Resolving }> {
  const started = own(await startMesh(options), ({ east, west }) => Promise.all([east.close(), west.close()]))
  const [eastern, western] = [eastServices[0], westServices[0]]
  const inEast = await resolving(started.east, [`${eastern}.svc.mesh.local`, `${western}.svc.west.mesh.local`])
  own(inEast, (names) => names.end())
  const inWest = await resolving(started.west, [`${western}.svc.mesh.local`, `${eastern}.svc.east.mesh.local`])
  own(inWest, (names) => names.end())
  return { ...started, inEast, inWest }
}

/** Global again on the port that the zones know. */
const globalAgain = async (before: GlobalPlane, options: Parameters<typeof startGlobal>[0]): Promise<GlobalPlane> =>
  own(await startGlobal({ ...options, port: before.port }), (plane) => plane.close())

const of = (vips: Readonly<Record<string, readonly string[]>>, zone: string) =>
  Object.fromEntries(Object.entries(vips).filter(([key]) => key.startsWith(`${zone}/`)))

test('EMPTY: global comes back with a new database that nobody initialised: it says nothing, and everything stays', async () => {
  const { global, east, west } = await mesh()
  const before = await vipsOf(global)
  // Before it goes: a zone may have met its successor by the time that globalAgain returns.
  const sessions = [east, west].map((zone) => zone.runtime.view()?.sessionId)
  await global.close()
  const empty = await globalAgain(global, { init: false })
  await until('both zones to have met it', () =>
    [east, west].every(
      (zone, i) => zone.runtime.view() !== undefined && zone.runtime.view()?.sessionId !== sessions[i],
    ),
  )
  await putService(east, 'meanwhile')
  expect(of(await vipsOf(west), 'east')).toEqual(of(before, 'east'))
  expect(await Promise.all([east, west].map((zone) => deletedOf(zone)))).toEqual([0, 0])
  expect(await vipsOf(empty)).toEqual({})
})

test('HOLD: global comes back with a new, initialised database: what is missing there is held; its zones bring it all back with the same VIPs', async () => {
  const { global, east, west } = await mesh()
  const before = await vipsOf(global)
  await global.close()
  const empty = await globalAgain(global, {})
  await until('both zones to be in step', () => bothInStep(empty, east) && bothInStep(empty, west), 20_000)
  expect(await converged([empty, east, west], allServices)).toEqual(before)
  expect(await Promise.all([east, west].map((zone) => deletedOf(zone)))).toEqual([0, 0])
  await putService(east, 'new')
  const after = await converged([empty, east, west], [...allServices, 'east/new'])
  expect(after).toEqual({ ...before, 'east/new': after['east/new'] })
})

test('ONE: a zone that comes back with an empty store is another store: refused with the name of the incumbent, and nobody loses anything', async () => {
  const { global, east, west, inEast } = await mesh()
  own(global, (plane) => plane.close())
  const before = await vipsOf(global)
  const { storeId } = (await east.store.status()).identity
  await inEast.detach()
  await east.close()
  const impostor = own(
    await startZone('east', global.port, { database: await freshDatabase(), backoff: eager }),
    (zone) => zone.close(),
  )
  // With the file of the process before.
  await inEast.attach(impostor)
  await until('it to be refused', () => impostor.fatal.reason !== undefined)
  expect(impostor.fatal.reason).toContain(storeId)
  expect(impostor.fatal.reason).toContain('zone adopt east')
  expect([await vipsOf(global), await vipsOf(west)]).toEqual([before, before])
  const back = own(await startZone('east', global.port, { database: east.database, backoff: eager }), (zone) =>
    zone.close(),
  )
  await inEast.attach(back)
  await until('the real one to be in step', () => bothInStep(global, back))
  expect(await converged([global, back, west], allServices)).toEqual(before)
})

test.each(['with', 'without'] as const)(
  'EMPTY: global is put back to an earlier state, %s its high-water file: a new epoch, recovering, nobody is emptied',
  async (file) => {
    const dataDir = folder()
    const { global, east, west } = await mesh({ dataDir })
    const before = await vipsOf(global)
    const { head } = await global.store.status()
    await global.close()
    const backup = await copyOf(global.database)
    const newer = await globalAgain(global, { database: global.database, dataDir })
    await until('both zones to be in step', () => bothInStep(newer, east) && bothInStep(newer, west))
    for (const zone of [east, west]) await putService(zone, 'since-the-backup')
    const services = [...allServices, 'east/since-the-backup', 'west/since-the-backup']
    const since = await converged([newer, east, west], services)
    await newer.close()

    const restored = await globalAgain(global, { database: backup, dataDir: file === 'with' ? dataDir : folder() })
    await until('it to find out', async () => (await restored.store.status()).head.epoch !== head.epoch)
    // Nobody is away and nothing is missing: it goes on by itself.
    await until('everybody to be in step', () => bothInStep(restored, east) && bothInStep(restored, west), 20_000)
    expect(await converged([restored, east, west], services)).toEqual(since)
    expect(await Promise.all([east, west].map((zone) => deletedOf(zone)))).toEqual([0, 0])
    const audit = (await restored.store.read.audit(500)).map(({ action, actor }) => `${action}: ${actor}`)
    expect(audit).toEqual(expect.arrayContaining(['new epoch: holdfast', 'recovery finished: holdfast']))
    expect(since).toMatchObject(before)
  },
)

test('ONE: a store that is opened twice: one dials, the other stands by and takes over when the first is gone', async () => {
  const { global, east, west } = await mesh()
  own(global, (plane) => plane.close())
  const before = await vipsOf(global)
  const twin = own(await startZone('east', global.port, { database: east.database, backoff: eager }), (zone) =>
    zone.close(),
  )
  const opened = async () => (await global.store.sessions.list()).filter((session) => session.peer === 'east').length
  const first = await opened()
  // What is written through the one that stands by is brought up by the one that dials.
  await putService(twin, 'by-the-twin')
  const after = await converged([global, east, west], [...allServices, 'east/by-the-twin'])
  expect(after).toEqual({ ...before, 'east/by-the-twin': after['east/by-the-twin'] })
  await until('east to be in step again', () => inStep(east))
  expect([twin.runtime.view(), (await opened()) - first]).toEqual([undefined, 0])
  await east.close()
  await until('the twin to have taken over', () => inStep(twin), 5_000)
  expect(await vipsOf(global)).toEqual(after)
})
