import { randomInt } from 'node:crypto'
import { endpointProblems, globalEndpointsKind } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import type { EndpointFile } from './endpoint-file.js'
import { Endpoints, type EndpointView } from './endpoints.js'

export interface EndpointKeeperOptions {
  /** What the operator has configured; at least one. */
  readonly configured: readonly string[]
  readonly store: ControlPlaneStore
  /** Undefined: nothing outlives the database. */
  readonly file: EndpointFile | undefined
  readonly log: Logger
}

/** The one resource in which global tells where it can be dialled. */
export const globalEndpointsKey = { type: 'GlobalEndpoints', mesh: '', name: 'global' } as const

/**
 * Keeps the list of endpoints over restarts: in the store, as the resource that global sent, and in a file once it was
 * proven. Neither of them can make the list empty, and a disk or a database that fails stops nothing (EMPTY, LKG).
 */
export class EndpointKeeper {
  readonly #options: EndpointKeeperOptions
  readonly #endpoints: Endpoints
  /** The file does not say what is known: it is written with the next proof, whether that changes anything or not. */
  #fileIsStale = false
  #writing: Promise<void> = Promise.resolve()
  #writeError: string | undefined
  #refused: string | undefined
  #counts = { listsRefused: 0, readFailures: 0, writeFailures: 0 }

  constructor(options: EndpointKeeperOptions) {
    this.#options = options
    this.#endpoints = new Endpoints(options.configured)
  }

  /** Reads what was remembered, before the first attempt. */
  async open(): Promise<void> {
    await this.#readFile()
    await this.learn()
    const { log } = this.#options
    log.info({ endpoints: this.view().map(({ address, source }) => ({ address, source })) }, 'endpoints of global')
  }

  /** Looks at what global says. Called when the resource was stored. */
  async learn(): Promise<void> {
    const { store, log } = this.#options
    let spec: Uint8Array | undefined
    try {
      const row = await store.read.get(globalEndpointsKey)
      spec = row?.deleted === false ? row.spec : undefined
    } catch (error) {
      log.warn({ err: error }, 'the endpoints that global told could not be read; those that are known are dialled')
      return
    }
    // Nothing told is no statement: what is known stays.
    if (spec === undefined) return
    const addresses = globalEndpointsKind.read(spec)?.addresses ?? []
    const problems = [...endpointProblems(addresses)].map(([, message]) => message)
    const { outcome, why } =
      problems.length > 0
        ? ({ outcome: 'refused', why: problems.join('; ') } as const)
        : this.#endpoints.learn(addresses)
    switch (outcome) {
      case 'same':
        break
      case 'refused':
        this.#counts.listsRefused++
        this.#refused = why
        log.error({ addresses, why }, 'a list of endpoints of global was not taken; the last good one stays')
        break
      case 'learned':
        log.info(
          { addresses },
          'learned a list of endpoints of global; it is taken once a session over one of them was in step',
        )
        break
      case 'adopted':
        this.#adopted()
        this.#save()
        break
    }
    if (outcome !== 'refused') this.#refused = undefined
  }

  /** The next address to dial. */
  next(): string {
    return this.#endpoints.next(() => randomInt(1_000_000) / 1_000_000)
  }

  get roundGoesOn(): boolean {
    return this.#endpoints.roundGoesOn
  }

  /** More than one address is known: none of them is waited for as long as a single one would be. */
  get hasChoice(): boolean {
    return this.view().length > 1
  }

  /** The session over the address in use is in step. */
  proven(): void {
    const { changed, adopted } = this.#endpoints.proven(Date.now())
    if (adopted) this.#adopted()
    if (changed || this.#fileIsStale) this.#save()
  }

  /** Whoever is at the address in use is about to stop: it is dialled last. */
  left(): void {
    this.#endpoints.left()
  }

  ended(reason: string): void {
    this.#endpoints.ended(reason, Date.now())
  }

  view(): readonly EndpointView[] {
    return this.#endpoints.view()
  }

  counts(): Readonly<{ listsRefused: number; readFailures: number; writeFailures: number }> {
    return this.#counts
  }

  /** What stands in the way of keeping the list, for whoever asks. */
  problems(): readonly string[] {
    return [
      ...(this.#refused === undefined ? [] : [`the list that global told was not taken: ${this.#refused}`]),
      ...(this.#writeError === undefined ? [] : [`the list is not on disk: ${this.#writeError}`]),
    ]
  }

  /** What is under way to the disk is there, or has failed. */
  async close(): Promise<void> {
    await this.#writing
  }

  #adopted(): void {
    const { log } = this.#options
    log.info(
      { endpoints: this.#endpoints.good?.addresses, over: this.#endpoints.inUse },
      'took the list of endpoints that global told',
    )
  }

  async #readFile(): Promise<void> {
    const { file, log } = this.#options
    if (file === undefined) return
    const read = await file.read()
    if (read.outcome === 'read') this.#endpoints.remember(read.remembered)
    this.#fileIsStale = read.outcome !== 'read'
    if (read.outcome !== 'unusable') return
    this.#counts.readFailures++
    log.error(
      { file: file.path, reason: read.reason },
      'the remembered endpoints of global cannot be used; those in the store and the configured ones are dialled',
    )
  }

  /** One write at a time, the newest list last. */
  #save(): void {
    const { file, log } = this.#options
    const { good } = this.#endpoints
    if (file === undefined || good === undefined) return
    this.#writing = this.#writing.then(async () => {
      try {
        await file.write(good)
        this.#fileIsStale = false
        this.#writeError = undefined
      } catch (error) {
        this.#fileIsStale = true
        this.#writeError = (error as Error).message
        this.#counts.writeFailures++
        log.error(
          { err: error, file: file.path },
          'the endpoints of global could not be written down; they are kept in memory and tried again with the next session',
        )
      }
    })
  }
}
