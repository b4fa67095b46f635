import { promises as dns } from 'node:dns'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ZoneDns } from '@holdfast/dns'
import { expect } from 'vitest'
import { followStore } from '../commands/dns.js'
import { Scope } from '../lifecycle/scope.js'
import { type Plane, until } from './mesh.js'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const everyMs = 100

/**
 * A zone's DNS with a client that resolves some of its names ten times a second and remembers every answer that is not the
 * first one. The data folder stays whatever becomes of the zone's processes and stores.
 */
export class Resolving {
  readonly #zone: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-names-'))
  readonly #first = new Map<string, string>()
  readonly #wrong: string[] = []
  readonly #mayGo = new Set<string>()
  #scope: Scope | undefined
  #dns: ZoneDns | undefined
  #port = 0
  #resolver = new dns.Resolver()
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | undefined
  #asked = 0

  constructor(zone: string) {
    this.#zone = zone
  }

  /** A process of the zone on this store takes over: the DNS of the one before ends, and the new one begins with the file. */
  async attach(plane: Plane): Promise<void> {
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
    this.#port = this.#dns.port
    this.#resolver = new dns.Resolver({ timeout: 5_000, tries: 4 })
    this.#resolver.setServers([`127.0.0.1:${this.#port}`])
    followStore(this.#dns, plane.store, true, this.#scope)
  }

  /** The process ends, or its store closes: nobody answers until the next one. */
  async detach(): Promise<void> {
    await this.#asking
    const [dns, scope] = [this.#dns, this.#scope]
    this.#dns = undefined
    await scope?.close(10_000)
    await dns?.close()
  }

  /**
   * Begins to ask. @param steady must have their first answer always. @param others must never have another address, but
   * may be without one for a while: their owner takes them away
   */
  async watch(steady: readonly string[], others: readonly string[] = []): Promise<void> {
    for (const name of [...steady, ...others]) {
      await until(`${name} to be answered`, async () => /^\d/.test(await this.#ask(name)), 30_000)
      this.#first.set(name, await this.#ask(name))
    }
    for (const name of others) this.#mayGo.add(name)
    this.#timer = setInterval(() => {
      if (this.#dns === undefined || this.#asking !== undefined) return
      this.#asking = this.#round().finally(() => {
        this.#asking = undefined
      })
    }, everyMs)
  }

  /** VIP-4: nobody who resolves has seen another address, nor a name away that was always there. */
  async check(): Promise<void> {
    await this.#asking
    await this.#round()
    const faults = this.#dns?.faults ?? []
    expect({ wrong: this.#wrong, faults, hasAsked: this.#asked > 0 }).toEqual({ wrong: [], faults: [], hasAsked: true })
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.detach()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #round(): Promise<void> {
    for (const [name, first] of this.#first) {
      const said = await this.#ask(name)
      this.#asked++
      if (said !== first && !(said === 'ENOTFOUND' && this.#mayGo.has(name)))
        this.#wrong.push(`${name}: ${said}, not ${first}`)
    }
  }

  async #ask(name: string): Promise<string> {
    try {
      return (await this.#resolver.resolve4(name)).join(' ')
    } catch (error) {
      return String((error as { readonly code?: unknown }).code)
    }
  }
}
