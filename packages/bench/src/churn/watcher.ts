import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { Shown } from './judge.js'

export interface Watched {
  shown(service: ServiceId, now: Shown): void
  gone(service: ServiceId): void
}

export interface ServiceId {
  readonly zone: string
  readonly name: string
}

interface Item {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
}

/** Says in a service how far it is. */
export const stepLabel = 'example.com/step'
const retryMs = 250

/** Where a service is from and what it is called there: elsewhere it has another name, which is in its labels. */
export const idOf = ({ name, labels = {} }: Item): ServiceId => ({
  zone: labels['kuma.io/zone'] ?? '',
  name: labels['kuma.io/display-name'] ?? name,
})

export const shownOf = ({ labels = {}, status }: Item): Shown => ({
  step: Number(labels[stepLabel]),
  vip: status?.vips?.[0]?.ip ?? '',
})

/** Follows what a control plane shows of all services until aborted; goes on where it was when a connection ends. */
export class Watcher {
  /** Connections that ended, and how often everything had to be told again. */
  readonly counts = { ended: 0, anew: 0, events: 0 }
  readonly #url: string
  readonly #watched: Watched
  readonly #signal: AbortSignal
  /** By the name at this control plane. */
  readonly #ids = new Map<string, ServiceId>()
  #synced: (() => void) | undefined
  /** Resolves once everything that was there has been told. */
  readonly synced = new Promise<void>((resolve) => {
    this.#synced = resolve
  })
  #lastId = ''

  constructor(apiUrl: string, watched: Watched, signal: AbortSignal) {
    this.#url = `${apiUrl}/meshes/default/meshservices?watch=true`
    this.#watched = watched
    this.#signal = signal
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await this.#connection()
      } catch (error) {
        if (this.#signal.aborted) return
        if (!(error instanceof TypeError)) throw error
      }
      this.counts.ended++
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }

  async #connection(): Promise<void> {
    const headers = { accept: 'text/event-stream', ...(this.#lastId === '' ? {} : { 'last-event-id': this.#lastId }) }
    const response = await fetch(this.#url, { headers, signal: this.#signal })
    if (response.status === 410) {
      this.#anew()
      return
    }
    if (!response.ok) throw new Error(`${this.#url} answered ${response.status}: ${await response.text()}`)
    const parser = createParser({ onEvent: (event) => this.#event(event) })
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
  }

  #event({ event, id, data }: EventSourceMessage): void {
    this.counts.events++
    if (id !== undefined) this.#lastId = id
    if (event === 'synced') this.#synced?.()
    if (event === 'gone') this.#anew()
    const item = JSON.parse(data) as Item
    if (event === 'changed') {
      const service = idOf(item)
      this.#ids.set(item.name, service)
      this.#watched.shown(service, shownOf(item))
    }
    const service = this.#ids.get(item.name)
    if (event === 'deleted' && service !== undefined) this.#watched.gone(service)
  }

  #anew(): void {
    this.counts.anew++
    this.#lastId = ''
  }
}
