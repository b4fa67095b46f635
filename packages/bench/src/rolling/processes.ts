import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuSeconds } from '../scale/usage.js'
import { until } from '../stand/until.js'

const program = fileURLToPath(new URL('../../../cp/dist/program/main.js', import.meta.url))

/** One of the globals of a database, as the program that it is; a restart takes the port of before. */
export class GlobalProcess {
  readonly name: string
  readonly #url: string
  readonly #folder: string
  #child: ChildProcess | undefined
  #said = ''
  kdsPort = 0

  constructor(name: string, url: string, folder: string) {
    this.name = name
    this.#url = url
    this.#folder = folder
  }

  /** @returns how long it took until it let zones in, in ms */
  async start(): Promise<number> {
    const portsFile = join(this.#folder, `${this.name}.json`)
    rmSync(portsFile, { force: true })
    const startedMs = performance.now()
    const child = spawn(
      process.execPath,
      [
        ...[
          program,
          'global',
          '--init',
          '--kds-tls',
          'off',
          '--allow-unauthenticated-zone',
          '*',
          '--database-url',
          this.#url,
          '--data-dir',
          join(this.#folder, this.name),
        ],
        ...['--api-port', '0', '--diagnostics-port', '0', '--kds-port', `${this.kdsPort}`, '--ports-file', portsFile],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'))),
      },
    )
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said = `${this.#said}${text}`.slice(-10_000)
      })
    this.#child = child
    await until(`${this.name} to be ready`, () => existsSync(portsFile) || child.exitCode !== null)
    if (!existsSync(portsFile)) throw new Error(`${this.name} did not start: ${this.#said}`)
    this.kdsPort = (JSON.parse(readFileSync(portsFile, 'utf8')) as { kds: number }).kds
    return performance.now() - startedMs
  }

  /** As a service manager does it. @returns how long it took, in ms */
  async stop(): Promise<number> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return 0
    const startedMs = performance.now()
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGTERM')
    await ended
    if (child.exitCode !== 0) throw new Error(`${this.name} ended with ${child.exitCode}: ${this.#said}`)
    return performance.now() - startedMs
  }

  /** So far, since its start; 0 while it does not run. */
  get cpuSeconds(): number {
    const { pid, exitCode } = this.#child ?? { exitCode: 0 }
    return pid === undefined || exitCode !== null ? 0 : cpuSeconds(pid)
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}
