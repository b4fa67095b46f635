import { type AccessRules, defaultAccess } from '@holdfast/identity'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Tracing } from '@holdfast/tracing'
import type { Logger } from 'pino'
import { defaultGateLimits, type GateLimits } from './http/gate.js'
import { localhostAdmin } from './http/localhost-admin.js'
import type { IdentityView } from './identity/view.js'
import type { DnsView } from './routes/dns.js'
import type { ConfiguredHook } from './routes/hooks.js'
import type { ServicesView } from './routes/services.js'
import type { AskProxy, SyncView } from './sync/sync-view.js'

/** Decides what may be written here. A zone without a global is `standalone`. */
export type Mode = 'global' | 'federated' | 'standalone'

/** What `GET /` tells. kumactl refuses another product than Kuma unless the version contains `preview`. */
export interface ServerInfo {
  readonly product: string
  readonly version: string
  readonly basedOnKuma?: string | undefined
  readonly hostname: string
  readonly instanceId: string
}

export interface ApiLimits {
  /** Largest body of a request for one resource. */
  readonly bodyBytes: number
  /** Largest body of `POST /_apply`. */
  readonly bulkBodyBytes: number
  /** Most objects in one `POST /_apply`. */
  readonly bulkObjectMax: number
  /** Most who may watch at once. */
  readonly watcherMax: number
  /** How long a zone may take over one question. */
  readonly zoneAnswerTimeoutMs: number
  /** How often it is looked at whether who watches may still do so: a token may have been revoked. */
  readonly watcherCheckMs: number
  /** What one address, and all together, may do at the port. */
  readonly gate: GateLimits
}

/** A mebibyte for one resource is ten times the largest seen; 10,000 services are about 8 MiB of JSON. */
export const defaultLimits: ApiLimits = {
  bodyBytes: 1 << 20,
  bulkBodyBytes: 64 << 20,
  bulkObjectMax: 10_000,
  watcherMax: 1_000,
  zoneAnswerTimeoutMs: 10_000,
  watcherCheckMs: 5_000,
  gate: defaultGateLimits,
}

/** A file that is served as it is, to anybody. */
export interface StaticFile {
  /** Such as `/gui/style.css`. */
  readonly path: string
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** What a request tells about who sent it. */
export interface Caller {
  readonly remoteAddress: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly method: string
  readonly path: string
}

/** Who is asking: `name` stands in the audit log. */
export interface Actor {
  readonly name: string
  readonly groups: readonly string[]
  /** May read and write secrets. */
  readonly admin: boolean
}

/** Throws a Problem `forbidden` for someone who may not ask at all. */
export type Authenticate = (caller: Caller) => Actor | Promise<Actor>

export interface ApiOptions {
  readonly store: ControlPlaneStore
  readonly mode: Mode
  /** '' at global. */
  readonly zoneName: string
  readonly server: ServerInfo
  /** A federated zone reports its global's. Absent: the identity of this store. */
  readonly clusterId?: (() => string | undefined | Promise<string | undefined>) | undefined
  readonly sync: SyncView
  /** Zones: what is made of Dataplanes. Absent: nothing is. */
  readonly services?: ServicesView | undefined
  /** Zones: asks a proxy of this zone what it is configured with. Absent: none can be asked. */
  readonly askProxy?: AskProxy | undefined
  /** Zones: what answers names. Absent: nothing does. */
  readonly dns?: DnsView | undefined
  /** The effective configuration; what looks like a secret is masked before it is shown. */
  readonly config: () => Readonly<Record<string, unknown>>
  readonly limits?: Partial<ApiLimits> | undefined
  readonly log: Logger
  /** Absent: whoever is on this machine is the administrator, all others are anonymous. */
  readonly authenticate?: Authenticate | undefined
  readonly nowMs: () => number
  /** New meshes begin with Kuma's timeouts, retries and limits. Absent: with nothing. */
  readonly initialPolicies?: boolean | undefined
  /** Who may do what; as in Kuma, and nothing for who is nobody, unless said otherwise. */
  readonly access?: AccessRules | undefined
  /** PEM. Absent: plaintext, for loopback. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined
  /** Issues tokens. Absent: that is disabled. */
  readonly identity?: IdentityView | undefined
  /** Global: the policy hooks as they are configured. */
  readonly hooks?: readonly ConfiguredHook[] | undefined
  /** Follows changes through all control planes. Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
  /** Files of the web page, below `/gui/`. Absent: there is none. */
  readonly gui?: readonly StaticFile[] | undefined
}

/** The options as routes see them: nothing is left open. */
export interface ApiContext
  extends Omit<ApiOptions, 'limits' | 'clusterId' | 'authenticate' | 'initialPolicies' | 'access'> {
  readonly access: AccessRules
  readonly initialPolicies: boolean
  readonly limits: ApiLimits
  readonly clusterId: () => Promise<string>
  readonly authenticate: Authenticate
}

export function contextOf(options: ApiOptions): ApiContext {
  return {
    ...options,
    limits: { ...defaultLimits, ...options.limits },
    initialPolicies: options.initialPolicies ?? false,
    clusterId: async () => (await options.clusterId?.()) ?? (await options.store.status()).identity.storeId,
    authenticate: options.authenticate ?? localhostAdmin,
    access: options.access ?? defaultAccess,
  }
}
