import type { PolicyHook } from '@holdfast/global'
import type { BackoffOptions } from '@holdfast/peer'
import { decodeReport } from '@holdfast/store'
import { byHand } from '@holdfast/store/testing'
import {
  eager,
  type GlobalPlane,
  inStep,
  meshService,
  type Plane,
  put,
  putService,
  servicesOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from './mesh.js'

/** A global and two zones with services in both: what most faults are tried on. */
export interface Mesh {
  readonly global: GlobalPlane
  readonly east: ZonePlane
  readonly west: ZonePlane
  close(): Promise<void>
}

export const eastServices = ['cart', 'checkout', 'web'] as const
export const westServices = ['ratings', 'reviews', 'web'] as const
export const allServices = [
  ...eastServices.map((name) => `east/${name}`),
  ...westServices.map((name) => `west/${name}`),
]

/** Both zones are in step, and everybody has all services with VIPs. */
export async function startMesh(
  options: {
    readonly backoff?: BackoffOptions
    readonly dataDir?: string
    readonly hooks?: readonly PolicyHook[]
  } = {},
): Promise<Mesh> {
  const { backoff = eager, dataDir, hooks } = options
  const global = await startGlobal({
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(hooks === undefined ? {} : { hooks }),
  })
  const [east, west] = await Promise.all([
    startZone('east', global.port, { backoff }),
    startZone('west', global.port, { backoff }),
  ])
  await until('both zones to be in step', () => inStep(east) && inStep(west), 20_000)
  for (const name of eastServices) await putService(east, name)
  for (const name of westServices) await putService(west, name)
  const mesh = { global, east, west }
  await converged(Object.values(mesh), allServices)
  return {
    ...mesh,
    close: async () => {
      await Promise.allSettled([east.close(), west.close()])
      await global.close()
    },
  }
}

/** Addresses of every service, by zone and display name, as a control plane's API says. */
export async function vipsOf(plane: Plane): Promise<Readonly<Record<string, readonly string[]>>> {
  const services = [...(await servicesOf(plane)).values()]
  return Object.fromEntries(services.map(({ key, vips }): [string, readonly string[]] => [key, vips]).sort())
}

/** Waits until all of them say the same: these services, each with both addresses. Answers what they say. */
export async function converged(
  planes: readonly Plane[],
  keys: readonly string[],
  withinMs = 10_000,
): Promise<Readonly<Record<string, readonly string[]>>> {
  let said: readonly Readonly<Record<string, readonly string[]>>[] = []
  const agree = async (): Promise<boolean> => {
    said = await Promise.all(planes.map(vipsOf))
    const [first = {}] = said
    return (
      JSON.stringify(Object.keys(first)) === JSON.stringify([...keys].sort()) &&
      Object.values(first).every((vips) => vips.length === 2) &&
      said.every((one) => JSON.stringify(one) === JSON.stringify(first))
    )
  }
  await until(`${keys.length} services to be everywhere with their VIPs`, agree, withinMs).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}; they say ${JSON.stringify(said)}`)
  })
  return said[0] ?? {}
}

/** Both sides of the session have agreed, and nobody has anything to say. */
export const bothInStep = (global: GlobalPlane, zone: ZonePlane): boolean =>
  inStep(zone) && global.runtime.views().some((view) => view.peer === zone.name && view.inStep)

/**
 * Nobody has anything to write any more: the ends of each session have agreed, and each zone remembers the Zone objects that an operator
 * has made at global, which are told a second later, by a heartbeat.
 */
export const quiet = (...sessions: readonly (readonly [global: GlobalPlane, zone: ZonePlane])[]): Promise<void> =>
  until(
    `${sessions.map(([, { name }]) => name).join(' and ')} to be in step and to remember the Zone objects`,
    async () => {
      if (!sessions.every(([global, zone]) => bothInStep(global, zone))) return false
      const told = await Promise.all(
        sessions.map(async ([global, zone]) => {
          const [report] = await zone.store.guards.reports()
          const zones = report === undefined ? [] : (decodeReport(report.body).zones ?? [])
          return JSON.stringify(zones) === JSON.stringify(await global.store.sessions.zoneObjects())
        }),
      )
      return told.every(Boolean)
    },
    30_000,
  )

/** How many tombstones a store has of a type. */
export async function deletedOf(plane: Pick<Plane, 'database'>, type = 'MeshService'): Promise<number> {
  const rows = await byHand<{ count: string }>(
    plane.database.url,
    'select count(*) as count from resources where deleted and type = $1',
    [type],
  )
  return Number(rows[0]?.count)
}

/** Many services in one request, all or nothing. */
export async function applyServices(plane: Plane, names: readonly string[], port = 80): Promise<void> {
  const response = await plane.api.inject({
    method: 'POST',
    url: '/_apply',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(names.map((name) => meshService(name, port))),
  })
  if (response.statusCode !== 200) throw new Error(`apply answered ${response.statusCode}: ${response.body}`)
}

export async function get<T>(plane: Plane, url: string): Promise<T> {
  const response = await plane.api.inject({ method: 'GET', url })
  if (response.statusCode !== 200) throw new Error(`GET ${url} answered ${response.statusCode}: ${response.body}`)
  return response.json<T>()
}

export interface HoldJson {
  readonly peer: string
  readonly type: string
  readonly zone: string | null
  readonly resources: number
  readonly state: string
  readonly reason: string
}

export const holdsOf = async (plane: Plane): Promise<readonly HoldJson[]> =>
  (await get<{ items: readonly HoldJson[] }>(plane, '/_holdfast/holds')).items

export const putMesh = (plane: Plane, name: string): Promise<number> =>
  put(plane, `/meshes/${name}`, { type: 'Mesh', name })
