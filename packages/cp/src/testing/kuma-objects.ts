import type { KumaCp } from '@holdfast/testkit'
import { type Plane, rowsOf, type Service, until } from './mesh.js'

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
  for (const [list, type, fields] of ofBefore)
    await put(`/meshes/default/${list}/old`, { type, mesh: 'default', name: 'old', ...fields })
}

const anyone = [{ match: { 'kuma.io/service': '*' } }]
const between = { sources: anyone, destinations: [{ match: { 'kuma.io/service': 'web' } }] }

/** What Kuma has beside the targetRef family: list, type, and fields of every shape that the type has. */
const ofBefore: readonly (readonly [list: string, type: string, fields: object])[] = [
  ['traffic-permissions', 'TrafficPermission', between],
  [
    'traffic-routes',
    'TrafficRoute',
    {
      ...between,
      conf: {
        loadBalancer: { ringHash: { hashFunction: 'MURMUR_HASH_2', minRingSize: '64' } },
        http: [
          {
            match: { path: { prefix: '/a' }, headers: { h: { exact: '1' } } },
            modify: {
              path: { regex: { pattern: 'a', substitution: 'b' } },
              requestHeaders: { add: [{ name: 'x', value: 'y' }] },
            },
            destination: { 'kuma.io/service': 'web' },
          },
        ],
        split: [
          { weight: 0, destination: { 'kuma.io/service': 'web' } },
          { weight: 100, destination: { 'kuma.io/service': 'api' } },
        ],
      },
    },
  ],
  ['traffic-logs', 'TrafficLog', { ...between, conf: { backend: 'file' } }],
  ['traffic-traces', 'TrafficTrace', { selectors: anyone, conf: { backend: 'zipkin' } }],
  [
    'health-checks',
    'HealthCheck',
    {
      ...between,
      conf: {
        interval: '10s',
        timeout: '0.500s',
        unhealthyThreshold: 3,
        healthyThreshold: 1,
        healthyPanicThreshold: 50,
        failTrafficOnPanic: false,
        tcp: { send: 'aGVsbG8=', receive: ['d29ybGQ='] },
      },
    },
  ],
  [
    'circuit-breakers',
    'CircuitBreaker',
    {
      ...between,
      conf: { interval: '5s', detectors: { totalErrors: { consecutive: 20 }, standardDeviation: { factor: 1.9 } } },
    },
  ],
  [
    'fault-injections',
    'FaultInjection',
    {
      sources: [{ match: { 'kuma.io/service': '*', 'kuma.io/protocol': 'http' } }],
      destinations: [{ match: { 'kuma.io/service': 'web', 'kuma.io/protocol': 'http' } }],
      conf: { delay: { percentage: 50.5, value: '0.010s' }, abort: { percentage: 1, httpStatus: 500 } },
    },
  ],
  [
    'rate-limits',
    'RateLimit',
    {
      ...between,
      conf: {
        http: {
          requests: 5,
          interval: '10s',
          onRateLimit: { status: 423, headers: [{ key: 'x', value: 'y', append: true }] },
        },
      },
    },
  ],
  [
    'retries',
    'Retry',
    {
      ...between,
      conf: {
        http: {
          numRetries: 3,
          backOff: { baseInterval: '0.020s' },
          retriableMethods: ['GET', 'DELETE'],
          retryOn: ['all_5xx', 'reset'],
        },
        grpc: { retryOn: ['cancelled', 'internal'] },
      },
    },
  ],
  ['timeouts', 'Timeout', { ...between, conf: { connectTimeout: '5s', http: { requestTimeout: '15s' } } }],
  [
    'proxytemplates',
    'ProxyTemplate',
    {
      selectors: anyone,
      conf: {
        imports: ['default-proxy'],
        modifications: [{ cluster: { match: { origin: 'inbound' }, operation: 'remove' } }],
      },
    },
  ],
  [
    'virtual-outbounds',
    'VirtualOutbound',
    {
      selectors: anyone,
      conf: { host: '{{.service}}.mesh', port: '80', parameters: [{ name: 'service', tagKey: 'kuma.io/service' }] },
    },
  ],
  [
    'external-services',
    'ExternalService',
    {
      tags: { 'kuma.io/service': 'ex', 'kuma.io/protocol': 'http' },
      networking: {
        address: 'example.com:443',
        tls: { enabled: true, serverName: 'example.com', caCert: { inlineString: 'x' } },
      },
    },
  ],
  [
    'meshgateways',
    'MeshGateway',
    {
      selectors: [{ match: { 'kuma.io/service': 'edge' } }],
      conf: {
        listeners: [
          {
            port: 8443,
            protocol: 'HTTPS',
            hostname: 'a.example.com',
            tls: { mode: 'TERMINATE', certificates: [{ secret: 'cert' }] },
            tags: { port: 'https' },
          },
        ],
      },
    },
  ],
  [
    'meshgatewayroutes',
    'MeshGatewayRoute',
    {
      selectors: [{ match: { 'kuma.io/service': 'edge' } }],
      conf: {
        http: {
          hostnames: ['a.example.com'],
          rules: [
            {
              matches: [{ path: { match: 'PREFIX', value: '/' }, method: 'GET' }],
              filters: [{ requestHeader: { set: [{ name: 'x', value: 'y' }] } }],
              backends: [{ weight: 1, destination: { 'kuma.io/service': 'web' } }],
            },
          ],
        },
      },
    },
  ],
]

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
  ...ofBefore.map(([list]) => list),
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

/** Longer than the 5 s after which a Kuma looks at its services again and fills in what they lack. */
const settledMs = 8_000

/** Until nothing is written any more, statuses and what else a Kuma says of a new service a little later included. */
export const quiet = (...planes: readonly Plane[]): Promise<void> => quietWithin(60_000, ...planes)

/** The same, where there is more to wait for. */
export async function quietWithin(withinMs: number, ...planes: readonly Plane[]): Promise<void> {
  let last = -1
  let since = performance.now()
  await until(
    'everything to be settled',
    async () => {
      const now = await rowsOf(planes)
      if (now !== last) [last, since] = [now, performance.now()]
      return performance.now() - since > settledMs
    },
    withinMs,
  )
}
