import { promises as dns } from 'node:dns'

export interface NameClientOptions {
  /** Whom it asks may end at any moment: that nobody answers is no answer then. */
  readonly mayEnd: boolean
  /** Names asked in one round, the next ones in the next; all of them unless said otherwise. */
  readonly perRound?: number
}

const everyMs = 100
const silence = new Set(['ETIMEOUT', 'ECONNREFUSED'])
const wrongMax = 100

/** A client that resolves some names of a zone ten times a second and remembers every answer that is not the first one. */
export class NameClient {
  readonly #mayEnd: boolean
  readonly #perRound: number
  readonly #first = new Map<string, string>()
  readonly #wrong: string[] = []
  readonly #mayGo = new Set<string>()
  #next = 0
  #answered = 0
  #silent = 0
  #resolver: dns.Resolver | undefined
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<unknown> | undefined

  constructor({ mayEnd, perRound = Number.POSITIVE_INFINITY }: NameClientOptions) {
    this.#mayEnd = mayEnd
    this.#perRound = perRound
  }

  /** Every answer that was not the first one, in words. */
  get wrong(): readonly string[] {
    return this.#wrong
  }

  get watched(): number {
    return this.#first.size
  }

  /** Questions that were answered, and those that nobody heard. */
  get counts(): { readonly answered: number; readonly silent: number } {
    return { answered: this.#answered, silent: this.#silent }
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
   * @throws Error if a name is not answered within 30 s
   */
  async watch(steady: readonly string[], others: readonly string[] = []): Promise<void> {
    for (const name of [...steady, ...others]) {
      const endMs = performance.now() + 30_000
      for (;;) {
        const said = await this.#answer(name)
        if (said !== undefined && /^\d/.test(said)) {
          this.#first.set(name, said)
          break
        }
        if (performance.now() > endMs) throw new Error(`waited 30 s for ${name} to be answered`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    for (const name of others) this.#mayGo.add(name)
    this.#timer = setInterval(() => {
      if (this.#resolver === undefined || this.#asking !== undefined) return
      this.#asking = this.#round(this.#due()).finally(() => {
        this.#asking = undefined
      })
    }, everyMs)
  }

  /** Whether each of the names is answered now. */
  async answersAll(): Promise<boolean> {
    await this.#asking
    return (await this.#round([...this.#first.keys()])) === this.#first.size
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.ask(undefined)
  }

  #due(): readonly string[] {
    const names = [...this.#first.keys()]
    if (names.length <= this.#perRound) return names
    const due = Array.from({ length: this.#perRound }, (_, i) => names[(this.#next + i) % names.length] ?? '')
    this.#next = (this.#next + this.#perRound) % names.length
    return due
  }

  /** How many were answered, however. */
  async #round(names: readonly string[]): Promise<number> {
    let answered = 0
    for (const name of names) {
      const first = this.#first.get(name)
      let said = await this.#answer(name)
      // The resolver says so of a server that ends just then as well, once in some thousand times; a real one stays a while.
      if (this.#mayEnd && said === 'ENODATA') said = await this.#answer(name)
      if (said === undefined) {
        this.#silent++
        continue
      }
      answered++
      this.#answered++
      const isFine = said === first || (said === 'ENOTFOUND' && this.#mayGo.has(name))
      if (!isFine && this.#wrong.length < wrongMax)
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
