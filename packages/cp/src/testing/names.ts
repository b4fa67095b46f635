import { promises as dns } from 'node:dns'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ZoneDns } from '@holdfast/dns'
import { expect } from 'vitest'
import { followStore } from '../commands/dns.js'
import { Scope } from '../lifecycle/scope.js'
import { inStep, until, type ZonePlane } from './mesh.js'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const everyMs = 100
const silence = new Set(['ETIMEOUT', 'ECONNREFUSED'])

/** A client that resolves some names of a zone ten times a second and remembers every answer that is not the first one. */
export class NameClient {
  readonly #mayEnd: boolean
  readonly #first = new Map<string, string>()
  readonly #wrong: string[] = []
  readonly #mayGo = new Set<string>()
  #resolver: dns.Resolver | undefined
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<unknown> | undefined

  /** @param mayEnd whom it asks may end at any moment: that nobody answers is no answer then */
  constructor(mayEnd: boolean) {
    this.#mayEnd = mayEnd
  }

  /** From here on it asks there; undefined: nobody. Resolves when nothing is asked where it asked before. */
  async ask(port: number | undefined): Promise<void> {
    this.#resolver = undefined
    await this.#asking
    if (port === undefined) return
    // Little patience where silence is no answer: whoever begins to listen is asked soon.
    this.#resolver = new dns.Resolver(this.#mayEnd ? { timeout: 1_000, tries: 2 } : { timeout: 5_000, tries: 4 })
    this.#resolver.setServers([`127.0.0.1:${port}`])
  }

  /**
   * Begins to ask. @param steady must have their first answer always. @param others must never have another address, but
   * may be without one for a while: their owner takes them away
   */
  async watch(steady: readonly string[], others: readonly string[] = []): Promise<void> {
    for (const name of [...steady, ...others])
      await until(
        `${name} to be answered`,
        async () => {
          const said = await this.#answer(name)
          if (said !== undefined && /^\d/.test(said)) this.#first.set(name, said)
          return this.#first.has(name)
        },
        30_000,
      )
    for (const name of others) this.#mayGo.add(name)
    this.#timer = setInterval(() => {
      if (this.#resolver === undefined || this.#asking !== undefined) return
      this.#asking = this.#round().finally(() => {
        this.#asking = undefined
      })
    }, everyMs)
  }

  /** VIP-4: nobody who resolves has seen another address, nor a name away that was always there; and all are answered now. */
  async check(): Promise<void> {
    await until(
      'every name to be answered',
      async () => {
        await this.#asking
        return (await this.#round()) === this.#first.size
      },
      30_000,
    )
    expect({ wrong: this.#wrong, isAsking: this.#first.size > 0 }).toEqual({ wrong: [], isAsking: true })
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.ask(undefined)
  }

  /** How many were answered, however. */
  async #round(): Promise<number> {
    let answered = 0
    for (const [name, first] of this.#first) {
      let said = await this.#answer(name)
      // The resolver says so of a server that ends just then as well, once in some thousand times; a real one stays a while.
      if (this.#mayEnd && said === 'ENODATA') said = await this.#answer(name)
      if (said === undefined) continue
      answered++
      if (said !== first && !(said === 'ENOTFOUND' && this.#mayGo.has(name)))
        this.#wrong.push(`${name}: ${said}, not ${first} (${new Date().toISOString()})`)
    }
    return answered
  }

  async #answer(name: string): Promise<string | undefined> {
    try {
      return (await this.#resolver?.resolve4(name))?.join(' ')
    } catch (error) {
      const code = String((error as { readonly code?: unknown }).code)
      return this.#mayEnd && silence.has(code) ? undefined : code
    }
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
  #port = 0

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
    this.#port = this.#dns.port
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
    expect(this.#dns?.faults ?? []).toEqual([])
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
