import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { createAnswerer, createApi, type Mode, type SyncView } from '@holdfast/api'
import { GlobalRuntime } from '@holdfast/global'
import { sessionMetrics } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import { ZoneRuntime } from '@holdfast/zone'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { createDefaults } from '../bootstrap.js'
import { maskedSettings } from '../config/resolve.js'
import type { Settings } from '../config/settings.js'
import { type Readiness, serveDiagnostics } from '../diagnostics.js'
import { Scope } from '../lifecycle/scope.js'
import { stopOnSignals } from '../lifecycle/signals.js'
import { createLog } from '../logging.js'
import { storeMetrics } from '../store-metrics.js'
import { globalSync, zoneSync } from '../sync.js'
import { programVersion } from '../version.js'
import { openConfiguredStore } from './database.js'
import { initialise } from './init.js'
import { listenProblem } from './problems.js'

export type Role = 'global' | 'zone'

/** How often a store that is not ready is looked at again: `holdfast init` is another process. */
const stateWatchMs = 1_000
/** Quarantine and compaction are measured in hours. */
const upkeepEveryMs = 60_000

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

async function run(role: Role, settings: Settings, log: Logger, scope: Scope, signal: AbortSignal): Promise<number> {
  log.info({ version: programVersion, settings: maskedSettings(settings) }, `holdfast ${role} starts`)
  const store = await openConfiguredStore(role, settings, log, scope, signal)
  // A zone is initialised by its first start; a global only when somebody says so, for it would tell zones "there is nothing".
  if (role === 'zone' || settings.init) await initialise(store, role, settings, log, signal)

  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  storeMetrics(registry, store)
  const metrics = sessionMetrics(registry)
  const instanceId = `${hostname()}-${randomBytes(2).toString('hex')}`
  const fatal = withResolvers<string>()
  const parts = { store, settings, log, scope, metrics, instanceId }
  const mode: Mode = role === 'global' ? 'global' : settings.globalAddress === undefined ? 'standalone' : 'federated'

  const runtime = role === 'global' ? globalParts(parts) : zoneParts(parts, mode, fatal.resolve)
  const api = await createApi({
    store,
    mode,
    zoneName: role === 'global' ? '' : settings.zone,
    // kumactl refuses a product that is not Kuma unless the version says `preview`.
    server: { product: 'Kuma', version: `2.14.3-preview.holdfast-${programVersion}`, hostname: hostname(), instanceId },
    sync: runtime.sync,
    config: () => maskedSettings(settings),
    log,
    nowMs: Date.now,
  })
  await api.listen({ host: settings.apiAddress, port: settings.apiPort }).catch((error: unknown) => {
    throw listenProblem('HTTP API', '--api-port', settings.apiAddress, settings.apiPort, error)
  })
  scope.own('HTTP API', async () => {
    await api.close()
  })
  keepUp(store, log, scope, signal)
  const ready = await whenReady(store, log, scope, signal, async () => {
    if (role === 'global') await createDefaultsOnce(store, role, settings, log, signal)
    await runtime.start()
  })
  const diagnostics = await serveDiagnostics({
    address: settings.diagnosticsAddress,
    port: settings.diagnosticsPort,
    registry,
    readiness: () => readiness(store, signal),
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
  const bound = api.server.address()
  const ports = {
    api: typeof bound === 'object' && bound !== null ? bound.port : settings.apiPort,
    ...(role === 'global' && ready ? { kds: runtime.kdsPort() } : {}),
    diagnostics: diagnostics.port,
  }
  log.info({ ports }, ready ? 'ready' : 'running, but not ready')
  if (settings.portsFile !== undefined) await writeWhole(settings.portsFile, `${JSON.stringify(ports)}\n`)
  const reason = await Promise.race([fatal.promise, aborted(signal)])
  if (reason === undefined) {
    log.info({ signal: signal.reason }, 'told to stop: draining')
    return 0
  }
  process.stderr.write(`holdfast ${role}: ${reason}\n`)
  return 1
}

interface Parts {
  readonly store: ControlPlaneStore
  readonly settings: Settings
  readonly log: Logger
  readonly scope: Scope
  readonly metrics: ReturnType<typeof sessionMetrics>
  readonly instanceId: string
}

interface Runtime {
  readonly sync: SyncView
  start(): Promise<void>
  kdsPort(): number
}

function globalParts({ store, settings, log, scope, metrics, instanceId }: Parts): Runtime {
  const global = new GlobalRuntime({
    store,
    address: settings.kdsAddress,
    port: settings.kdsPort,
    version: programVersion,
    instanceId,
    log,
    metrics,
  })
  let port = settings.kdsPort
  return {
    sync: globalSync(global),
    start: async () => {
      scope.own('KDS', () => global.close())
      port = await global.start().catch((error: unknown) => {
        throw listenProblem('zones (KDS)', '--kds-port', settings.kdsAddress, settings.kdsPort, error)
      })
    },
    kdsPort: () => port,
  }
}

function zoneParts(parts: Parts, mode: Mode, fatal: (reason: string) => void): Runtime {
  const { store, settings, log, scope, metrics, instanceId } = parts
  if (settings.globalAddress === undefined)
    return { sync: zoneSync(undefined), start: () => Promise.resolve(), kdsPort: () => 0 }
  const answer = createAnswerer({ store, mode, zoneName: settings.zone })
  const zone = new ZoneRuntime({
    store,
    zone: settings.zone,
    globalAddress: settings.globalAddress,
    version: programVersion,
    instanceId,
    nodeConfig: { storeType: 'postgres', environment: 'universal', full: nodeConfigText(settings) },
    wantedCidrs: settings.vipBlocks,
    answer: async (question, body) => JSON.stringify(await answer(question, body === '' ? {} : JSON.parse(body))),
    log,
    metrics,
  })
  return {
    sync: zoneSync(zone),
    start: () => {
      scope.own('session with global', () => zone.close())
      zone.start(fatal)
      return Promise.resolve()
    },
    kdsPort: () => 0,
  }
}

/** Starts what needs a ready store now, or as soon as somebody has made it ready. */
async function whenReady(
  store: ControlPlaneStore,
  log: Logger,
  scope: Scope,
  signal: AbortSignal,
  start: () => Promise<void>,
): Promise<boolean> {
  const first = await store.status()
  if (first.state === 'ready') {
    await start()
    return true
  }
  log.warn({ state: first.state, reasons: first.reasons }, notReadyText(first.state))
  const timer = setInterval(() => {
    void store
      .status()
      .then(async ({ state }) => {
        if (state !== 'ready' || signal.aborted) return
        clearInterval(timer)
        log.info('the store is ready now')
        await start()
      })
      .catch((error: unknown) => log.error({ err: error }, 'the state of the store could not be read'))
  }, stateWatchMs)
  scope.own('watch of the store', () => clearInterval(timer))
  return false
}

/** Each round is bounded; the next one goes on where it ended. */
function keepUp(store: ControlPlaneStore, log: Logger, scope: Scope, signal: AbortSignal): void {
  let round: Promise<void> | undefined
  const timer = setInterval(() => {
    if (round !== undefined || signal.aborted) return
    round = store
      .upkeep()
      .then((done) => {
        if (Object.values(done).some((count: number) => count > 0)) log.info(done, 'upkeep of the store')
      })
      .catch((error: unknown) => log.warn({ err: error }, 'upkeep of the store failed; trying again'))
      .finally(() => {
        round = undefined
      })
  }, upkeepEveryMs)
  scope.own('upkeep of the store', async () => {
    clearInterval(timer)
    await round
  })
}

const notReadyText = (state: string): string =>
  state === 'uninitialised'
    ? 'this store was never initialised, so zones are told nothing: run `holdfast init` with the same --database-url or --data-dir once'
    : 'this store is not what it was (see reasons), so nobody is sent anything: look at /_holdfast/status, then run `holdfast init --finish-recovery`'

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

async function readiness(store: ControlPlaneStore, signal: AbortSignal): Promise<Readiness> {
  if (signal.aborted) return { ready: false, reasons: ['stopping'] }
  const { state, reasons } = await store.status()
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

/** What a Kuma global reads of a zone's configuration, and an operator of ours may want to see; no secrets. */
const nodeConfigText = (settings: Settings): string =>
  JSON.stringify({
    store: { type: 'postgres' },
    environment: 'universal',
    mode: 'zone',
    holdfast: maskedSettings(settings),
  })
