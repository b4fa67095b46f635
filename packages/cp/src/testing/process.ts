import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, reached } from '@holdfast/testkit'

const built = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
/** The real programs, as `pnpm build` has made them. */
export const programs = {
  holdfast: built('cp/dist/program/main.js'),
  holdfastctl: built('ctl/dist/program/main.js'),
} as const

/** How a process ended and what it said. */
export interface Ended {
  readonly status: number | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly out: string
  readonly err: string
}

export interface Ports {
  readonly api: number
  readonly kds?: number
  readonly apiTls?: number
  readonly dns?: number
  readonly diagnostics: number
}

/** A process of a test: real, captured, and gone when the test is. */
export class TestProcess {
  readonly pid: number
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #out = ''
  #err = ''
  readonly #lines: LogLine[] = []
  /** How much of the output is among the lines. */
  #readThrough = 0
  #end: Ended | undefined

  constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid ?? 0
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, signal) => {
        this.#end = { status: status ?? undefined, signal: signal ?? undefined, out: this.#out, err: this.#err }
        resolve(this.#end)
      })
    })
  }

  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  get out(): string {
    return this.#out
  }

  get err(): string {
    return this.#err
  }

  /** Lines of the log so far. */
  log(): readonly LogLine[] {
    const end = this.#out.lastIndexOf('\n')
    for (const line of this.#out.slice(this.#readThrough, end + 1).split('\n'))
      if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as LogLine)
    this.#readThrough = Math.max(this.#readThrough, end + 1)
    return [...this.#lines]
  }

  /** Whether the log has a line with these words. */
  logged(words: string | RegExp): boolean {
    return this.log().some(({ msg }) => (typeof words === 'string' ? msg.includes(words) : words.test(msg)))
  }

  signal(name: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(name)
    return this.ended
  }

  /** Only sends it. */
  send(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }
}

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [key: string]: unknown
}

/** A control plane that is up. */
export interface Running extends TestProcess {
  readonly ports: Ports
  readonly apiUrl: string
}

/** A zone that has lost its global several times waits up to half a minute before it dials again. */
const patienceMs = 60_000

/** Waits for a level, with the words of whoever stands in its way. */
export async function until(
  what: string,
  level: () => boolean | Promise<boolean>,
  options: { readonly withinMs?: number; readonly otherwise?: () => string } = {},
): Promise<void> {
  const { withinMs = patienceMs, otherwise = () => '' } = options
  if (!(await reached(level, withinMs))) throw new Error(`waited ${withinMs} ms for ${what}\n${otherwise()}`)
}

/** Processes whose command line speaks of this folder, where the system tells. */
export const speakingOf = (folder: string): readonly string[] =>
  (existsSync('/proc') ? readdirSync('/proc') : []).flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return line.includes(folder) ? [`${pid} ${line.replaceAll('\0', ' ')}`] : []
    } catch {
      return []
    }
  })

/** Where zones dial and clients ask: whoever starts again has to come back there. */
const steadily = (value: string, at: number, args: readonly string[]): string =>
  value === '0' && ['--kds-port', '--dns-port', '--api-port'].includes(args[at - 1] ?? '') ? String(freePort()) : value

/** What a test starts, in a folder of its own. Closing kills whatever still runs; so does the end of this process. */
export class Processes {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-process-'))
  readonly #children = new Map<ChildProcess, TestProcess>()
  readonly #atExit = (): void => this.#killAll()
  readonly #program: string
  #count = 0

