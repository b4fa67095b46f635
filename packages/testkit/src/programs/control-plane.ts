import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../free-port.js'
import { until } from './until.js'

export interface Ports {
  readonly api: number
  readonly kds?: number | undefined
  readonly dns?: number | undefined
  readonly diagnostics: number
}

/** What may be different at one start. */
export interface StartOptions {
  /** Instead of those that it was made with. */
  readonly flags?: readonly string[] | undefined
  /** Beside them. */
  readonly moreFlags?: readonly string[] | undefined
  /** Beside this process's environment, of which nothing of Holdfast is passed on. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Another version of the program. */
  readonly program?: string | undefined
}

export interface ControlPlaneOptions extends StartOptions {
  readonly name: string
  readonly role: 'global' | 'zone'
  /** The zone that it is a process of; its name unless said otherwise. */
  readonly zone?: string | undefined
  readonly databaseUrl: string
  readonly folder: string
  readonly flags: readonly string[]
  readonly signal: AbortSignal
  /** Those of its first start, too; otherwise any that are free, and the same at each start. */
  readonly ports?: Ports | undefined
  /** 30 s unless said otherwise. */
  readonly startTimeoutMs?: number | undefined
}

/** A line of a control plane's log; 50 is an error, 40 a warning. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [key: string]: unknown
}

/** The control plane's program, as `pnpm build` has made it. */
export const program = fileURLToPath(new URL('../../../cp/dist/program/main.js', import.meta.url))
const startTimeoutMs = 30_000
const stopTimeoutMs = 10_000

/** One `holdfast` process, started from this checkout, with its log in a file of its own. */
export class ControlPlane {
  readonly name: string
  readonly zone: string
  readonly databaseUrl: string
  readonly #options: ControlPlaneOptions
  #child: ChildProcess | undefined
  #ports: Ports | undefined
  #written: Promise<unknown> = Promise.resolve()
  /** Which program has written its log from where on. */
  readonly #starts: { readonly fromByte: number; readonly program: string }[] = []

  constructor(options: ControlPlaneOptions) {
    this.name = options.name
    this.zone = options.zone ?? options.name
    this.databaseUrl = options.databaseUrl
    this.#options = options
    this.#ports = options.ports
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.ports.api}`
  }

  get ports(): Ports {
    if (this.#ports === undefined) throw new Error(`${this.name} has not been started`)
    return this.#ports
  }

  get logFile(): string {
    return join(this.#options.folder, `${this.name}.log`)
  }

  /** Its data folder. */
  get dataDir(): string {
    return join(this.#options.folder, this.name)
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#hasEnded ? undefined : this.#child?.pid
  }

  get #hasEnded(): boolean {
    const child = this.#child
    return child === undefined || child.exitCode !== null || child.signalCode !== null
  }

  /** Starts it and waits until it is ready. A restart takes the ports of the first start, as a service manager would. */
  async start(options: StartOptions = {}): Promise<void> {
    const { signal } = this.#options
    await this.begin(options)
    await until(() => existsSync(this.#portsFile) || this.#hasEnded, {
      what: `${this.name} to be ready`,
      withinMs: this.#options.startTimeoutMs ?? startTimeoutMs,
      signal,
    })
    // Ctrl-C reaches every process of the terminal: who was stopped with us has not failed.
    signal.throwIfAborted()
    // What it has said last may still be under way into its log.
    if (!existsSync(this.#portsFile)) await this.#written
    if (!existsSync(this.#portsFile)) throw new Error(`${this.name} stopped while starting:\n${this.lastLog()}`)
    this.#ports = JSON.parse(readFileSync(this.#portsFile, 'utf8')) as Ports
  }

  /** Starts it and waits for nothing. */
  async begin(options: StartOptions = {}): Promise<void> {
    const { role, databaseUrl } = this.#options
    rmSync(this.#portsFile, { force: true })
    const ports = this.#ports
    const started = options.program ?? this.#options.program ?? program
    // What the one before has said last may still be under way into the log.
    if (this.#hasEnded) await this.#written
    this.#starts.push({ fromByte: this.logBytes, program: started })
    const args = [
      started,
      role,
      ...(role === 'zone'
        ? ['--zone', this.zone, '--dns-port', String(ports?.dns ?? freePort())]
        : ['--kds-port', String(ports?.kds ?? freePort())]),
      ...['--database-url', databaseUrl, '--data-dir', this.dataDir, '--init'],
      ...['--api-port', String(ports?.api ?? freePort())],
      ...['--diagnostics-port', String(ports?.diagnostics ?? freePort())],
      ...['--ports-file', this.#portsFile, ...(options.flags ?? this.#options.flags), ...(options.moreFlags ?? [])],
    ]
    const env = { ...ownEnvironment(), ...this.#options.env, ...options.env }
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const log = createWriteStream(this.logFile, { flags: 'a' })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    this.#written = new Promise((resolve) => log.once('close', () => resolve(undefined)))
    child.once('close', () => log.end())
    this.#child = child
  }

  /** Only sends it: SIGSTOP, SIGCONT. */
  send(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** SIGKILL: no goodbye to anyone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Resolves when it has ended by itself. @returns its status; undefined: a signal */
  async ended(withinMs: number): Promise<number | undefined> {
    const child = this.#child
    await until(() => this.#hasEnded, { what: `${this.name} to end`, withinMs, signal: this.#options.signal })
    return child?.exitCode ?? undefined
  }

  lastLog(lines = 12): string {
    if (!existsSync(this.logFile)) return '(no log)'
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** How long its log is, to look only at what comes after. */
  get logBytes(): number {
    return existsSync(this.logFile) ? readFileSync(this.logFile).length : 0
  }

  /** The log's lines from a place on. */
  log(fromByte = 0): readonly LogLine[] {
    return this.#lines(fromByte)
  }

  /** The log's lines from a place on, each with the program that wrote it. */
  logByProgram(fromByte = 0): readonly { readonly program: string; readonly line: LogLine }[] {
    return this.#starts.flatMap(({ fromByte: startByte, program }, i) => {
      const endByte = this.#starts[i + 1]?.fromByte
      if (endByte !== undefined && endByte <= fromByte) return []
      return this.#lines(Math.max(startByte, fromByte), endByte).map((line) => ({ program, line }))
    })
  }

  #lines(fromByte: number, endByte?: number): readonly LogLine[] {
    if (!existsSync(this.logFile)) return []
    const text = readFileSync(this.logFile).subarray(fromByte, endByte).toString('utf8')
    // The last line may be under way.
    return text.split('\n').flatMap((line) => (/^\{.*\}$/.test(line) ? [JSON.parse(line) as LogLine] : []))
  }

  get #portsFile(): string {
    return join(this.#options.folder, `${this.name}.ports.json`)
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || this.#hasEnded) return
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
    child.kill(how)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await gone
    clearTimeout(timer)
  }
}

/** Nobody's settings but those that are given. */
const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HOLDFAST|KUMA)_/.test(name)))
