import { randomBytes } from 'node:crypto'
import { createDatabase, databaseUrl, dropDatabase } from '@holdfast/store'
import { serverUrlVariable, type TestDatabase } from '@holdfast/store/testing'
import { get } from './faults.js'
import { type Plane, put } from './mesh.js'

/** A copy of a database, which nobody may be connected to: what a backup of that moment is. */
export async function copyOf(database: TestDatabase): Promise<TestDatabase> {
  const server = process.env[serverUrlVariable] ?? ''
  const name = `copy_${randomBytes(8).toString('hex')}`
  await createDatabase(server, name, database.name)
  const drop = (): Promise<void> => dropDatabase(server, name)
  return { url: databaseUrl(server, name), name, drop, [Symbol.asyncDispose]: drop }
}

interface VipJson {
  readonly kind: string
  readonly mesh: string
  readonly zone: string | null
  readonly name: string
  readonly address: string
}

/** Every address in force, of every kind and owner, as the ledger of a control plane has it. */
export async function vipMap(plane: Plane): Promise<Readonly<Record<string, readonly string[]>>> {
  const { items } = await get<{ items: readonly VipJson[] }>(plane, '/_holdfast/vips?size=1000')
  const map = new Map<string, string[]>()
  for (const { kind, mesh, zone, name, address } of items) {
    const key = `${kind} ${mesh} ${zone ?? 'global'}/${name}`
    map.set(key, [...(map.get(key) ?? []), address].sort())
  }
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export const blocksOf = async (plane: Plane): Promise<readonly string[]> =>
  (await plane.store.vip.blocks()).map(({ kind, cidr, owner }) => `${cidr} ${kind} ${owner}`).sort()

export const putMultiZone = (global: Plane, name: string): Promise<number> =>
  put(global, `/meshes/default/meshmultizoneservices/${name}`, {
    ...{ type: 'MeshMultiZoneService', mesh: 'default', name },
    spec: {
      selector: { meshService: { matchLabels: { 'kuma.io/display-name': name } } },
      ports: [{ port: 80, appProtocol: 'http' }],
    },
  })

export const putExternal = (global: Plane, name: string): Promise<number> =>
  put(global, `/meshes/default/meshexternalservices/${name}`, {
    ...{ type: 'MeshExternalService', mesh: 'default', name },
    spec: {
      match: { type: 'HostnameGenerator', port: 443, protocol: 'tcp' },
      endpoints: [{ address: `${name}.example.com`, port: 443 }],
    },
  })

export const putTimeout = (global: Plane, name: string, idle = '10s'): Promise<number> =>
  put(global, `/meshes/default/meshtimeouts/${name}`, {
    ...{ type: 'MeshTimeout', mesh: 'default', name },
    spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: idle } }] },
  })

export interface Answered<T> {
  readonly status: number
  readonly body: T
}

export async function post<T>(plane: Plane, url: string, body: unknown): Promise<Answered<T>> {
  const response = await plane.api.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  })
  return { status: response.statusCode, body: response.json<T>() }
}

export interface RecoveryJson {
  readonly state: string
  readonly waits: readonly { readonly what: string; readonly next: string }[]
}

export const recoveryOf = (plane: Plane): Promise<RecoveryJson> => get<RecoveryJson>(plane, '/_holdfast/recovery')

export interface PlanJson {
  readonly items: readonly {
    readonly action: string
    readonly type: string
    readonly name: string
    readonly witness: string
    readonly problem?: string
  }[]
}

/** What a plan says, one line each. */
export const planLines = ({ items }: PlanJson): readonly string[] =>
  items.map(({ action, type, name, problem }) => `${problem === undefined ? action : 'cannot'} ${type} ${name}`).sort()
