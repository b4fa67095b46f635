import { parseRedisUrl } from '@holdfast/bus'
import { globalEndpointsMax, labelKeyProblems } from '@holdfast/model'
import type { HoldThresholds } from '@holdfast/store'
import { z } from 'zod'
import { dnsPortSchema, dnsUpstreamsSchema } from './dns-settings.js'
import { holdThresholds } from './hold-thresholds.js'
import { type IdentitySettings, identitySpecs } from './identity-settings.js'
import { type PolicyHookSettings, policyHooksSchema } from './policy-hooks.js'

/** Which program a setting belongs to. */
export type Command = 'global' | 'zone' | 'migrate' | 'init' | 'backup' | 'restore'

/** Everything a control plane can be told. Ports of 0 mean "any free one" (see `portsFile`). */
export interface Settings extends IdentitySettings {
  readonly zone: string
  readonly globalAddresses: readonly string[]
  readonly advertisedAddresses: readonly string[]
  readonly databaseUrl: string | undefined
  readonly databaseConnections: number
  /** Undefined: hints between processes come through PostgreSQL. */
  readonly redisUrl: string | undefined
  readonly dataDir: string
  readonly apiAddress: string
  readonly apiPort: number
  readonly kdsAddress: string
  readonly kdsPort: number
  /** The most that one message between global and a zone has. */
  readonly kdsMessageBytes: number
  /** Global: where its replicas reach each other. */
  readonly replicaAddress: { readonly host: string; readonly port: number } | undefined
  /** Whether the web page is served with the API. */
  readonly gui: 'on' | 'off'
  readonly diagnosticsAddress: string
  readonly diagnosticsPort: number
  readonly init: boolean
  readonly vipBlocks: readonly string[]
  readonly vipPools: readonly string[]
  readonly serviceGraceMs: number
  readonly serviceLabels: readonly string[]
  readonly ulaPrefix: string | undefined
  readonly policyHooks: readonly PolicyHookSettings[]
  readonly holdThresholds: HoldThresholds
  /** `off`: this zone answers no names. */
  readonly dnsPort: number | 'off'
  readonly dnsAddress: string
  readonly dnsUpstreams: readonly string[]
  readonly portsFile: string | undefined
  readonly logLevel: string
  /** OTLP/HTTP collector that traces go to; undefined: nothing is traced. */
  readonly otlpEndpoint: string | undefined
  readonly shutdownTimeoutMs: number
  /** Pace of the scrub; 0: off. */
  readonly scrubRowsPerSecond: number
}

export interface SettingSpec {
  readonly key: keyof Settings
  readonly flag: string
  readonly env: string
  readonly commands: readonly Command[]
  readonly describe: string
  readonly schema: z.ZodType
  readonly fallback: unknown
  /** `yaml`: a structure; in a flag or a variable it is YAML or JSON text. */
  readonly kind: 'text' | 'number' | 'switch' | 'list' | 'yaml'
  readonly required?: boolean
  readonly secret?: boolean
}

const port = z.number().int().min(0, 'must be between 0 and 65535').max(65_535, 'must be between 0 and 65535')
/** Kuma's `maxMsgSize`. */
export const messageBytesDefault = 10 * 1024 * 1024
const messageBytesMost = 512 * 1024 * 1024
const messageBytes = z
  .number()
  .int()
  .min(messageBytesDefault, `must be at least ${messageBytesDefault}, which is what a Kuma sends`)
  .max(messageBytesMost, `must be at most ${messageBytesMost}`)
const zoneName = z
  .string()
  .regex(
    /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'must be a DNS-1035 label: lower case letters, digits and "-", starting with a letter, at most 63 characters',
  )
