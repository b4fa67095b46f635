/**
 * Every resource type that Holdfast knows, in one place: those of Kuma 2.13, 2.14 and later, those that never travel,
 * and four of our own. Scopes, directions and encodings as Kuma KDS has them; paths and words as Kuma's HTTP API and
 * kumactl. The rows stand in dependency order: what is referred to comes before what refers to it (ORDER).
 */
export interface TypeDescriptor {
  readonly name: string
  readonly scope: 'global' | 'mesh'
  /**
   * Place in the dependency order, unique. It is part of the position of an interrupted sync: a number once given
   * to a type stays, and a new type takes one of the gaps.
   */
  readonly order: number
  /** First path segment after `/` or `/meshes/{mesh}/`; `undefined`: not served over HTTP. */
  readonly path: string | undefined
  readonly pathAliases: readonly string[]
  /** kumactl's words, aliases included; empty where kumactl has none. */
  readonly singular: readonly string[]
  readonly plural: readonly string[]
  readonly displayName: string
  readonly displayNamePlural: string
  /** '' where it has none; such a type has no KRI. */
  readonly shortName: string
  /** A: spec fields beside the metadata (protobuf JSON); B: `spec` and `status` (plain JSON). */
  readonly style: 'A' | 'B'
  readonly encoding: Encoding
  readonly hasStatus: boolean
  /** JSON of the zero status, which is what travels from global to zones; '' without status. */
  readonly emptyStatus: string
  /** Its name gets a hash suffix when it leaves its origin. */
  readonly hashed: boolean
  readonly globalToZones: boolean
  readonly zoneToGlobal: boolean
  readonly acrossZones: boolean
  readonly providedByZone: boolean
  readonly providedByGlobal: boolean
  /** Written by control planes only, on either role. */
  readonly readOnly: boolean
  readonly policy: PolicyFlags | undefined
  /** Needs admin access for every verb. */
  readonly admin: boolean
  /** Holdfast's own: never offered to plain Kuma peers. */
  readonly internal: boolean
  /** Its owners get virtual IPs. */
  readonly vipKind: boolean
  /** First and last Kuma minor version that has it; `undefined`: from the first, to the last that we know. */
  readonly since: string | undefined
  readonly until: string | undefined
}

export type Encoding = { readonly kind: 'protobuf'; readonly typeUrl: string } | { readonly kind: 'json' }

/** As `/_resources` of Kuma 2.14 states them. `plugin`: of the targetRef family; the others are the legacy policies. */
export interface PolicyFlags {
  readonly plugin: boolean
  readonly hasTo: boolean
  readonly hasFrom: boolean
  readonly hasRules: boolean
  readonly isFromAsRules: boolean
}

type Optional =
  | 'pathAliases'
  | 'singular'
  | 'plural'
  | 'displayName'
  | 'displayNamePlural'
  | 'shortName'
  | 'style'
  | 'hasStatus'
  | 'emptyStatus'
  | 'hashed'
  | 'globalToZones'
  | 'zoneToGlobal'
  | 'acrossZones'
  | 'providedByZone'
  | 'providedByGlobal'
  | 'readOnly'
  | 'policy'
  | 'admin'
  | 'internal'
  | 'vipKind'
  | 'since'
  | 'until'
type Row = Omit<TypeDescriptor, Optional> & Partial<Pick<TypeDescriptor, Optional>>

/** kumactl's and the API's words follow from name and path, with few exceptions that the rows state. */
function describe(row: Row): TypeDescriptor {
  const displayName =
    row.displayName ?? row.name.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/(TCP|HTTP)(?=[A-Z])/, '$1 ')
  const emptyStatus = row.emptyStatus ?? ''
  return {
    pathAliases: [],
    singular: row.path === undefined ? [] : [row.name.toLowerCase()],
    plural: row.path === undefined ? [] : [row.path],
    displayNamePlural: `${displayName}s`,
    shortName: '',
    style: row.encoding.kind === 'json' ? 'B' : 'A',
    hashed: true,
    globalToZones: false,
    zoneToGlobal: false,
    acrossZones: false,
    providedByZone: row.zoneToGlobal ?? false,
    providedByGlobal: row.globalToZones ?? false,
    readOnly: false,
    policy: undefined,
    admin: false,
    internal: false,
    vipKind: false,
    since: undefined,
    until: undefined,
    ...row,
    displayName,
    emptyStatus,
    hasStatus: emptyStatus !== '',
  }
}

