import { randomUUID } from 'node:crypto'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { Problem } from '@holdfast/model'
import type { LinkEnd } from '../status.js'
import {
  type AdminKind,
  type AdminQuestion,
  adminRequestName,
  decodeAdminAnswer,
  encodeAdminRequest,
} from './messages.js'

type Call = ServerDuplexStream<Buffer, Buffer>

export interface AskOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

interface Asked {
  readonly call: Call
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (problem: Problem) => void
}

/** Questions under way on one stream; a zone that answers none of them does not make us remember more. */
const askedMax = 64

/**
 * Global's end of the admin streams of plain zones. Each zone opens one stream of each kind and is silent on it until it
 * is asked something; the newest stream of a zone and kind is the one that is asked, as a Kuma has it.
 */
export class AdminDesk {
  readonly #end: (call: Call, end: LinkEnd) => void
  readonly #streams = new Map<string, Call>()
  readonly #asked = new Map<string, Asked>()

  constructor(end: (call: Call, end: LinkEnd) => void) {
    this.#end = end
  }

  /** Takes over a stream that was let in. */
  open(zone: string, kind: AdminKind, call: Call): void {
    const key = keyOf(zone, kind)
    this.#streams.set(key, call)
    call.on('data', (bytes: Buffer) => this.#heard(kind, call, bytes))
    // A zone that stops half-closes first; whoever is never answered back would wait for its connection to go.
    call.on('end', () => call.end())
    call.once('close', () => {
      if (this.#streams.get(key) === call) this.#streams.delete(key)
      this.#fail(call, `zone ${zone} went away before it answered`)
    })
  }

  /** The kinds on which this zone can be asked now. */
  kindsOf(zone: string): readonly AdminKind[] {
    return (['xds', 'stats', 'clusters'] as const).filter((kind) => this.#streams.has(keyOf(zone, kind)))
  }

  /**
   * Asks a zone about one of its proxies.
   * @throws Problem `unavailable`: not connected, no answer in time; `invalid`: what the zone answered instead of a result
   */
  ask(zone: string, question: AdminQuestion, { timeoutMs, signal }: AskOptions): Promise<Uint8Array> {
    const { kind } = question
    const call = this.#streams.get(keyOf(zone, kind))
    const failed = (reason: string) => new Problem('unavailable', `could not send ${adminRequestName[kind]}: ${reason}`)
    if (call === undefined) return Promise.reject(failed(`client ${zone} is not connected`))
    const underWay = [...this.#asked.values()].filter((asked) => asked.call === call).length
    if (underWay >= askedMax)
      return Promise.reject(failed(`zone ${zone} has ${underWay} questions of this kind to answer; try again`))
    const requestId = randomUUID()
    return new Promise<Uint8Array>((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
        this.#asked.delete(requestId)
      }
      const fail = (problem: Problem): void => {
        over()
        reject(problem)
      }
      const aborted = (): void => fail(failed('whoever asked went away'))
      const timer = setTimeout(() => fail(failed(`zone ${zone} did not answer within ${timeoutMs} ms`)), timeoutMs)
      this.#asked.set(requestId, {
        call,
        reject: fail,
        resolve: (body) => {
          over()
          resolve(body)
        },
      })
      if (signal?.aborted === true) aborted()
      else {
        signal?.addEventListener('abort', aborted, { once: true })
        call.write(encodeAdminRequest(requestId, question))
      }
    })
  }

  close(end: LinkEnd): void {
    for (const call of this.#streams.values()) {
      this.#fail(call, end.reason)
      this.#end(call, end)
    }
    this.#streams.clear()
  }

  /** An answer that nobody waits for any more came late; a Kuma ends the stream for it, and the zone's whole session with it. */
  #heard(kind: AdminKind, call: Call, bytes: Buffer): void {
    try {
      const answer = decodeAdminAnswer(kind, bytes)
      const asked = this.#asked.get(answer.requestId)
      if (asked?.call !== call) return
      if ('body' in answer) asked.resolve(answer.body)
      else asked.reject(new Problem('invalid', `could not send ${adminRequestName[kind]}: ${answer.error}`))
    } catch (error) {
      this.#end(call, { code: 'INVALID_ARGUMENT', reason: (error as Error).message })
    }
  }

  #fail(call: Call, reason: string): void {
    for (const asked of this.#asked.values()) if (asked.call === call) asked.reject(new Problem('unavailable', reason))
  }
}

const keyOf = (zone: string, kind: AdminKind): string => `${zone}\n${kind}`
