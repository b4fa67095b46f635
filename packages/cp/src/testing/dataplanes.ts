import { type Plane, put, remove, servicesOf } from './mesh.js'

/** Dataplanes and meshes as an operator of Universal zones writes them, and what shows of the services made of them. */

export type Mode = 'Disabled' | 'Everywhere' | 'ReachableBackends' | 'Exclusive'

export const putMesh = (global: Plane, mode: Mode, name = 'default'): Promise<number> =>
  put(global, `/meshes/${name}`, { type: 'Mesh', name, meshServices: { mode } })

export interface InboundSetting {
  readonly port: number
  readonly name?: string
  readonly protocol?: string
  readonly state?: 'Ready' | 'NotReady' | 'Ignored'
  readonly tags?: Readonly<Record<string, string>>
}

export interface DataplaneSetting {
  readonly mesh?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly inbound: readonly InboundSetting[]
}

export const dataplane = (name: string, { mesh = 'default', labels, inbound }: DataplaneSetting) => ({
  type: 'Dataplane',
  mesh,
  name,
  labels: { 'kuma.io/origin': 'zone', ...labels },
  networking: { address: '127.0.0.1', inbound },
})

export const putDataplane = (zone: Plane, name: string, setting: DataplaneSetting): Promise<number> =>
  put(zone, `/meshes/${setting.mesh ?? 'default'}/dataplanes/${name}`, dataplane(name, setting))

/** Of one service by tag, as 2.14 has it. */
export const putTagged = (zone: Plane, name: string, service: string, ...ports: readonly number[]): Promise<number> =>
  putDataplane(zone, name, {
    inbound: (ports.length === 0 ? [8080] : ports).map((port) => ({
      port,
      tags: { 'kuma.io/service': service, 'kuma.io/protocol': 'http' },
    })),
  })

export const removeDataplane = (zone: Plane, name: string, mesh = 'default'): Promise<void> =>
  remove(zone, `/meshes/${mesh}/dataplanes/${name}`)

/** A MeshService as the API shows it. */
export interface ShownService {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly spec: {
    readonly state: string
    readonly selector: unknown
    readonly ports?: readonly {
      readonly name?: string
      readonly port: number
      readonly targetPort?: number
      readonly appProtocol: string
    }[]
    readonly identities?: readonly { readonly type: string; readonly value: string }[]
  }
  readonly status: {
    readonly vips?: readonly { readonly ip: string }[]
    readonly tls?: { readonly status?: string }
    readonly dataplaneProxies?: { readonly connected?: number; readonly healthy?: number; readonly total?: number }
  }
}

/** Undefined: there is none of this display name and zone. */
export async function shownService(
  plane: Plane,
  name: string,
  zone: string,
  mesh = 'default',
): Promise<ShownService | undefined> {
  const response = await plane.api.inject({ method: 'GET', url: `/meshes/${mesh}/meshservices?size=1000` })
  return response
    .json<{ readonly items: readonly ShownService[] }>()
    .items.find(
      ({ name: stored, labels }) =>
        labels['kuma.io/zone'] === zone && (labels['kuma.io/display-name'] ?? stored) === name,
    )
}

/** Every VIP that a control plane shows, by zone and display name. */
export async function vipMap(plane: Plane): Promise<Readonly<Record<string, readonly string[]>>> {
  const services = await servicesOf(plane)
  return Object.fromEntries([...services].sort().map(([key, { vips }]) => [key, vips]))
}

/** Every active address of the ledger, by zone and display name, in the same form. */
export async function ledgerMap(plane: Plane): Promise<Readonly<Record<string, readonly string[]>>> {
  const { items } = await plane.store.vip.ledger({ kind: 'MeshService', includeTombstoned: false, limit: 100_000 })
  const byOwner = new Map<string, { readonly family: number; readonly address: string }[]>()
  for (const { origin, displayName, family, address, scope } of items) {
    if (scope !== 'canonical') continue
    const key = `${origin}/${displayName}`
    byOwner.set(key, [...(byOwner.get(key) ?? []), { family, address }])
  }
  return Object.fromEntries(
    [...byOwner]
      .sort()
      .map(([key, rows]) => [key, rows.sort((a, b) => a.family - b.family).map(({ address }) => address)]),
  )
}

/** Whether a zone has leased what it allocates from, for both families. */
export const hasBlocks = async (zone: Plane): Promise<boolean> =>
  (await zone.store.vip.blocks()).filter(({ owner, kind }) => owner === zone.name && kind === 'MeshService').length >= 2

/** What the zone says about services that it could not make. */
export async function serviceProblems(
  zone: Plane,
): Promise<readonly { readonly name: string; readonly reason: string; readonly message: string }[]> {
  const response = await zone.api.inject({ method: 'GET', url: '/_holdfast/services/problems' })
  return response.json<{
    readonly items: readonly { readonly name: string; readonly reason: string; readonly message: string }[]
  }>().items
}