const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must be a PostgreSQL URL such as postgres://user:password@host:5432/holdfast')
const replicaAddress = z
  .string()
  .regex(/^([^/\s:[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, 'must be HOST:PORT')
  .transform((text) => {
    const at = text.lastIndexOf(':')
    return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(at + 1)) }
  })
const redisUrl = z.string().superRefine((text, context) => {
  const parsed = parseRedisUrl(text)
  if ('shape' in parsed) return
  for (const message of parsed) context.addIssue({ code: 'custom', message })
})
/** Each problem of a list names its entry, and no address of it is looked at twice. */
const globalAddresses = z
  .array(
    z.string().regex(/^grpcs?:\/\/([^/\s:]+|\[[0-9a-fA-F:.]+\]):\d+$/, 'must be grpc://HOST:PORT or grpcs://HOST:PORT'),
  )
  .max(globalEndpointsMax, `must be at most ${globalEndpointsMax} addresses`)
const otlpEndpoint = z.string().regex(/^https?:\/\/[^\s/@?#]+(\/[^\s@?#]*)?$/, {
  error:
    'must be the http:// or https:// URL of an OTLP/HTTP collector such as http://collector:4318; who we are goes into OTEL_EXPORTER_OTLP_HEADERS',
})
const host = z.string().min(1, 'must not be empty')
const cidrs = z.array(z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, 'must be a list of CIDRs such as 241.16.0.0/20'))
const pools = z.array(
  z
    .string()
    .regex(
      /^(MeshService|MeshExternalService|MeshMultiZoneService)=[0-9a-fA-F.:]+\/\d{1,3}$/,
      'must be KIND=CIDR, for example MeshService=241.0.0.0/8',
    ),
)

