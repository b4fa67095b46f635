import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiOptions, createApi, type Mode, type SyncView } from '@holdfast/api'
import { guiAssets } from '@holdfast/gui'
import { Problem } from '@holdfast/model'
import { Leases, sessionMetrics } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { createDefaults } from '../bootstrap.js'
import { maskedSettings, maskUrl } from '../config/resolve.js'
import type { Settings } from '../config/settings.js'
import { type Readiness, serveDiagnostics } from '../diagnostics.js'
import { publishKeys } from '../identity/published-keys.js'
import { checkLoopback, takenOver, takeSocket } from '../lifecycle/inherited-sockets.js'
import { hasEnded, ownPlace } from '../lifecycle/place.js'
import { Scope } from '../lifecycle/scope.js'
import { ServiceManager } from '../lifecycle/service-manager.js'
import { stopOnSignals } from '../lifecycle/signals.js'
import { watchStalls } from '../lifecycle/stall-watch.js'
import { createLog } from '../logging.js'
import { peerMetrics } from '../peer-metrics.js'
import { storeMetrics } from '../store-metrics.js'
import { isInStep, isInStepElsewhere } from '../sync.js'
import { startTracing } from '../tracing/start-tracing.js'
import { programVersion } from '../version.js'
import { advertise } from './advertise.js'
import { serveApiTls } from './api-tls.js'
import { openConfiguredStore } from './database.js'
import { dnsMetrics, followStore, openedInTime, startDns } from './dns.js'
import { openIdentity } from './identity.js'
import { initialise } from './init.js'
import { joined } from './join.js'
import { leaseMetrics, leaseNames } from './leases.js'
import { checkPorts } from './ports.js'
import { listenProblem } from './problems.js'
import { globalParts, zoneParts, zoneProxies } from './runtime.js'
import { keepScrubbing } from './scrub.js'
import { keepSealed } from './sealing.js'
import { serviceMetrics, zoneServices } from './services.js'
import { tellReadiness } from './tls-readiness.js'
import { keepUp } from './upkeep.js'
import { whenReady } from './when-ready.js'

export type Role = 'global' | 'zone'

/**
 * Runs a control plane until it is told to stop.
 * @returns the exit status: 0 after a graceful stop, 1 if it could not start, lost its right to run, or could not stop in time
 */
export async function serve(role: Role, settings: Settings, isTerminal: boolean): Promise<number> {
  const log = createLog({ level: settings.logLevel, name: role === 'global' ? 'global' : settings.zone, isTerminal })
  const stop = stopOnSignals((name) => {
    log.fatal({ signal: name }, 'told to stop a second time: stopping now')
    process.exit(1)
  })
  const scope = new Scope()
  let status = 0
  try {
    status = await run(role, settings, log, scope, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) {
      log.fatal({ err: error }, (error as Error).message)
      process.stderr.write(`holdfast ${role}: ${(error as Error).message}\n`)
      status = 1
    }
  }
  try {
    await scope.close(settings.shutdownTimeoutMs)
    log.info('stopped')
  } catch (error) {
    log.error({ err: error }, 'did not stop cleanly')
    status = 1
  }
  stop.release()
  return status
}

