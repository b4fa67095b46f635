import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A real `kuma-cp`, where somebody has one: nothing of Kuma's is part of this repository. */

const kumaVariable = 'HOLDFAST_KUMA_CP'
const kumaBinary: string | undefined = process.env[kumaVariable]

/** Says why nothing is run, once a file. */
export function hasKuma(): boolean {
  if (kumaBinary === undefined) {
    process.stderr.write(`skipped: set ${kumaVariable} to the path of a kuma-cp (2.13 or 2.14) to run this file\n`)
    return false
  }
  if (!existsSync(kumaBinary)) throw new Error(`${kumaVariable}=${kumaBinary}: there is no such file`)
  return true
}

export interface KumaOptions {
  /** Name of the zone; undefined: a global. */
  readonly zone?: string
  /** `grpc://HOST:PORT`, of a zone. */
  readonly globalAddress?: string
  /** Of a global; any free one unless said otherwise, so that one that comes back can be found. */
  readonly kdsPort?: number
  /** PostgreSQL, so that it remembers; in memory unless said otherwise. */
  readonly databaseUrl?: string
  /** As a product runs it: it waits for seconds and more where a test would not. */
  readonly stock?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** A kuma-cp that is up. */
export interface KumaCp {
  readonly zone: string | undefined
  readonly pid: number
  readonly apiPort: number
  readonly kdsPort: number
  readonly log: () => string
  get<T>(path: string): Promise<T>
  /** The answer's status. */
  put(path: string, body: unknown): Promise<number>
  remove(path: string): Promise<number>
  /** `undefined` while it runs. */
  readonly ended: () => string | undefined
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Stops it for as long as the test wants. */
  freeze(): void
  thaw(): void
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a kuma-cp and waits until its API answers. */
export async function startKuma(options: KumaOptions): Promise<KumaCp> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(options)
    } catch (error) {
      // Free ports are found by asking, and somebody may be quicker.
      if (attempt === 3 || !String(error).includes('address already in use')) throw error
    }
  }
}

/** What a product would wait for, a test does not. */
const impatient = {
  KUMA_GENERAL_RESILIENT_COMPONENT_BASE_BACKOFF: '200ms',
  KUMA_GENERAL_RESILIENT_COMPONENT_MAX_BACKOFF: '1s',
  KUMA_IPAM_ALLOCATION_INTERVAL: '1s',
  KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '1s',
  KUMA_STORE_POSTGRES_MAX_OPEN_CONNECTIONS: '5',
}
const startTimeoutMs = 60_000

async function start(options: KumaOptions): Promise<KumaCp> {
  const { zone, globalAddress, databaseUrl } = options
  const [api, diagnostics, interCp, dp, mads, kds] = await freePorts(6)
  const kdsPort = options.kdsPort ?? kds
  const workDir = mkdtempSync(join(tmpdir(), 'holdfast-kuma-'))
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: workDir,
    KUMA_ENVIRONMENT: 'universal',
    KUMA_MODE: zone === undefined ? 'global' : 'zone',
    KUMA_GENERAL_WORK_DIR: workDir,
    KUMA_REPORTS_ENABLED: 'false',
    KUMA_API_SERVER_HTTP_INTERFACE: '127.0.0.1',
    KUMA_API_SERVER_HTTP_PORT: String(api),
    KUMA_API_SERVER_HTTPS_ENABLED: 'false',
    KUMA_DIAGNOSTICS_SERVER_PORT: String(diagnostics),
    KUMA_INTER_CP_SERVER_PORT: String(interCp),
    KUMA_INTER_CP_CATALOG_INSTANCE_ADDRESS: '127.0.0.1',
    KUMA_EVENT_BUS_BUFFER_SIZE: '20000',
    ...(options.stock === true ? {} : impatient),
    ...(zone === undefined
      ? {
          KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(kdsPort),
          KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false',
        }
      : {
          KUMA_MULTIZONE_ZONE_NAME: zone,
          KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: globalAddress ?? '',
          KUMA_DP_SERVER_PORT: String(dp),
          KUMA_DP_SERVER_HDS_ENABLED: 'false',
          KUMA_MONITORING_ASSIGNMENT_SERVER_PORT: String(mads),
        }),
    ...(databaseUrl === undefined ? { KUMA_STORE_TYPE: 'memory' } : postgresEnv(databaseUrl)),
    ...options.env,
  }
  if (databaseUrl !== undefined) await migrated(env)
  const child = spawn(kumaBinary ?? '', ['run', '--log-level', 'info'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let log = ''
  let ended: string | undefined
  const gone = new Promise<void>((resolve) =>
    child.once('close', (code, signal) => {
      ended = `ended with ${code ?? signal}`
      running.delete(child)
      rmSync(workDir, { recursive: true, force: true })
      resolve()
    }),
  )
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  const url = `http://127.0.0.1:${api}`
  // A connection that it has just closed is no answer: every call here may be made twice.
  const call = (path: string, init: RequestInit = {}, attempt = 1): Promise<Response> =>
    fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(20_000) }).catch((error: unknown) => {
      if (attempt === 3 || (error as { readonly cause?: { readonly code?: unknown } }).cause?.code !== 'UND_ERR_SOCKET')
        throw error
      return call(path, init, attempt + 1)
    })
  const cp: KumaCp = {
    zone,
    pid: child.pid ?? 0,
    apiPort: api,
    kdsPort,
    log: () => log,
    async get<T>(path: string) {
      const response = await call(path)
      const text = await response.text()
      if (!response.ok) throw new Error(`kuma GET ${path} answered ${response.status}: ${text}`)
      return JSON.parse(text) as T
    },
    async put(path, body) {
      const response = await call(path, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`kuma PUT ${path} answered ${response.status}: ${await response.text()}`)
      return response.status
    },
    async remove(path) {
      const response = await call(path, { method: 'DELETE' })
      if (!response.ok) throw new Error(`kuma DELETE ${path} answered ${response.status}: ${await response.text()}`)
      return response.status
    },
    ended: () => ended,
    async stop(signal = 'SIGKILL') {
      child.kill('SIGCONT')
      child.kill(signal)
      await gone
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  }
  try {
    const endMs = performance.now() + startTimeoutMs
    const answers = (): Promise<boolean> =>
      call('/').then(
        (response) => response.ok,
        () => false,
      )
    while (!(await answers())) {
      if (ended !== undefined) throw new Error(`kuma-cp ${ended}: ${log.slice(-4000)}`)
      if (performance.now() > endMs) throw new Error(`kuma-cp did not answer within ${startTimeoutMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  } catch (error) {
    await cp.stop()
    throw error
  }
  return cp
}

function postgresEnv(databaseUrl: string): Readonly<Record<string, string>> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl)
  return {
    KUMA_STORE_TYPE: 'postgres',
    KUMA_STORE_POSTGRES_HOST: hostname,
    KUMA_STORE_POSTGRES_PORT: port,
    KUMA_STORE_POSTGRES_USER: decodeURIComponent(username),
    KUMA_STORE_POSTGRES_PASSWORD: decodeURIComponent(password),
    KUMA_STORE_POSTGRES_DB_NAME: pathname.slice(1),
  }
}

function migrated(env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(kumaBinary ?? '', ['migrate', 'up'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`kuma-cp migrate up: ${said}`))))
  })
}

async function freePorts<N extends number>(
  count: N,
): Promise<readonly [number, number, number, number, number, number]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer()
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => resolve(server))
        }),
    ),
  )
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports as unknown as readonly [number, number, number, number, number, number]
}
