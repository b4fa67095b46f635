import { execFile } from 'node:child_process'
import type { Logger } from 'pino'

const timeoutMs = 5_000

/**
 * What systemd is told of a unit of `Type=notify`: that it is ready, and that it stops. Node opens no socket of that kind, so
 * systemd's own program says it (`NotifyAccess=all`). Without a service manager nothing is said.
 */
export class ServiceManager {
  readonly #socket: string | undefined
  readonly #log: Logger

  /** @param socket NOTIFY_SOCKET of the environment */
  constructor(socket: string | undefined, log: Logger) {
    this.#socket = socket === '' ? undefined : socket
    this.#log = log
  }

  ready(): Promise<void> {
    return this.#say('--ready', '--status=serving')
  }

  stopping(): Promise<void> {
    return this.#say('STOPPING=1', '--status=sending zones to the other replicas')
  }

  #say(...args: readonly string[]): Promise<void> {
    if (this.#socket === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      execFile('systemd-notify', [`--pid=${process.pid}`, ...args], { timeout: timeoutMs }, (error) => {
        if (error !== null) this.#log.warn({ err: error }, 'the service manager could not be told (systemd-notify)')
        resolve()
      })
    })
  }
}