async function run(role: Role, given: Settings, log: Logger, scope: Scope, signal: AbortSignal): Promise<number> {
  const { settings, bundle } = await joined(given)
  log.info({ version: programVersion, settings: maskedSettings(settings) }, `holdfast ${role} starts`)
  const serviceManager = new ServiceManager(process.env.NOTIFY_SOCKET, log)
  const sockets = takenOver(settings, log)
  await checkPorts(role, settings, sockets)
  const fatal = withResolvers<string>()
  const registry = new Registry()
  const instanceId = `${hostname()}-${randomBytes(4).toString('hex')}`
  const tracing = await startTracing({ role, settings, env: process.env, instanceId, log, scope })
  const dns = await startDns(role, settings, log, scope)
  const store = await openedInTime(
    () => openConfiguredStore(role, settings, { log, scope, signal, registry, tracing, onLost: fatal.resolve }),
    settings.databaseUrl === undefined ? undefined : dns,
    log,
    signal,
  )
  // A zone is initialised by its first start; a global only when somebody says so, for it would tell zones "there is nothing".
  if (role === 'zone' || settings.init) await initialise(store, role, settings, log, signal)
  if (store.faults().length === 0) await adoptBlocks(store, settings)

  collectDefaultMetrics({ register: registry })
  watchStalls(registry, log, scope)
  storeMetrics(registry, store)
  const metrics = sessionMetrics(registry)
  const leases = new Leases({
    store: store.leases,
    holder: instanceId,
    place: { text: ownPlace(), isGone: hasEnded },
    names: leaseNames[role],
    log,
  })
  // Closed after everything that acts on them.
  scope.own('leases', () => leases.close())
  await leases.start()
  leaseMetrics(registry, leases, leaseNames[role])
  const identity = openIdentity({ role, store, settings, log, scope })
  const parts = {
    ...{ store, settings, log, scope, metrics, instanceId, registry },
    ...{ dns, leases, identity, sockets, bundle, tracing },
  }
  const mode: Mode = role === 'global' ? 'global' : settings.globalAddresses.length === 0 ? 'standalone' : 'federated'

  let sync: SyncView | undefined
  if (dns !== undefined) {
    followStore(
      dns,
      store,
      mode === 'federated' ? async () => isInStep(sync) || (await isInStepElsewhere(store, leases)) : undefined,
      scope,
    )
    dnsMetrics(registry, dns)
  }
  const runtime = role === 'global' ? globalParts(parts) : zoneParts(parts, mode, fatal.resolve)
  sync = runtime.sync
  peerMetrics(registry, { sessions: store.sessions, sync })
  const services = zoneServices(role, parts)
  if (services !== undefined) serviceMetrics(registry, services)
  const apiOptions: ApiOptions = {
    store,
    mode,
    initialPolicies: mode !== 'federated',
    zoneName: role === 'global' ? '' : settings.zone,
    // kumactl refuses a product that is not Kuma unless the version says `preview`.
    server: { product: 'Kuma', version: `2.14.3-preview.holdfast-${programVersion}`, hostname: hostname(), instanceId },
    sync: runtime.sync,
    askProxy: role === 'global' ? undefined : zoneProxies(store, settings.zone),
    services,
    dns,
    config: () => maskedSettings(settings),
    gui: settings.gui === 'on' ? guiAssets() : undefined,
    hooks: settings.policyHooks.map((hook) => ({ ...hook, url: maskUrl(hook.url) })),
    log,
    nowMs: Date.now,
    authenticate: identity.authenticate,
    access: identity.access,
    identity: identity.view,
    tracing,
  }
  const api = createApi(apiOptions)
  takeSocket(api.server, sockets.api)
  await api.listen({ host: settings.apiAddress, port: settings.apiPort }).catch((error: unknown) => {
    throw listenProblem('HTTP API', '--api-port', settings.apiAddress, settings.apiPort, error)
  })
  scope.own('HTTP API', async () => {
    await api.close()
  })
  if (sockets.api !== undefined) checkLoopback(api.server.address())
  keepUp(store, leases, log, scope, signal)
  if (role === 'global') {
    tellReadiness({ store, leases, log, scope, signal })
    publishKeys({ store, leases, log, scope })
  }
  keepScrubbing({ store, leases, registry, log, scope, signal, rowsPerSecond: settings.scrubRowsPerSecond })
  let started = false
  let apiTlsPort: number | undefined
  const diagnostics = await serveDiagnostics({
    address: settings.diagnosticsAddress,
    port: settings.diagnosticsPort,
    descriptor: sockets.diagnostics,
    registry,
    readiness: () => readiness(store, started, signal),
  }).catch((error: unknown) => {
    throw listenProblem(
      'diagnostics',
      '--diagnostics-port',
      settings.diagnosticsAddress,
      settings.diagnosticsPort,
      error,
    )
  })
  scope.own('diagnostics', () => diagnostics.close())
  const tellPorts = async (what: string): Promise<void> => {
    const bound = api.server.address()
    const kds = runtime.kdsPort()
    const ports = {
      api: typeof bound === 'object' && bound !== null ? bound.port : settings.apiPort,
      ...(apiTlsPort === undefined ? {} : { apiTls: apiTlsPort }),
      ...(kds === undefined ? {} : { kds }),
      ...(dns === undefined ? {} : { dns: dns.port }),
      diagnostics: diagnostics.port,
    }
    log.info({ ports }, what)
    if (settings.portsFile !== undefined) await writeWhole(settings.portsFile, `${JSON.stringify(ports)}\n`)
  }
  const start = async (): Promise<void> => {
    const { state } = await store.status()
    // Of a store that recovers it is not known what it lacks.
    if (role === 'global' && state === 'ready') await createDefaultsOnce(store, role, settings, log, signal)
    // Who is told that this one is ready may send work at once: what is read first is in memory by then.
    await store.read.counts()
    if (role === 'global') await advertise(store, settings.advertisedAddresses, log, signal)
    await identity.start()
    keepSealed(store, log, scope)
    apiTlsPort = await serveApiTls(apiOptions, identity, settings, scope, log, sockets['api-tls'])
    await runtime.start()
    if (services !== undefined) {
      scope.own('generated services', () => services.close())
      services.start()
    }
    started = true
    await tellPorts('ready')
    await serviceManager.ready()
  }
  if (!(await whenReady({ store, log, scope, signal, start, fatal: fatal.resolve })))
    await tellPorts('running, but not ready')
  const reason = await Promise.race([fatal.promise, aborted(signal)])
  if (reason === undefined) {
    log.info({ signal: signal.reason }, 'told to stop: draining')
    await serviceManager.stopping()
    await drained(runtime.drain(), settings.shutdownTimeoutMs / 2)
    return 0
  }
  log.fatal(reason)
  process.stderr.write(`holdfast ${role}: ${reason}\n`)
  return 1
}

