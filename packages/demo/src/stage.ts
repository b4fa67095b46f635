import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, startEmbedded, databaseUrl as urlOf } from '@holdfast/store'
import { countWrites } from '@holdfast/store/testing'
import { ControlPlane, program, run, startTcpProxy, type TcpProxy } from '@holdfast/testkit'

/** Everything the demo starts, and what takes it all down again: three processes, three databases, one proxy. */
export class Stage {
  readonly folder: string
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> | void }[] = []
  readonly #signal: AbortSignal
  #closing: Promise<void> | undefined

  constructor(signal: AbortSignal) {
    this.folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
    this.#signal = signal
    this.#own('folder', () => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** A real PostgreSQL with a database for each control plane. */
  async database(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const server = await startEmbedded({ dataDir: join(this.folder, 'database'), signal: this.#signal })
    this.#own('PostgreSQL', () => server.stop())
    const urls = new Map(names.map((name) => [name, urlOf(server.url, name)]))
    for (const name of names) await createDatabase(server.url, name)
    await Promise.all([...urls.values()].map((url) => this.#prepare(url)))
    return urls
  }

  async controlPlane(
    name: string,
    role: 'global' | 'zone',
    databaseUrl: string,
    flags: readonly string[],
  ): Promise<ControlPlane> {
    this.#signal.throwIfAborted()
    const plane = new ControlPlane({ name, role, databaseUrl, folder: this.folder, flags, signal: this.#signal })
    this.#own(name, () => plane.stop())
    await plane.start()
    return plane
  }

  /** A link that can be cut. */
  async proxy(port: number): Promise<TcpProxy> {
    const proxy = await startTcpProxy({ targetPort: port })
    this.#own('proxy', () => proxy.close())
    return proxy
  }

  /** In reverse order of opening; every closer runs. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  /** Migrated, and counted from the first row on: putting triggers on tables that are in use would get in the way. */
  async #prepare(url: string): Promise<void> {
    await run('holdfast', program, ['migrate', '--database-url', url], { signal: this.#signal })
    await countWrites(url)
  }

  #own(name: string, close: () => Promise<void> | void): void {
    this.#closers.push({ name, close })
  }

  async #closeAll(): Promise<void> {
    const errors: Error[] = []
    for (const { name, close } of [...this.#closers].reverse()) {
      try {
        await close()
      } catch (error) {
        errors.push(new Error(`${name} could not be stopped: ${(error as Error).message}`, { cause: error }))
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map((e) => e.message).join('; '))
  }
}
