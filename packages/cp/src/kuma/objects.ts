import { type Plane, rowsOf, type Service, until } from '../testing/mesh.js'
import type { KumaCp } from '../testing/real-kuma.js'

/** Lists as either API has them. */
export interface Items {
  readonly items: readonly {
    readonly type: string
    readonly mesh?: string
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly creationTime?: string
    readonly modificationTime?: string
    readonly status?: unknown
  }[]
}

/** One of each kind that global makes for its zones. */
export async function putEverything(put: (path: string, body: unknown) => Promise<unknown>): Promise<void> {
  const policy = (type: string, name: string, spec: object) => ({ type, mesh: 'default', name, spec })
  const toMesh = (value: object) => ({
    targetRef: { kind: 'Mesh' },
    to: [{ targetRef: { kind: 'Mesh' }, default: value }],
  })
  await put('/meshes/shop', { type: 'Mesh', name: 'shop' })
  await put('/meshes/default/meshtimeouts/slow', policy('MeshTimeout', 'slow', toMesh({ connectionTimeout: '7s' })))
  await put(
    '/meshes/default/meshtrafficpermissions/allow',
    policy('MeshTrafficPermission', 'allow', {
      targetRef: { kind: 'Mesh' },
      from: [{ targetRef: { kind: 'Mesh' }, default: { action: 'Allow' } }],
    }),
  )
  await put(
    '/meshes/default/meshexternalservices/billing',
    policy('MeshExternalService', 'billing', {
      match: { type: 'HostnameGenerator', port: 443, protocol: 'tcp' },
      endpoints: [{ address: 'billing.example.com', port: 443 }],
    }),
  )
  await put(
    '/meshes/default/meshmultizoneservices/everywhere',
    policy('MeshMultiZoneService', 'everywhere', {
      selector: { meshService: { matchLabels: { 'kuma.io/display-name': 'web' } } },
      ports: [{ port: 80, appProtocol: 'http' }],
    }),
  )
  await put('/meshes/default/secrets/password', { type: 'Secret', mesh: 'default', name: 'password', data: 'aGVsbG8=' })
  await put('/global-secrets/key', { type: 'GlobalSecret', name: 'key', data: 'aGVsbG8=' })
  await put('/hostnamegenerators/extra', {
    type: 'HostnameGenerator',
    name: 'extra',
    spec: { selector: { meshService: { matchLabels: { app: 'x' } } }, template: '{{ .DisplayName }}.x.mesh.local' },
  })
}

const compared = [
  ...['meshes', 'meshservices', 'meshexternalservices', 'meshmultizoneservices', 'meshtimeouts', 'meshretries'],
  ...[
    'meshcircuitbreakers',
    'meshtrafficpermissions',
    'hostnamegenerators',
    'secrets',
    'global-secrets',
    'service-insights',
  ],
]

/** What a Kuma keeps of others, by list and name, without its times and its own statuses. */
export async function objectsOf(cp: KumaCp): Promise<ReadonlyMap<string, unknown>> {
  const lists = await Promise.all(
    compared.map(async (list) => ({ list, ...(await cp.get<Items>(`/${list}?size=1000`)) })),
  )
  return new Map(
    lists.flatMap(({ list, items }) =>
      items
        .filter(({ labels }) => labels?.['kuma.io/origin'] === 'global' && labels['kuma.io/zone'] === undefined)
        .map(({ creationTime: _c, modificationTime: _m, status: _s, ...rest }): [string, unknown] => [
          `${list}/${rest.mesh ?? ''}/${rest.name}`,
          rest,
        ]),
    ),
  )
}

/** A MeshService as an operator of a zone writes it: path and body. */
export const kumaService = (name: string, port = 80): [path: string, body: object] => [
  `/meshes/default/meshservices/${name}`,
  {
    type: 'MeshService',
    mesh: 'default',
    name,
    labels: { 'kuma.io/origin': 'zone' },
    spec: {
      selector: { dataplaneLabels: { matchLabels: { app: name } } },
      ports: [{ port, targetPort: 8080, appProtocol: 'http' }],
    },
  },
]

/** Addresses by zone and name. */
export const served = (services: ReadonlyMap<string, Service>): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries([...services].sort().map(([key, { vips }]) => [key, vips]))

/** Until nothing is written any more: statuses of a Kuma zone settle within seconds. */
export async function quiet(...planes: readonly Plane[]): Promise<void> {
  let last = -1
  let since = performance.now()
  await until(
    'everything to be settled',
    async () => {
      const now = await rowsOf(planes)
      if (now !== last) [last, since] = [now, performance.now()]
      return performance.now() - since > 3_000
    },
    60_000,
  )
}
