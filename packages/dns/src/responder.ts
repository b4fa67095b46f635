import { answer, type Served } from './answer.js'
import { encodeBad, encodeResponse, hear, type Query, refusing, sayingOf } from './message.js'
import type { Forwarder } from './server/forward.js'

/** What became of a query, as a metric counts it. */
export type Verdict = 'answered' | 'nodata' | 'nxdomain' | 'forwarded' | 'refused' | 'failed' | 'malformed' | 'ignored'

export interface ResponderOptions {
  /** What is served now; undefined while nothing is known yet. */
  readonly served: () => Served | undefined
  /** Undefined: what is not ours is refused. */
  readonly forwarder: Pick<Forwarder, 'ask'> | undefined
  /** As in the forwarder's queries. */
  readonly mark: string
  readonly count: (verdict: Verdict) => void
  /** A query of our own came back: an upstream asks us. */
  readonly onLoop: () => void
}

export type Transport = 'udp' | 'tcp'

/** Bytes in, bytes out; a promise only where somebody else has to be asked. */
export class Responder {
  readonly #options: ResponderOptions

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** @returns undefined where no answer is the right one. Never throws. */
  respond(bytes: Buffer, transport: Transport): Buffer | undefined | Promise<Buffer | undefined> {
    const heard = hear(bytes)
    if (heard.outcome === 'ignored') {
      this.#options.count('ignored')
      return undefined
    }
    if (heard.outcome === 'bad') {
      this.#options.count('malformed')
      return encodeBad(heard)
    }
    const { query } = heard
    const { forwarder, served, count } = this.#options
    const recursion = forwarder !== undefined
    const say = (what: Parameters<typeof encodeResponse>[1]): Buffer => encodeResponse(query, what, transport)
    if (query.edns !== undefined && query.edns.version > 0) {
      count('malformed')
      return say(refusing('BADVERS', recursion))
    }
    const now = served()
    if (now === undefined) {
      count('failed')
      return say(refusing('SERVFAIL', recursion))
    }
    const answered = answer(query.question, now)
    if (answered.outcome === 'foreign') return this.#foreign(query, transport)
    count(answered.outcome)
    return say(sayingOf(answered, recursion))
  }

  #foreign(query: Query, transport: Transport): Buffer | Promise<Buffer> {
    const { forwarder, mark, count, onLoop } = this.#options
    const looped = query.marks.includes(mark)
    if (looped) onLoop()
    // Who does not want recursion gets none (RFC 1035 §4.1.1).
    if (forwarder === undefined || looped || !query.recursionDesired) {
      count('refused')
      return encodeResponse(query, refusing('REFUSED', forwarder !== undefined), transport)
    }
    return forwarder.ask(query, transport).then(
      (response) => {
        count(response === undefined ? 'failed' : 'forwarded')
        return response ?? encodeResponse(query, refusing('SERVFAIL', true), transport)
      },
      () => {
        count('failed')
        return encodeResponse(query, refusing('SERVFAIL', true), transport)
      },
    )
  }
}