const json: Encoding = { kind: 'json' }
const meshProto = (message: string): Encoding => protobuf(`kuma.mesh.v1alpha1.${message}`)
const systemProto = (message: string): Encoding => protobuf(`kuma.system.v1alpha1.${message}`)
const protobuf = (message: string): Encoding => ({ kind: 'protobuf', typeUrl: `type.googleapis.com/${message}` })

const down = { globalToZones: true }
const up = { zoneToGlobal: true }
const both = { ...down, ...up }
const none = { plugin: false, hasTo: false, hasFrom: false, hasRules: false, isFromAsRules: false }

/** Flags in the letters of Kuma's list: t to, f from, r rules, F from is shown as rules. */
const targetRef = (flags: string): PolicyFlags => ({
  plugin: true,
  hasTo: flags.includes('t'),
  hasFrom: flags.includes('f'),
  hasRules: flags.includes('r'),
  isFromAsRules: flags.includes('F'),
})

const pluginPolicy = (
  order: number,
  name: string,
  path: string,
  shortName: string,
  flags: string,
  more: Partial<Row> = {},
): Row => ({
  name,
  order,
  path,
  shortName,
  scope: 'mesh',
  encoding: json,
  ...both,
  acrossZones: true,
  policy: targetRef(flags),
  ...more,
})

/** Types that 2.14 still has: protobuf, global to zones, no short name, no flags. */
const legacy = (order: number, name: string, path: string, more: Partial<Row> = {}): Row => ({
  name,
  order,
  path,
  scope: 'mesh',
  encoding: meshProto(name),
  ...down,
  policy: none,
  singular: [path.slice(0, -1)],
  until: '2.14',
  ...more,
})

const insight = (order: number, name: string, path: string, encoding: Encoding, more: Partial<Row> = {}): Row => ({
  name,
  order,
  path,
  scope: 'mesh',
  encoding,
  readOnly: true,
  singular: [],
  plural: [],
  ...more,
})