/** Whoever is not gone by then is told by the end of the process. */
const drained = (draining: Promise<void>, timeoutMs: number): Promise<unknown> =>
  Promise.race([draining.catch(() => undefined), sleep(timeoutMs, undefined, { ref: false })])

/** Blocks from the operator are there before the first service asks for an address. Global has the last word on them. */
async function adoptBlocks(store: ControlPlaneStore, { vipBlocks }: Settings): Promise<void> {
  if (vipBlocks.length === 0) return
  const problems = await store.vip.adoptBlocks(vipBlocks)
  if (problems.length > 0)
    throw new Problem(
      'invalid',
      `--vip-block: ${problems.map(({ message }) => message).join('; ')}. Choose others, or leave them to global`,
    )
}

async function createDefaultsOnce(
  store: ControlPlaneStore,
  role: Role,
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  // `holdfast init` of an older moment may have been stopped between its two steps.
  const { total } = await store.read.list({ type: 'HostnameGenerator', offset: 0, limit: 1 })
  const meshes = await store.read.list({ type: 'Mesh', offset: 0, limit: 1 })
  if (total === 0 && meshes.total === 0) await createDefaults(store, role, settings.zone, log, signal)
}

async function readiness(store: ControlPlaneStore, started: boolean, signal: AbortSignal): Promise<Readiness> {
  if (signal.aborted) return { ready: false, reasons: ['stopping'] }
  const { state, reasons } = await store.status()
  if (state === 'ready' && !started) return { ready: false, reasons: ['starting'] }
  return { ready: state === 'ready', reasons: state === 'ready' ? reasons : [`the store is ${state}`, ...reasons] }
}

/** Who reads the file reads all of it or none. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text)
  await rename(`${path}.tmp`, path)
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })

function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((r) => {
    resolve = r
  })
  return { promise, resolve }
}
