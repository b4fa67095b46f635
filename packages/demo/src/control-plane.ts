import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from './until.js'

export interface Ports {
  readonly api: number
  readonly kds?: number | undefined
  readonly dns?: number | undefined
  readonly diagnostics: number
}

export interface ControlPlaneOptions {
  readonly name: string
  readonly role: 'global' | 'zone'
  readonly databaseUrl: string
  readonly folder: string
  readonly flags: readonly string[]
  readonly signal: AbortSignal
}

/** The control plane's program, as `tsc -b` has made it. */
export const program = fileURLToPath(new URL('../../cp/dist/main.js', import.meta.url))
const startTimeoutMs = 30_000
const stopTimeoutMs = 10_000

/** One `holdfast` process, started from this checkout, with its log in a file of its own. */
export class ControlPlane {
  readonly name: string
  readonly databaseUrl: string
  readonly #options: ControlPlaneOptions
  #child: ChildProcess | undefined
  #ports: Ports | undefined

  constructor(options: ControlPlaneOptions) {
    this.name = options.name
    this.databaseUrl = options.databaseUrl
    this.#options = options
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

  /** Starts it and waits until it is ready. A restart takes the ports of the first start, as a service manager would. */
  async start(): Promise<void> {
    const { role, databaseUrl, folder, flags, signal } = this.#options
    const portsFile = join(folder, `${this.name}.ports.json`)
    rmSync(portsFile, { force: true })
    const ports = this.#ports
    const args = [
      program,
      role,
      ...(role === 'zone'
        ? ['--zone', this.name, '--dns-port', String(ports?.dns ?? 0)]
        : ['--kds-port', String(ports?.kds ?? 0)]),
      ...['--database-url', databaseUrl, '--data-dir', join(folder, this.name), '--init'],
      ...['--api-port', String(ports?.api ?? 0), '--diagnostics-port', String(ports?.diagnostics ?? 0)],
      ...['--ports-file', portsFile, ...flags],
    ]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const log = createWriteStream(this.logFile, { flags: 'a' })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    child.once('close', () => log.end())
    this.#child = child
    await until(() => existsSync(portsFile) || child.exitCode !== null || child.signalCode !== null, {
      what: `${this.name} to be ready`,
      withinMs: startTimeoutMs,
      signal,
    })
    // Ctrl-C reaches every process of the terminal: who was stopped with us has not failed.
    signal.throwIfAborted()
    if (!existsSync(portsFile)) throw new Error(`${this.name} stopped while starting:\n${this.lastLog()}`)
    this.#ports = JSON.parse(readFileSync(portsFile, 'utf8')) as Ports
  }

  /** SIGKILL: no goodbye to anyone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  lastLog(lines = 12): string {
    if (!existsSync(this.logFile)) return '(no log)'
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
    child.kill(how)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await gone
    clearTimeout(timer)
  }
}