const labelKey = z
  .string()
  .refine((key) => labelKeyProblems(key).length === 0, 'must be a label key such as team or example.com/team')
  .refine((key) => !/^([^/]+\.)?(kuma|k8s\.kuma|holdfast)\.io\//.test(key), 'must not be one of kuma.io or holdfast.io')

const servers: readonly Command[] = ['global', 'zone']
const all: readonly Command[] = ['global', 'zone', 'migrate', 'init', 'backup', 'restore']

/** The one list of settings: flags, environment, YAML keys (the same as `key`), defaults and their reasons. */
export const settingSpecs: readonly SettingSpec[] = [
  {
    key: 'zone',
    flag: '--zone',
    env: 'HOLDFAST_ZONE',
    commands: ['zone', 'init'],
    kind: 'text',
    schema: zoneName,
    fallback: '',
    required: true,
    describe: 'name of this zone',
  },
  {
    key: 'globalAddresses',
    flag: '--global-address',
    env: 'HOLDFAST_GLOBAL_ADDRESS',
    commands: ['zone'],
    kind: 'list',
    schema: globalAddresses,
    fallback: [],
    describe:
      'where global listens for zones, each of its replicas; what global advertises is tried beside it. Without it the zone stands alone',
  },
  {
    key: 'advertisedAddresses',
    flag: '--advertised-address',
    env: 'HOLDFAST_ADVERTISED_ADDRESS',
    commands: ['global'],
    kind: 'list',
    schema: globalAddresses,
    fallback: [],
    describe:
      'where zones can dial this global, all replicas together: they learn it and find global after it has moved. Without it they are told nothing',
  },
  {
    key: 'databaseUrl',
    flag: '--database-url',
    env: 'HOLDFAST_DATABASE_URL',
    commands: all,
    kind: 'text',
    schema: databaseUrl,
    fallback: undefined,
    secret: true,
    describe:
      'PostgreSQL to keep everything in, several hosts with commas between them if one takes over from another; without it an embedded one under --data-dir',
  },
  {
    key: 'databaseConnections',
    flag: '--database-connections',
    env: 'HOLDFAST_DATABASE_CONNECTIONS',
    commands: servers,
    kind: 'number',
    schema: z.number().int().min(2).max(500),
    fallback: 10,
    describe: 'connections that this process may have to its database at once, besides the one that listens',
  },
  {
    key: 'redisUrl',
    flag: '--redis-url',
    env: 'HOLDFAST_REDIS_URL',
    commands: servers,
    kind: 'text',
    schema: redisUrl,
    fallback: undefined,
    secret: true,
    describe:
      'Redis through which the processes of one database tell each other that something has changed, instead of NOTIFY; it is never needed, see docs/replicas.md',
  },
  {
    key: 'dataDir',
    flag: '--data-dir',
    env: 'HOLDFAST_DATA_DIR',
    commands: all,
    kind: 'text',
    schema: host,
    fallback: '.holdfast',
    describe: 'folder of the embedded database and of the high-water file',
  },
  {
    key: 'apiAddress',
    flag: '--api-address',
    env: 'HOLDFAST_API_ADDRESS',
    commands: servers,
    kind: 'text',
    schema: host,
    fallback: '127.0.0.1',
    describe: 'address the HTTP API listens on',
  },
  {
    key: 'apiPort',
    flag: '--api-port',
    env: 'HOLDFAST_API_PORT',
    commands: servers,
    kind: 'number',
    schema: port,
    fallback: 5681,
    describe: 'port of the HTTP API',
  },
  {
    key: 'kdsAddress',
    flag: '--kds-address',
    env: 'HOLDFAST_KDS_ADDRESS',
    commands: ['global'],
    kind: 'text',
    schema: host,
    fallback: '127.0.0.1',
    describe: 'address that zones dial',
  },
  {
    key: 'kdsPort',
    flag: '--kds-port',
    env: 'HOLDFAST_KDS_PORT',
    commands: ['global'],
    kind: 'number',
    schema: port,
    fallback: 5685,
    describe: 'port that zones dial',
  },
  {
    key: 'kdsMessageBytes',
    flag: '--kds-message-bytes',
    env: 'HOLDFAST_KDS_MESSAGE_BYTES',
    commands: servers,
    kind: 'number',
    schema: messageBytes,
    fallback: messageBytesDefault,
    describe:
      'the most that one message between global and a zone has; a Kuma sends each whole list in one, so where a Kuma was told to send and receive more (KUMA_MULTIZONE_…_KDS_MAX_MSG_SIZE), say as much here',
  },
  {
    key: 'replicaAddress',
    flag: '--replica-address',
    env: 'HOLDFAST_REPLICA_ADDRESS',
    commands: ['global'],
    kind: 'text',
    schema: replicaAddress,
    fallback: undefined,
    describe:
      'HOST:PORT where the other replicas of this global reach it; it listens there, for them alone (any port of the loopback unless said otherwise)',
  },
  {
    key: 'gui',
    flag: '--gui',
    env: 'HOLDFAST_GUI',
    commands: servers,
    kind: 'text',
    schema: z.enum(['on', 'off'], 'must be on or off'),
    fallback: 'on',
    describe: 'the web page below /gui of the API: on or off',
  },
  {
    key: 'diagnosticsAddress',
    flag: '--diagnostics-address',
    env: 'HOLDFAST_DIAGNOSTICS_ADDRESS',
    commands: servers,
    kind: 'text',
    schema: host,
    fallback: '127.0.0.1',
    describe: 'address of /healthy, /ready and /metrics',
  },
  {
    key: 'diagnosticsPort',
    flag: '--diagnostics-port',
    env: 'HOLDFAST_DIAGNOSTICS_PORT',
    commands: servers,
    kind: 'number',
    schema: port,
    fallback: 5680,
    describe: 'port of /healthy, /ready and /metrics',
  },
  {
    key: 'init',
    flag: '--init',
    env: 'HOLDFAST_INIT',
    commands: servers,
    kind: 'switch',
    schema: z.boolean(),
    fallback: false,
    describe: 'initialise a store that never was (changes nothing on one that was)',
  },
  {
    key: 'vipBlocks',
    flag: '--vip-block',
    env: 'HOLDFAST_VIP_BLOCK',
    commands: ['zone'],
    kind: 'list',
    schema: cidrs,
    fallback: [],
    describe: 'VIP block(s) to allocate from before the first contact with global, which confirms or refuses them',
  },
  {
    key: 'vipPools',
    flag: '--vip-pool',
    env: 'HOLDFAST_VIP_POOL',
    commands: ['global', 'init'],
    kind: 'list',
    schema: pools,
    fallback: [],
    describe: 'VIP pools at initialisation instead of the default ones',
  },
  {
    key: 'ulaPrefix',
    flag: '--ula-prefix',
    env: 'HOLDFAST_ULA_PREFIX',
    commands: ['global', 'init'],
    kind: 'text',
    schema: z.string().regex(/^fd[0-9a-f]{2}:[0-9a-f:]+\/48$/i, 'must be an IPv6 ULA /48 such as fd12:3456:789a::/48'),
    fallback: undefined,
    describe: 'IPv6 ULA prefix at initialisation instead of a random one',
  },
  {
    key: 'serviceGraceMs',
    flag: '--service-grace-ms',
    env: 'HOLDFAST_SERVICE_GRACE_MS',
    commands: ['zone'],
    kind: 'number',
    schema: z
      .number()
      .int()
      .min(0)
      .max(30 * 24 * 3_600_000),
    fallback: 3_600_000,
    describe: 'how long a MeshService that was made of Dataplanes stays after the last of them has gone',
  },
  {
    key: 'serviceLabels',
    flag: '--service-label',
    env: 'HOLDFAST_SERVICE_LABEL',
    commands: ['zone'],
    kind: 'list',
    schema: z.array(labelKey),
    fallback: [],
    describe: 'label(s) of Dataplanes that their MeshService gets too, where all of them agree',
  },
  {
    key: 'policyHooks',
    flag: '--policy-hooks',
    env: 'HOLDFAST_POLICY_HOOKS',
    commands: ['global'],
    kind: 'yaml',
    schema: policyHooksSchema,
    fallback: [],
    secret: true,
    describe: 'external services that judge resources before zones see them: a list, see docs/policy-hooks.md',
  },
  {
    key: 'holdThresholds',
    flag: '--hold-threshold',
    env: 'HOLDFAST_HOLD_THRESHOLD',
    commands: servers,
    kind: 'list',
    schema: holdThresholds,
    fallback: {},
    describe:
      'how much of a type may vanish within 10 minutes without an operator, as TYPE=COUNT/SHARE% (whichever is more); default=10/20% unless said otherwise',
  },
  {
    key: 'dnsPort',
    flag: '--dns-port',
    env: 'HOLDFAST_DNS_PORT',
    commands: ['zone'],
    kind: 'number',
    schema: dnsPortSchema,
    fallback: 5653,
    describe: 'port of DNS (UDP and TCP), or off',
  },
  {
    key: 'dnsAddress',
    flag: '--dns-address',
    env: 'HOLDFAST_DNS_ADDRESS',
    commands: ['zone'],
    kind: 'text',
    schema: host,
    fallback: '127.0.0.1',
    describe: 'address DNS listens on; it needs no TLS and gives nobody anything but names',
  },
  {
    key: 'dnsUpstreams',
    flag: '--dns-upstream',
    env: 'HOLDFAST_DNS_UPSTREAM',
    commands: ['zone'],
    kind: 'list',
    schema: dnsUpstreamsSchema,
    fallback: [],
    describe: 'resolver(s) to ask for every other name, as ADDRESS[:PORT]; without, such queries are refused',
  },
  {
    key: 'portsFile',
    flag: '--ports-file',
    env: 'HOLDFAST_PORTS_FILE',
    commands: servers,
    kind: 'text',
    schema: host,
    fallback: undefined,
    describe: 'write the ports in use to this file as JSON once ready',
  },
  {
    key: 'logLevel',
    flag: '--log-level',
    env: 'HOLDFAST_LOG_LEVEL',
    commands: all,
    kind: 'text',
    schema: z.enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
      'must be one of trace, debug, info, warn, error, silent',
    ),
    fallback: 'info',
    describe: 'how much to log',
  },
  {
    key: 'otlpEndpoint',
    flag: '--otlp-endpoint',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    commands: servers,
    kind: 'text',
    schema: otlpEndpoint,
    fallback: undefined,
    secret: true,
    describe:
      'OTLP/HTTP collector that traces of changes go to; without it nothing is traced. The other OTEL_* variables hold too, see docs/operations.md',
  },
  {
    key: 'scrubRowsPerSecond',
    flag: '--scrub-rows-per-second',
    env: 'HOLDFAST_SCRUB_ROWS_PER_SECOND',
    commands: servers,
    kind: 'number',
    schema: z.number().int().min(0).max(10_000),
    fallback: 200,
    describe: 'rows looked at each second for what has changed without a write; 0 turns the scrub off',
  },
  ...identitySpecs,
  {
    key: 'shutdownTimeoutMs',
    flag: '--shutdown-timeout-ms',
    env: 'HOLDFAST_SHUTDOWN_TIMEOUT_MS',
    commands: servers,
    kind: 'number',
    schema: z.number().int().min(100).max(600_000),
    fallback: 10_000,
    describe: 'bound of a graceful stop; a second signal is immediate',
  },
]

export const specsOf = (command: Command): readonly SettingSpec[] =>
  settingSpecs.filter((s) => s.commands.includes(command))
