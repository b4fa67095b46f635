import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '@holdfast/proto'
import { Level } from '../peer/level.js'
import type { Heard, Request, Response, Stream, StreamEnd, Talk } from '../peer/visit.js'
import { providedTypes } from '../rules/join.js'

interface Said<M> {
  readonly messages: M[]
  readonly unreadable: string[]
  readonly headersAtMs: number
  readonly firstAtMs: number
  end: StreamEnd | undefined
}

interface PlayedRequest {
  readonly typeUrl: string
  readonly resourceNamesSubscribe?: string[]
  readonly responseNonce?: string
  readonly errorDetail?: { readonly message: string }
  readonly node?: { readonly id: string }
}

/** A global that is played: what it does when a zone opens a stream, asks or offers. What is left out is done as it should be. */
export interface Part {
  readonly opened?: (stream: Stream, visit: PlayedVisit) => void
  readonly asked?: (request: Request, visit: PlayedVisit) => void
  readonly offered?: (response: Response, visit: PlayedVisit) => void
  readonly health?: { readonly intervalMs: number } | StreamEnd
  readonly level?: Level
}

/** A visit at a global that is played in the same call: nothing is waited for, and every message is made by hand. */
export class PlayedVisit implements Talk {
  readonly zone: string
  readonly level: Level
  readonly #part: Part
  readonly #said = new Map<Stream, Said<unknown>>()
  #nonce = 0

  constructor(zone: string, part: Part = {}) {
    this.zone = zone
    this.#part = part
    this.level = part.level ?? new Level()
  }

  open(stream: Stream): void {
    this.#said.set(stream, { messages: [], unreadable: [], headersAtMs: 1, firstAtMs: 2, end: undefined })
    if (this.#part.opened !== undefined) this.#part.opened(stream, this)
    else if (stream === 'up') this.requestAll()
  }

  get down(): Heard<DeltaDiscoveryResponse> {
    return this.#of('down')
  }

  get up(): Heard<DeltaDiscoveryRequest> {
    return this.#of('up')
  }

  heard(stream: Stream): Heard<unknown> {
    return this.#of(stream)
  }

  ask(request: Request): void {
    if (this.#part.asked !== undefined) this.#part.asked(request, this)
    else if ((request.responseNonce ?? '') === '') this.say({ typeUrl: request.typeUrl })
  }

  subscribe(types: readonly string[]): void {
    for (const typeUrl of types) this.ask({ typeUrl, resourceNamesSubscribe: ['*'] })
  }

  ack({ typeUrl, nonce }: Pick<DeltaDiscoveryResponse, 'typeUrl' | 'nonce'>): void {
    this.ask({ typeUrl, responseNonce: nonce })
  }

  offer(response: Response): void {
    if (this.#part.offered !== undefined) this.#part.offered(response, this)
    else this.answer(response)
  }

  health(): Promise<{ readonly intervalMs: number } | StreamEnd> {
    return Promise.resolve(this.#part.health ?? { intervalMs: 0 })
  }

  /** Global says something on GlobalToZoneSync, with a nonce of its own unless one is given. */
  say(response: MessageInitShape<typeof DeltaDiscoveryResponseSchema>): void {
    this.#nonce += 1
    this.#hear('down', create(DeltaDiscoveryResponseSchema, { nonce: String(this.#nonce), ...response }))
  }

  /** Global says something on ZoneToGlobalSync, with the node of this zone unless another is given. */
  request({ node = { id: this.zone }, ...request }: PlayedRequest): void {
    this.#hear('up', create(DeltaDiscoveryRequestSchema, { node, ...request }))
  }

  requestWithoutNode(typeUrl: string): void {
    this.#hear('up', create(DeltaDiscoveryRequestSchema, { typeUrl, resourceNamesSubscribe: ['*'] }))
  }

  /** Asks for everything that a zone provides. */
  requestAll(): void {
    for (const typeUrl of providedTypes) this.request({ typeUrl, resourceNamesSubscribe: ['*'] })
  }

  /** Global acknowledges what was offered, or refuses it. */
  answer({ typeUrl, nonce }: Response, refusal?: string): void {
    this.request({
      ...{ typeUrl, responseNonce: nonce },
      ...(refusal === undefined ? {} : { errorDetail: { message: refusal } }),
    })
  }

  garble(stream: Stream, what: string): void {
    this.#of(stream).unreadable.push(what)
    this.level.changed()
  }

  end(stream: Stream, code: string, details = ''): void {
    this.#of(stream).end = { code, details }
    this.level.changed()
  }

  #hear(stream: Stream, message: unknown): void {
    this.#of(stream).messages.push(message)
    this.level.changed()
  }

  #of<M>(stream: Stream): Said<M> {
    const said = this.#said.get(stream)
    if (said === undefined) throw new Error(`${stream} was not opened`)
    return said as Said<M>
  }
}
