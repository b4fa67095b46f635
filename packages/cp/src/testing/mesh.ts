import { randomUUID } from 'node:crypto'
import { type AskProxy, createAnswerer, createApi, createGlobalAnswerer } from '@holdfast/api'
import { coverOf, GlobalRuntime, HookRunner, hookMetrics, type PolicyHook, Replicas } from '@holdfast/global'
import { type BackoffOptions, Leases, sessionMetrics } from '@holdfast/peer'
import { type ControlPlaneStore, openStore } from '@holdfast/store'
import { countWrites, rowsWritten } from '@holdfast/store/testing'
import { freePort, freshDatabase, reached, startTcpProxy, type TcpProxy, type TestDatabase } from '@holdfast/testkit'
import { askProxyAdmin, EndpointFile, ServiceRuntime, type ZoneOptions, ZoneRuntime } from '@holdfast/zone'
import type { FastifyInstance } from 'fastify'
import pino, { type Logger } from 'pino'
import { Registry } from 'prom-client'
import { redisBus } from '../commands/database.js'
import { initialise } from '../commands/init.js'
import { leaseNames } from '../commands/leases.js'
import { resolveSettings } from '../config/resolve.js'
import { globalSync, zoneSync } from '../sync.js'
import { programVersion } from '../version.js'

/** Control planes of a test: the real parts over real sockets and real PostgreSQL, in one process. */
export interface Plane {
  readonly name: string
  readonly store: ControlPlaneStore
  readonly database: TestDatabase
  readonly api: FastifyInstance
  readonly registry: Registry
  close(): Promise<void>
}

export interface GlobalPlane extends Plane {
  readonly runtime: GlobalRuntime
  readonly port: number
}

export interface ZonePlane extends Plane {
  readonly runtime: ZoneRuntime
  readonly services: ServiceRuntime
  /** The cable to global. */
  readonly proxy: TcpProxy
  /** Why global does not let it in, once it knows. */
  readonly fatal: { reason: string | undefined }
}

/** For tests that cut a link often: a product waits longer each time. */
export const eager: BackoffOptions = { baseMs: 20, maxMs: 100, steadyMs: 0 }

const log: Logger = pino({ level: process.env.HOLDFAST_TEST_LOG ?? 'silent' })
const server = { product: 'Kuma', version: '2.14.3-preview.test', hostname: 'test', instanceId: 'test' }

function settingsOf(command: 'global' | 'zone', zone: string, vipPools: readonly string[]) {
  const env = vipPools.length === 0 ? {} : { HOLDFAST_VIP_POOL: vipPools.join(',') }
  const resolved = resolveSettings({ command, flags: zone === '' ? {} : { zone }, env })
  if (!('settings' in resolved)) throw new Error(JSON.stringify(resolved))
  return resolved.settings
}

interface PlaneOptions {
  readonly database?: TestDatabase
  /** With the high-water mark. */
  readonly dataDir?: string
  /** False: a new store stays uninitialised. */
  readonly init?: boolean
  /** `KIND=CIDR`; those of the product unless said otherwise. */
  readonly vipPools?: readonly string[]
  /** False: only the poll finds out what another process has committed. */
  readonly listen?: boolean
  /** Global: knows the other globals on its database. */
  readonly replicas?: boolean
  /** Instead of NOTIFY. */
  readonly redisUrl?: string
  /** The most that one message has, if it is not what a Kuma receives as it comes. */
  readonly messageBytesMax?: number
  /** Global: see docs/policy-hooks.md. */
  readonly hooks?: readonly PolicyHook[]
}

