import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ZoneDns } from '@holdfast/dns'
import { NameClient as Asking, freePort } from '@holdfast/testkit'
import { expect } from 'vitest'
import { followStore } from '../commands/dns.js'
import { Scope } from '../lifecycle/scope.js'
import { inStep, until, type ZonePlane } from './mesh.js'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** A client of a zone's names that says in a test what was not as it should be. */
export class NameClient {
  readonly #client: Asking

  /** @param mayEnd whom it asks may end at any moment: that nobody answers is no answer then */
  constructor(mayEnd: boolean) {
    this.#client = new Asking({ mayEnd })
  }

  /** See the client of the testkit. */
  ask(port: number | undefined): Promise<void> {
    return this.#client.ask(port)
  }

  /** See the client of the testkit. */
  watch(steady: readonly string[], others: readonly string[] = []): Promise<void> {
    return this.#client.watch(steady, others)
  }

  /** VIP-4: nobody who resolves has seen another address, nor a name away that was always there; and all are answered now. */
  async check(): Promise<void> {
    await until('every name to be answered', () => this.#client.answersAll(), 30_000)
    const { wrong, watched } = this.#client
    expect({ wrong, isAsking: watched > 0 }).toEqual({ wrong: [], isAsking: true })
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

/**
 * A zone's DNS in this process, with a client of it. The data folder stays whatever becomes of the zone's processes and
 * stores.
 */
export class Resolving {
  readonly #zone: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-names-'))
  readonly #client = new NameClient(false)
  #scope: Scope | undefined
  #dns: ZoneDns | undefined
  readonly #port = freePort()

  constructor(zone: string) {
    this.#zone = zone
  }

  /** A process of the zone on this store takes over: the DNS of the one before ends, and the new one begins with the file. */
  async attach(plane: ZonePlane): Promise<void> {
    await this.detach()
    this.#scope = new Scope()
    this.#dns = await ZoneDns.start({
      zone: this.#zone,
      address: '127.0.0.1',
      port: this.#port,
      upstreams: [],
      mark: 'test',
      dataDir: this.#folder,
      nowMs: Date.now,
      log: silent,
    })
    await this.#client.ask(this.#port)
    followStore(this.#dns, plane.store, () => inStep(plane), this.#scope)
  }

  /** The process ends, or its store closes: nobody answers until the next one. */
  async detach(): Promise<void> {
    await this.#client.ask(undefined)
    const [dns, scope] = [this.#dns, this.#scope]
    this.#dns = undefined
    await scope?.close(10_000)
    await dns?.close()
  }

  /** See the client. */
  watch(steady: readonly string[], others: readonly string[] = []): Promise<void> {
    return this.#client.watch(steady, others)
  }

  /** See the client; and the zone has found no fault in its answers. */
  async check(): Promise<void> {
    await this.#client.check()
    expect(this.faults).toEqual([])
  }

  /** What its zone finds wrong in its answers, as it tells global. */
  get faults(): readonly string[] {
    return this.#dns?.faults ?? []
  }

  /** The last check, and the end. */
  async end(): Promise<void> {
    await this.check().finally(() => this.close())
  }

  async close(): Promise<void> {
    await this.#client.close()
    await this.detach()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A zone's DNS with a client of these names from here on. */
export async function resolving(
  plane: ZonePlane,
  steady: readonly string[],
  others: readonly string[] = [],
): Promise<Resolving> {
  const names = new Resolving(plane.name)
  await names.attach(plane)
  await names.watch(steady, others)
  return names
}