const rows: readonly Row[] = [
  // Ours. A block is sent before the services whose addresses lie in it.
  {
    name: 'VipPool',
    order: 10,
    path: 'vip-pools',
    scope: 'global',
    encoding: json,
    ...down,
    hashed: false,
    readOnly: true,
    internal: true,
    singular: ['vip-pool', 'vippool'],
    displayName: 'VIP Pool',
  },
  {
    name: 'VipBlock',
    order: 20,
    path: 'vip-blocks',
    scope: 'global',
    encoding: json,
    ...down,
    hashed: false,
    readOnly: true,
    internal: true,
    singular: ['vip-block', 'vipblock'],
    displayName: 'VIP Block',
  },
  {
    name: 'GlobalEndpoints',
    order: 30,
    path: 'global-endpoints',
    scope: 'global',
    encoding: json,
    ...down,
    hashed: false,
    readOnly: true,
    internal: true,
    singular: ['global-endpoints', 'globalendpoints'],
    displayName: 'Global Endpoints',
    displayNamePlural: 'Global Endpoints',
  },
  // What peers have told of types that this program does not know. It stays where it is.
  {
    name: 'LearnedTypes',
    order: 40,
    path: 'learned-types',
    scope: 'global',
    encoding: json,
    hashed: false,
    readOnly: true,
    internal: true,
    singular: ['learned-types', 'learnedtypes'],
    displayName: 'Learned Types',
    displayNamePlural: 'Learned Types',
  },

  {
    name: 'Mesh',
    order: 100,
    path: 'meshes',
    shortName: 'm',
    scope: 'global',
    encoding: meshProto('Mesh'),
    ...down,
    hashed: false,
    displayNamePlural: 'Meshes',
  },
  {
    name: 'Config',
    order: 110,
    path: undefined,
    scope: 'global',
    encoding: systemProto('Config'),
    ...down,
    providedByZone: true,
    hashed: false,
  },
  {
    name: 'GlobalSecret',
    order: 120,
    path: 'globalsecrets',
    pathAliases: ['global-secrets'],
    scope: 'global',
    encoding: systemProto('Secret'),
    ...down,
    providedByZone: true,
    hashed: false,
    admin: true,
    singular: ['globalsecret', 'global-secret'],
    plural: ['globalsecrets', 'global-secrets'],
  },
  {
    name: 'Secret',
    order: 130,
    path: 'secrets',
    scope: 'mesh',
    encoding: systemProto('Secret'),
    ...down,
    providedByZone: true,
    hashed: false,
    admin: true,
  },
  {
    name: 'Zone',
    order: 140,
    path: 'zones',
    shortName: 'z',
    scope: 'global',
    encoding: systemProto('Zone'),
    providedByGlobal: true,
    providedByZone: true,
    hashed: false,
  },
  {
    name: 'HostnameGenerator',
    order: 150,
    path: 'hostnamegenerators',
    shortName: 'hg',
    scope: 'global',
    encoding: json,
    ...both,
  },
  {
    name: 'MeshIdentity',
    order: 160,
    path: 'meshidentities',
    shortName: 'mid',
    scope: 'mesh',
    encoding: json,
    ...both,
    emptyStatus: '{}',
    displayNamePlural: 'Mesh Identities',
  },
  {
    name: 'MeshTrust',
    order: 170,
    path: 'meshtrusts',
    shortName: 'mtrust',
    scope: 'mesh',
    encoding: json,
    ...both,
    emptyStatus: '{}',
  },

  {
    name: 'MeshZoneAddress',
    order: 200,
    path: 'meshzoneaddresses',
    shortName: 'mza',
    scope: 'mesh',
    encoding: json,
    ...up,
    acrossZones: true,
    since: '2.14',
    displayNamePlural: 'Mesh Zone Addresses',
  },
  {
    name: 'ZoneIngress',
    order: 210,
    path: 'zoneingresses',
    pathAliases: ['zone-ingresses'],
    shortName: 'zi',
    scope: 'global',
    encoding: meshProto('ZoneIngress'),
    ...up,
    acrossZones: true,
    singular: ['zoneingress', 'zone-ingress'],
    plural: ['zoneingresses', 'zone-ingresses'],
    displayNamePlural: 'Zone Ingresses',
    until: '2.14',
  },
  {
    name: 'ZoneEgress',
    order: 220,
    path: 'zoneegresses',
    shortName: 'ze',
    scope: 'global',
    encoding: meshProto('ZoneEgress'),
    ...up,
    displayNamePlural: 'Zone Egresses',
    until: '2.14',
  },

  {
    name: 'MeshService',
    order: 300,
    path: 'meshservices',
    shortName: 'msvc',
    scope: 'mesh',
    encoding: json,
    ...up,
    acrossZones: true,
    emptyStatus: '{"tls":{},"dataplaneProxies":{}}',
    vipKind: true,
  },
  {
    name: 'MeshExternalService',
    order: 310,
    path: 'meshexternalservices',
    shortName: 'extsvc',
    scope: 'mesh',
    encoding: json,
    ...both,
    emptyStatus: '{"vip":{}}',
    vipKind: true,
  },
  {
    name: 'MeshMultiZoneService',
    order: 320,
    path: 'meshmultizoneservices',
    shortName: 'mzsvc',
    scope: 'mesh',
    encoding: json,
    ...down,
    emptyStatus: '{}',
    vipKind: true,
  },
  legacy(330, 'ExternalService', 'external-services', { policy: undefined }),
  {
    name: 'MeshGateway',
    order: 340,
    path: 'meshgateways',
    shortName: 'mgw',
    scope: 'mesh',
    encoding: meshProto('MeshGateway'),
    ...both,
    until: '2.14',
  },
  {
    name: 'Dataplane',
    order: 350,
    path: 'dataplanes',
    shortName: 'dp',
    scope: 'mesh',
    encoding: meshProto('Dataplane'),
    ...up,
  },
  {
    name: 'Workload',
    order: 360,
    path: 'workloads',
    shortName: 'wl',
    scope: 'mesh',
    encoding: json,
    ...up,
    emptyStatus: '{"dataplaneProxies":{"connected":0,"healthy":0,"total":0}}',
  },
  {
    name: 'MeshOpenTelemetryBackend',
    order: 370,
    path: 'meshopentelemetrybackends',
    shortName: 'motb',
    scope: 'mesh',
    encoding: json,
    ...both,
    emptyStatus: '{}',
    displayName: 'Mesh OpenTelemetry Backend',
    since: '2.14',
  },

  // Routes before the policies that may target one of them.
  pluginPolicy(400, 'MeshHTTPRoute', 'meshhttproutes', 'mhttpr', 't'),
  pluginPolicy(410, 'MeshTCPRoute', 'meshtcproutes', 'mtcpr', 't'),
  pluginPolicy(420, 'MeshAccessLog', 'meshaccesslogs', 'mal', 'tfrF', { emptyStatus: '{}' }),
  pluginPolicy(430, 'MeshCircuitBreaker', 'meshcircuitbreakers', 'mcb', 'tfrF'),
  pluginPolicy(440, 'MeshFaultInjection', 'meshfaultinjections', 'mfi', 'tfr'),
  pluginPolicy(450, 'MeshHealthCheck', 'meshhealthchecks', 'mhc', 't'),
  pluginPolicy(460, 'MeshLoadBalancingStrategy', 'meshloadbalancingstrategies', 'mlbs', 't', {
    displayNamePlural: 'Mesh Load Balancing Strategies',
  }),
  pluginPolicy(470, 'MeshMetric', 'meshmetrics', 'mm', '', { emptyStatus: '{}' }),
  pluginPolicy(480, 'MeshPassthrough', 'meshpassthroughs', 'mp', ''),
  pluginPolicy(490, 'MeshProxyPatch', 'meshproxypatches', 'mpp', '', { displayNamePlural: 'Mesh Proxy Patches' }),
  pluginPolicy(500, 'MeshRateLimit', 'meshratelimits', 'mrl', 'tfrF'),
  pluginPolicy(510, 'MeshRetry', 'meshretries', 'mr', 't', { displayNamePlural: 'Mesh Retries' }),
  pluginPolicy(520, 'MeshTLS', 'meshtlses', 'mtls', 'frF', {
    displayName: 'Mesh TLS',
    displayNamePlural: 'Mesh TLSes',
  }),
  pluginPolicy(530, 'MeshTimeout', 'meshtimeouts', 'mt', 'tfrF'),
  pluginPolicy(540, 'MeshTrace', 'meshtraces', 'mtr', '', { emptyStatus: '{}' }),
  pluginPolicy(550, 'MeshTrafficPermission', 'meshtrafficpermissions', 'mtp', 'fr'),

  legacy(600, 'MeshGatewayRoute', 'meshgatewayroutes'),
  legacy(610, 'TrafficRoute', 'traffic-routes'),
  legacy(620, 'CircuitBreaker', 'circuit-breakers'),
  legacy(630, 'FaultInjection', 'fault-injections'),
  legacy(640, 'HealthCheck', 'health-checks', { singular: ['healthcheck'], plural: ['healthchecks'] }),
  legacy(650, 'ProxyTemplate', 'proxytemplates'),
  legacy(660, 'RateLimit', 'rate-limits'),
  legacy(670, 'Retry', 'retries', { singular: ['retry'], displayNamePlural: 'Retries' }),
  legacy(680, 'Timeout', 'timeouts'),
  legacy(690, 'TrafficLog', 'traffic-logs'),
  legacy(700, 'TrafficPermission', 'traffic-permissions'),
  legacy(710, 'TrafficTrace', 'traffic-traces'),
  legacy(720, 'VirtualOutbound', 'virtual-outbounds'),

  insight(800, 'DataplaneInsight', 'dataplane-insights', meshProto('DataplaneInsight'), up),
  insight(810, 'ServiceInsight', 'service-insights', meshProto('ServiceInsight'), down),
  insight(820, 'ZoneIngressInsight', 'zone-ingress-insights', meshProto('ZoneIngressInsight'), {
    scope: 'global',
    ...up,
    until: '2.14',
  }),
  insight(830, 'ZoneEgressInsight', 'zoneegressinsights', meshProto('ZoneEgressInsight'), {
    scope: 'global',
    ...up,
    until: '2.14',
  }),
  insight(840, 'MeshInsight', 'mesh-insights', meshProto('MeshInsight'), { scope: 'global', hashed: false }),
  insight(850, 'ZoneInsight', 'zone-insights', systemProto('ZoneInsight'), { scope: 'global', hashed: false }),
]

/** In dependency order. */
export const allTypes: readonly TypeDescriptor[] = rows.map(describe)