async function openPlane(role: 'global' | 'zone', name: string, database: TestDatabase, options: PlaneOptions) {
  const { dataDir, init = true, listen = true, vipPools = [], redisUrl } = options
  const hooks = options.hooks === undefined ? undefined : coverOf(options.hooks)
  const store = await openStore({
    databaseUrl: database.url,
    role,
    name,
    programVersion,
    dataDir,
    listen,
    log,
    hooks,
    ...(redisUrl === undefined ? {} : { bus: redisBus(redisUrl, { log }) }),
  })
  await countWrites(database.url)
  if (init) await initialise(store, role, settingsOf(role, name, vipPools), log, AbortSignal.timeout(30_000))
  const registry = new Registry()
  return { store, registry, metrics: sessionMetrics(registry) }
}

export async function startGlobal(options: PlaneOptions & { readonly port?: number } = {}): Promise<GlobalPlane> {
  const database = options.database ?? (await freshDatabase())
  const { store, registry, metrics } = await openPlane('global', '', database, options)
  const answer = createGlobalAnswerer(store)
  const instanceId = `global-${randomUUID()}`
  const replicas =
    options.replicas === true
      ? new Replicas({ store: store.replicas, instanceId, version: programVersion, host: '127.0.0.1', port: 0, log })
      : undefined
  const runtime = new GlobalRuntime({
    store,
    replicas,
    address: '127.0.0.1',
    port: options.port ?? freePort(),
    messageBytesMax: options.messageBytesMax,
    version: programVersion,
    instanceId,
    log,
    metrics,
    answer: async (zone, question, body) => JSON.stringify(await answer(zone, question, JSON.parse(body))),
  })
  const hooks = new HookRunner({ store, hooks: options.hooks ?? [], log, metrics: hookMetrics(registry, store.hooks) })
  hooks.start()
  const port = await runtime.start()
  const sync = globalSync(runtime)
  const api = createApi({ store, mode: 'global', zoneName: '', server, sync, config: () => ({}), log, nowMs: Date.now })
  return {
    name: 'global',
    store,
    database,
    api,
    registry,
    runtime,
    port,
    close: async () => {
      await api.close()
      await hooks.close()
      await runtime.close()
      await store.close()
    },
  }
}

export async function startZone(
  name: string,
  globalPort: number,
  options: PlaneOptions &
    Pick<ZoneOptions, 'backoff' | 'dial'> & {
      readonly wantedCidrs?: readonly string[]
      /** Other globals that it may dial, past the proxy. */
      readonly otherPorts?: readonly number[]
      /** False: cut off from the first moment, until its proxy is restored. */
      readonly reachable?: boolean
      /** Labels that services get from their Dataplanes. */
      readonly serviceLabels?: readonly string[]
      /** An hour, as in the product, unless said otherwise. */
      readonly serviceGraceMs?: number
    } = {},
): Promise<ZonePlane> {
  const database = options.database ?? (await freshDatabase())
  const { store, registry, metrics } = await openPlane('zone', name, database, options)
  const proxy = await startTcpProxy({ targetPort: globalPort })
  if (options.reachable === false) await proxy.refuse()
  const askProxy: AskProxy = (question) => askProxyAdmin({ store, zone: name }, question)
  const answer = createAnswerer({ store, mode: 'federated', zoneName: name, askProxy })
  const leases = new Leases({ store: store.leases, holder: randomUUID(), names: leaseNames.zone, log })
  await leases.start()
  const runtime = new ZoneRuntime({
    store,
    zone: name,
    globalAddresses: [
      `grpc://127.0.0.1:${proxy.port}`,
      ...(options.otherPorts ?? []).map((port) => `grpc://127.0.0.1:${port}`),
    ],
    messageBytesMax: options.messageBytesMax,
    endpointFile: options.dataDir === undefined ? undefined : new EndpointFile(options.dataDir),
    version: programVersion,
    instanceId: `${name}-test`,
    leases,
    nodeConfig: { storeType: 'postgres', environment: 'universal', full: '{}' },
    wantedCidrs: options.wantedCidrs ?? [],
    answer: async (question, body) => JSON.stringify(await answer(question, body === '' ? {} : JSON.parse(body))),
    answerAdmin: (question) => askProxyAdmin({ store, zone: name }, question),
    log: log.child({ cp: name }),
    metrics,
    backoff: options.backoff,
    dial: options.dial,
  })
  const fatal: { reason: string | undefined } = { reason: undefined }
  runtime.start((reason) => {
    fatal.reason = reason
  })
  const services = new ServiceRuntime({
    store,
    leases,
    zone: name,
    graceMs: options.serviceGraceMs ?? 3_600_000,
    propagated: options.serviceLabels ?? [],
    log: log.child({ cp: name }),
    nowMs: Date.now,
  })
  services.start()
  const sync = zoneSync(runtime)
  const api = createApi({
    store,
    services,
    askProxy,
    mode: 'federated',
    zoneName: name,
    server,
    sync,
    config: () => ({}),
    log,
    nowMs: Date.now,
  })
  return {
    name,
    store,
    database,
    api,
    registry,
    runtime,
    services,
    proxy,
    fatal,
    close: async () => {
      await api.close()
      await services.close()
      await runtime.close()
      await leases.close()
      await proxy.close()
      await store.close()
    },
  }
}

