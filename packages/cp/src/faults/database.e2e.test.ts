import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, databaseUrl, dropDatabase, type Embedded, startEmbedded } from '@holdfast/store'
import type { TestDatabase } from '@holdfast/store/testing'
import { freePort } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bothInStep, converged, quiet, vipsOf } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  meshService,
  type Plane,
  putService,
  rowsOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// A PostgreSQL of its own under global and one under east, killed while changes are offered, and started again.
interface Server {
  running: Embedded
  readonly dataDir: string
}

const servers: { global?: Server; east?: Server } = {}
const planes: { global?: GlobalPlane; east?: ZonePlane; west?: ZonePlane } = {}

const start = async (dataDir: string, port: number): Promise<Embedded> =>
  startEmbedded({ dataDir, port, settings: { fsync: 'on' }, signal: AbortSignal.timeout(60_000) })

async function databaseOf(role: 'global' | 'east'): Promise<TestDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-faults-'))
  const running = await start(dataDir, freePort())
  servers[role] = { running, dataDir }
  await createDatabase(running.url, 'faults')
  const drop = (): Promise<void> => dropDatabase(running.url, 'faults')
  return { url: databaseUrl(running.url, 'faults'), name: 'faults', drop, [Symbol.asyncDispose]: drop }
}

beforeAll(async () => {
  planes.global = await startGlobal({ database: await databaseOf('global') })
  planes.east = await startZone('east', planes.global.port, { database: await databaseOf('east'), backoff: eager })
  planes.west = await startZone('west', planes.global.port, { backoff: eager })
}, 90_000)

afterAll(async () => {
  await Promise.allSettled([planes.east?.close(), planes.west?.close()])
  await planes.global?.close().catch(() => {})
  for (const server of Object.values(servers)) {
    await server?.running.stop()
    if (server !== undefined) rmSync(server.dataDir, { recursive: true, force: true })
  }
})

/** As a machine dies: nothing is flushed, nobody is told. The supervisor of the server sees it end. */
async function kill(role: 'global' | 'east'): Promise<() => Promise<void>> {
  const server = servers[role]
  if (server === undefined) throw new Error(`${role} has no server of its own`)
  const pid = Number(readFileSync(join(server.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  process.kill(pid, 'SIGKILL')
  await server.running.died
  return async () => {
    server.running = await start(server.dataDir, server.running.port)
  }
}

const all = () => {
  const { global, east, west } = planes
  if (global === undefined || east === undefined || west === undefined) throw new Error('not started')
  return { global, east, west }
}

/** Puts services one after the other until told to stop; answers those that were acknowledged. */
function writing(plane: Plane, prefix: string) {
  const acknowledged: string[] = []
  let stopped = false
  const done = (async () => {
    for (let i = 0; !stopped && i < 5_000; i++) {
      const name = `${prefix}-${i}`
      const response = await plane.api.inject({
        method: 'PUT',
        url: `/meshes/default/meshservices/${name}`,
        headers: { 'content-type': 'application/json' },
        payload: JSON.stringify(meshService(name)),
      })
      if (response.statusCode < 300) acknowledged.push(`${plane.name}/${name}`)
      else expect(response.statusCode).toBe(503)
    }
  })()
  return {
    acknowledged,
    stop: async () => {
      stopped = true
      await done
    },
  }
}

test.each(['east', 'global'] as const)(
  'the database under %s is killed while changes flow, and comes back: nothing acknowledged is lost, no VIP moves',
  { timeout: 90_000 },
  async (role) => {
    const { global, east, west } = all()
    await until('everybody to be in step', () => bothInStep(global, east) && bothInStep(global, west), 30_000)
    await Promise.all([putService(east, `first-${role}`), putService(west, `first-${role}`)])
    const first = [`east/first-${role}`, `west/first-${role}`]
    await until('them to be known', async () => {
      const known = await vipsOf(global)
      return first.every((key) => key in known)
    })
    const before = await converged([global, east, west], Object.keys(await vipsOf(global)))
    const writers = [writing(east, `e-${role}`), writing(west, `w-${role}`)]
    await until('some changes', () => writers.every(({ acknowledged }) => acknowledged.length > 5))
    const restart = await kill(role)
    const atKill = writers.map(({ acknowledged }) => acknowledged.length)
    // The zone whose database lives goes on, with or without global.
    await until('west to go on', () => (writers[1]?.acknowledged.length ?? 0) > (atKill[1] ?? 0) + 5)
    await restart()
    await until('east to go on', () => (writers[0]?.acknowledged.length ?? 0) > (atKill[0] ?? 0) + 5, 20_000)
    await Promise.all(writers.map(({ stop }) => stop()))
    const { acknowledged } = { acknowledged: writers.flatMap((one) => one.acknowledged) }
    await until('everybody to be in step', () => bothInStep(global, east) && bothInStep(global, west), 30_000)
    const known = Object.keys(await vipsOf(east))
    const after = await converged([global, east, west], known, 20_000)
    expect(acknowledged.filter((key) => !(key in after))).toEqual([])
    expect(after).toMatchObject(before)
    const vips = Object.values(after).flat()
    expect(new Set(vips).size).toBe(vips.length)
  },
)

test('RO: killed and started again with nothing to say, nothing is written', { timeout: 60_000 }, async () => {
  const { global, east, west } = all()
  await quiet([global, east], [global, west])
  const rows = await rowsOf([global, east, west])
  for (const role of ['east', 'global'] as const) {
    const restart = await kill(role)
    await restart()
    await east.store.status()
    const session = east.runtime.view()?.sessionId
    east.proxy.cut('reset')
    await until('a new session', () => bothInStep(global, east) && east.runtime.view()?.sessionId !== session, 20_000)
  }
  await until('west to be in step', () => bothInStep(global, west), 30_000)
  expect(await rowsOf([global, east, west])).toBe(rows)
})