  /** @param options.holdfast another program than the one that `pnpm build` makes */
  constructor({ holdfast = programs.holdfast }: { readonly holdfast?: string } = {}) {
    this.#program = holdfast
    process.once('exit', this.#atExit)
  }

  /** `holdfast ARGS`, as it is. */
  holdfast(args: readonly string[], env: Readonly<Record<string, string>> = {}): TestProcess {
    return this.#spawn(process.execPath, [this.#program, ...args], '', env)
  }

  /** `holdfastctl ARGS` to its end. */
  holdfastctl(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.#spawn(process.execPath, [programs.holdfastctl, ...args], input, env).ended
  }

  /** Another program to its end, in the folder of the test. */
  run(program: string, args: readonly string[], input = ''): Promise<Ended> {
    return this.#spawn(program, args, input, {}).ended
  }

  /** A command line, by a shell in the folder of the test; `exec` leaves no shell between us and the program. */
  shell(command: string, env: Readonly<Record<string, string>>): TestProcess {
    return this.#spawn('/bin/sh', ['-c', `exec ${command}`], '', env)
  }

  /**
   * A control plane on free ports, started but not awaited.
   * @param flags say what is special, and override the rest
   */
  begin(
    role: 'global' | 'zone',
    flags: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): { process: TestProcess; portsFile: string } {
    const name = `${role}-${++this.#count}`
    const portsFile = join(this.folder, `${name}.ports.json`)
    const args = [
      role,
      ...[
        '--api-port',
        '0',
        '--diagnostics-port',
        '0',
        ...(role === 'global' ? ['--kds-port', '0', ...openOnLoopback(flags)] : ['--dns-port', '0']),
      ],
      ...['--data-dir', join(this.folder, name), '--ports-file', portsFile, ...flags],
    ]
    const process = this.holdfast(args.map(steadily), env)
    return { process, portsFile }
  }

  /** A control plane that listens. Fails with all that it said if it does not come to that. */
  async start(
    role: 'global' | 'zone',
    flags: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Running> {
    const { process, portsFile } = this.begin(role, flags, env)
    const said = (): string => `${process.out}${process.err}`
    // A first start makes keys, which on a machine that has much else to do takes its time.
    const level = (): boolean => existsSync(portsFile) || process.hasEnded
    await until(`${role} to listen`, level, { withinMs: 60_000, otherwise: said })
    if (!existsSync(portsFile)) throw new Error(`${role} ended while starting:\n${said()}`)
    const ports = JSON.parse(readFileSync(portsFile, 'utf8')) as Ports
    return Object.assign(process, { ports, apiUrl: `http://127.0.0.1:${ports.api}` })
  }

  async close(): Promise<void> {
    this.#killAll()
    await Promise.all([...this.#children.values()].map(({ ended }) => ended))
    process.off('exit', this.#atExit)
    // A database of theirs writes until it has noticed that they are gone.
    await until('their databases to end', () => speakingOf(this.folder).length === 0, {
      otherwise: () => speakingOf(this.folder).join('\n'),
    })
    rmSync(this.folder, { recursive: true, force: true })
  }

  #killAll(): void {
    for (const child of this.#children.keys()) child.kill('SIGKILL')
  }

  #spawn(program: string, args: readonly string[], input: string, env: Readonly<Record<string, string>>): TestProcess {
    for (const built of Object.values(programs))
      if (!existsSync(built)) throw new Error(`${built} is not there: build first (pnpm build)`)
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...environment(), ...env },
      stdio: [input === '' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    // A reader that refuses its input says so in its own words.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    const started = new TestProcess(child)
    this.#children.set(child, started)
    child.once('close', () => this.#children.delete(child))
    return started
  }
}

/** Most tests are about something else than who may join: their zones prove nothing, which is to be had on loopback only. */
const openOnLoopback = (flags: readonly string[]): readonly string[] =>
  flags.includes('--kds-tls') ? [] : ['--kds-tls', 'off', '--allow-unauthenticated-zone', '*']

/** Nobody's settings but the test's. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HOLDFAST|OTEL)_/.test(name)))

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** An HTTP request with JSON in both directions. A text is sent as it is. */
export async function ask(method: string, url: string, body?: unknown): Promise<Answer> {
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  })
  const text = await response.text()
  return { status: response.status, body: isJson(text) ? (JSON.parse(text) as unknown) : text }
}

const isJson = (text: string): boolean => /^[[{]/.test(text.trimStart())

/** Whether it may be sent work, and why not. */
export const readiness = (plane: Running): Promise<Answer> =>
  ask('GET', `http://127.0.0.1:${plane.ports.diagnostics}/ready`)

export interface Service {
  readonly vips: readonly string[]
  readonly pending?: string
}

interface ServiceList {
  readonly items: readonly {
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
  }[]
}

/** The VIPs of every MeshService that a control plane knows, by zone and display name. */
export async function vipsOf(plane: Pick<Running, 'apiUrl'>): Promise<Readonly<Record<string, readonly string[]>>> {
  const { body } = await ask('GET', `${plane.apiUrl}/meshservices?size=1000`)
  const pairs = (body as ServiceList).items.map(({ name, labels = {}, status }): [string, readonly string[]] => [
    `${labels['kuma.io/zone']}/${labels['kuma.io/display-name'] ?? name}`,
    (status?.vips ?? []).map(({ ip }) => ip),
  ])
  return Object.fromEntries(pairs.sort())
}

interface SyncState {
  readonly peers: readonly {
    readonly peer: string
    readonly connected: boolean
    readonly lastError?: string
    readonly channels: readonly { readonly channel: string; readonly inStep: boolean }[]
  }[]
}

export const syncOf = async (plane: Pick<Running, 'apiUrl'>): Promise<SyncState> =>
  (await ask('GET', `${plane.apiUrl}/_holdfast/sync`)).body as SyncState

/** Every channel of every session is proven. */
export async function inStep(plane: Pick<Running, 'apiUrl'>): Promise<boolean> {
  const { peers } = await syncOf(plane)
  return (
    peers.length > 0 && peers.every((p) => p.connected && p.channels.length > 0 && p.channels.every((c) => c.inStep))
  )
}

export const service = (
  name: string,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: { 'kuma.io/origin': 'zone' },
  spec: {
    selector: { dataplaneLabels: { matchLabels: { app: name } } },
    ports: [{ port: 80, targetPort: 80, appProtocol: 'http' }],
  },
  ...more,
})

export const putService = (plane: Pick<Running, 'apiUrl'>, name: string): Promise<Answer> =>
  ask('PUT', `${plane.apiUrl}/meshes/default/meshservices/${name}`, service(name))