/** Waits for a level. */
export async function until(what: string, level: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  if (!(await reached(level, withinMs))) throw new Error(`waited ${withinMs} ms for ${what}`)
}

export const inStep = (zone: ZonePlane): boolean => zone.runtime.view()?.inStep === true

export interface Service {
  readonly key: string
  readonly vips: readonly string[]
  readonly hostnames: readonly string[]
}

interface RestList {
  readonly items: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly status?: {
      readonly vips?: readonly { readonly ip: string }[]
      readonly addresses?: readonly { readonly hostname: string }[]
    }
  }[]
}

/** What the API of a control plane says of MeshServices, by zone and display name. */
export async function servicesOf(plane: Plane): Promise<ReadonlyMap<string, Service>> {
  const response = await plane.api.inject({ method: 'GET', url: '/meshservices?size=1000' })
  const { items } = response.json<RestList>()
  return new Map(
    items.map((item): [string, Service] => {
      const key = `${item.labels['kuma.io/zone']}/${item.labels['kuma.io/display-name'] ?? item.name}`
      return [
        key,
        {
          key,
          vips: (item.status?.vips ?? []).map((v) => v.ip),
          hostnames: (item.status?.addresses ?? []).map((a) => a.hostname),
        },
      ]
    }),
  )
}

export const meshService = (name: string, port = 80): Readonly<Record<string, unknown>> => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: { 'kuma.io/origin': 'zone' },
  spec: {
    selector: { dataplaneLabels: { matchLabels: { app: name } } },
    ports: [{ port, targetPort: port, appProtocol: 'http' }],
  },
})

export async function put(plane: Plane, path: string, body: unknown): Promise<number> {
  const response = await plane.api.inject({
    method: 'PUT',
    url: path,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  })
  if (response.statusCode >= 300) throw new Error(`PUT ${path} answered ${response.statusCode}: ${response.body}`)
  return response.statusCode
}

export const putService = (zone: Plane, name: string, port = 80): Promise<number> =>
  put(zone, `/meshes/default/meshservices/${name}`, meshService(name, port))

export async function remove(plane: Plane, path: string): Promise<void> {
  const response = await plane.api.inject({ method: 'DELETE', url: path })
  if (response.statusCode !== 200) throw new Error(`DELETE ${path} answered ${response.statusCode}: ${response.body}`)
}

/** Tables that a reconnect may write. */
const bookkeeping = new Set(['sessions', 'session_fence', 'heartbeats', 'cursors'])

/** Rows inserted, updated or deleted so far, bookkeeping apart. */
export async function rowsOf(planes: readonly Plane[]): Promise<number> {
  let sum = 0
  for (const plane of planes)
    for (const [table, rows] of Object.entries(await rowsWritten(plane.database.url)))
      if (!bookkeeping.has(table)) sum += rows
  return sum
}
