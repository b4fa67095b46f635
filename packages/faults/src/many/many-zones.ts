import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface CrowdState {
  /** Zones that are proven equal in the session that they have. */
  readonly proven: number
  /** Sessions that were proven so far, of all zones. */
  readonly sessions: number
  /** Bytes until they were proven, of the last session of each. */
  readonly bytesOfLast: number
  /** Blocks of VIPs that the one knows who knows fewest: each zone that joins gets some, and all are told. */
  readonly blocks: number
}

const program = fileURLToPath(new URL('../../dist/many/main.js', import.meta.url))
const answerTimeoutMs = 60_000

/** Many zones in one process of their own, with the product's runtime and stores in memory. */
export class ManyZones {
  /** As they are called. */
  readonly names: readonly string[]
  readonly #child: ChildProcess
  readonly #lines: Interface
  #asking: Promise<unknown> = Promise.resolve()

  private constructor(child: ChildProcess, lines: Interface, count: number) {
    this.names = Array.from({ length: count }, (_, i) => `crowd-${i + 1}`)
    this.#child = child
    this.#lines = lines
  }

  static async start(count: number, addresses: readonly string[], signal: AbortSignal): Promise<ManyZones> {
    const child = spawn(process.execPath, [program, String(count), ...addresses], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.on('error', () => {})
    signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
    const zones = new ManyZones(child, createInterface({ input: child.stdout }), count)
    await zones.state()
    return zones
  }

  state(): Promise<CrowdState> {
    return this.#ask<CrowdState>('state')
  }

  /** The oldest version of a service that any of them has; 0: one has none. */
  async versionOf(name: string, origin: string): Promise<number> {
    return (await this.#ask<{ readonly oldest: number }>(`version ${name} ${origin}`)).oldest
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }

  #ask<T>(what: string): Promise<T> {
    const asked = this.#asking.then(
      () =>
        new Promise<T>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`the zones do not answer ${what}`)), answerTimeoutMs)
          this.#lines.once('line', (line) => {
            clearTimeout(timer)
            resolve(JSON.parse(line) as T)
          })
          this.#child.stdin?.write(`${what}\n`)
        }),
    )
    this.#asking = asked.catch(() => undefined)
    return asked
  }
}
