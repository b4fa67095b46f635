import {
  type AskProxy,
  createAnswerer,
  createGlobalAnswerer,
  type Mode,
  renewQuestion,
  type SyncView,
} from '@holdfast/api'
import type { ZoneDns } from '@holdfast/dns'
import { GlobalRuntime, HookRunner, hookMetrics, Replicas } from '@holdfast/global'
import type { JoinBundle } from '@holdfast/identity'
import type { Leases, sessionMetrics } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Tracing } from '@holdfast/tracing'
import { askProxyAdmin, EndpointFile, ZoneRuntime } from '@holdfast/zone'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { loadPolicyHooks } from '../config/policy-hooks.js'
import { maskedSettings } from '../config/resolve.js'
import type { Settings } from '../config/settings.js'
import { endpointMetrics } from '../endpoint-metrics.js'
import { AuthorityNews } from '../identity/authority-news.js'
import { ZoneIdentity } from '../identity/zone-identity.js'
import type { InheritedSockets } from '../lifecycle/inherited-sockets.js'
import type { Scope } from '../lifecycle/scope.js'
import { globalSync, zoneSync } from '../sync.js'
import { programVersion } from '../version.js'
import type { IdentityParts } from './identity.js'
import { listenProblem } from './problems.js'

export interface Parts {
  readonly store: ControlPlaneStore
  readonly settings: Settings
  readonly log: Logger
  readonly scope: Scope
  readonly metrics: ReturnType<typeof sessionMetrics>
  readonly instanceId: string
  /** What this process does because no other one on its database does. */
  readonly leases: Leases
  readonly dns: ZoneDns | undefined
  readonly registry: Registry
  readonly tracing: Tracing | undefined
  readonly identity: IdentityParts
  /** What the service manager listens on for us. */
  readonly sockets: InheritedSockets
  /** Zone: what the join bundle says, if there is one. */
  readonly bundle?: JoinBundle | undefined
}

/** What speaks KDS in either role. Started once the store is ready. */
export interface Runtime {
  readonly sync: SyncView
  start(): Promise<void>
  /** Before a stop: whoever is served is sent to the other replicas. */
  drain(): Promise<void>
  /** Where zones can join; undefined in a zone, and before the start. */
  kdsPort(): number | undefined
}

/** Global lets zones in. */
export function globalParts({
  store,
  settings,
  log,
  scope,
  metrics,
  instanceId,
  registry,
  identity,
  sockets,
  tracing,
}: Parts): Runtime {
  const hooks = new HookRunner({
    store,
    hooks: loadPolicyHooks(settings.policyHooks),
    log,
    metrics: hookMetrics(registry, store.hooks),
  })
  const answer = createGlobalAnswerer(store)
  const replicas = new Replicas({
    store: store.replicas,
    instanceId,
    version: programVersion,
    log,
    // Replicas on one machine find each other without any setting.
    ...(settings.replicaAddress ?? { host: '127.0.0.1', port: 0 }),
  })
  const global = new GlobalRuntime({
    store,
    replicas,
    address: settings.kdsAddress,
    port: settings.kdsPort,
    descriptor: sockets.kds,
    messageBytesMax: settings.kdsMessageBytes,
    version: programVersion,
    instanceId,
    log,
    metrics,
    tracing,
    gate: identity.gate,
    tls: () => identity.kdsTls((tls) => global.replaceTls(tls)),
    answer: async (zone, question, body) => JSON.stringify(await answer(zone, question, JSON.parse(body))),
  })
  let port: number | undefined
  const sync = globalSync(global)
  const { kdsTls, kdsTlsCertFile, kdsTlsCaFile: file } = settings
  return {
    sync,
    start: async () => {
      scope.own('policy hooks', () => hooks.close())
      hooks.start()
      scope.own('KDS', () => global.close())
      port = await global.start().catch((error: unknown) => {
        throw listenProblem('zones (KDS)', '--kds-port', settings.kdsAddress, settings.kdsPort, error)
      })
      identity.joinsAt(port)
      if (kdsTls === 'off' || kdsTlsCertFile === undefined || file === undefined) return
      const connected = () => global.views().flatMap(({ peer, extension }) => (extension ? [peer] : []))
      const ask = (zone: string, signal: AbortSignal) => sync.askZone(zone, renewQuestion, {}, { signal })
      new AuthorityNews({ file, connected, ask, log }).start(scope)
    },
    drain: () => global.drain(),
    kdsPort: () => port,
  }
}

/** What this zone's proxies say of themselves, for whoever asks: its own API, global, a Kuma global. */
export const zoneProxies =
  (store: ControlPlaneStore, zone: string): ((question: Parameters<AskProxy>[0]) => Promise<Uint8Array>) =>
  (question) =>
    askProxyAdmin({ store, zone }, question)

/** A zone dials global, if it was told where that is. `fatal` is told when the zone may not join at all. */
export function zoneParts(parts: Parts, mode: Mode, fatal: (reason: string) => void): Runtime {
  const { store, settings, log, scope, metrics, registry, instanceId, dns, leases, bundle } = parts
  if (settings.globalAddresses.length === 0)
    return {
      sync: zoneSync(undefined),
      start: () => Promise.resolve(),
      drain: () => Promise.resolve(),
      kdsPort: () => undefined,
    }
  let proof: Promise<ZoneIdentity> | undefined
  const { zone: name, dataDir, joinFile, globalCaFile, zoneTokenFile: tokenFile, globalAddresses: addresses } = settings
  const identity = (): Promise<ZoneIdentity> => {
    const options = { zone: name, dataDir, bundle, joinFile, globalCaFile, tokenFile, addresses }
    proof ??= ZoneIdentity.open({ ...options, version: programVersion, log, nowMs: Date.now })
    return proof
  }
  const answer = createAnswerer({
    store,
    mode,
    zoneName: settings.zone,
    dns,
    askProxy: zoneProxies(store, settings.zone),
  })
  const zone = new ZoneRuntime({
    store,
    zone: settings.zone,
    globalAddresses: settings.globalAddresses,
    messageBytesMax: settings.kdsMessageBytes,
    endpointFile: new EndpointFile(settings.dataDir),
    version: programVersion,
    instanceId,
    nodeConfig: { storeType: 'postgres', environment: 'universal', full: nodeConfigText(settings) },
    wantedCidrs: settings.vipBlocks,
    answer: async (question, body) =>
      JSON.stringify(
        question === renewQuestion
          ? await (await identity()).renewNow()
          : await answer(question, body === '' ? {} : JSON.parse(body)),
      ),
    answerAdmin: zoneProxies(store, settings.zone),
    faults: () => dns?.faults ?? [],
    leases,
    credentials: async (address) => (await identity()).proofFor(address),
    log,
    metrics,
    tracing: parts.tracing,
  })
  endpointMetrics(registry, zone)
  return {
    sync: zoneSync(zone),
    start: () => {
      scope.own('proof of the zone', async () => (await proof)?.close())
      scope.own('session with global', () => zone.close())
      // A process that stands by needs a good certificate when its turn comes, which may be in a year.
      void identity()
      zone.start(fatal)
      return Promise.resolve()
    },
    drain: () => Promise.resolve(),
    kdsPort: () => undefined,
  }
}

/** What a Kuma global reads of a zone's configuration, and an operator of ours may want to see; no secrets. */
const nodeConfigText = (settings: Settings): string =>
  JSON.stringify({
    store: { type: 'postgres' },
    environment: 'universal',
    mode: 'zone',
    holdfast: maskedSettings(settings),
  })
