import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { within } from '@holdfast/deadline'
import { answersForwarded, encodeForwarded, type Query, underId } from '../message.js'
import { Frames, framed } from './frames.js'

export interface Upstream {
  readonly host: string
  readonly port: number
}

export interface ForwarderOptions {
  /** Tried in this order. */
  readonly upstreams: readonly Upstream[]
  /** In every query that we send on; one that comes back to us has gone in a circle. */
  readonly mark: string
  readonly signal: AbortSignal
}

/** How long one upstream may take; a resolver asks again after about 5 s. */
export const upstreamTimeoutMs = 2_000
/** Questions under way; one more is answered SERVFAIL at once. */
export const forwardingMax = 1_000

/**
 * Asks upstreams what is not ours to answer. A question that is under way already is not asked twice: so a loop through
 * resolvers that drop our mark ends here as well.
 */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #underWay = new Map<string, Promise<Buffer | undefined>>()

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /** @returns the response as it goes to the client; undefined if no upstream answered (SERVFAIL) */
  async ask(query: Query, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const { name, type, class: of } = query.question
    const key = JSON.stringify([
      name.toLowerCase(),
      type,
      of,
      transport,
      query.edns?.udpBytes,
      query.edns?.dnssecOk,
      query.recursionDesired,
    ])
    const running = this.#underWay.get(key)
    if (running === undefined && this.#underWay.size >= forwardingMax) return undefined
    const asking = running ?? this.#ask(query, transport)
    if (running === undefined) {
      this.#underWay.set(key, asking)
      void asking.finally(() => this.#underWay.delete(key))
    }
    const answered = await asking
    return answered === undefined ? undefined : underId(answered, query.id)
  }

  get underWay(): number {
    return this.#underWay.size
  }

  async #ask(query: Query, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    for (const upstream of this.#options.upstreams) {
      if (this.#options.signal.aborted) return undefined
      const id = randomInt(65_536)
      const bytes = encodeForwarded(query, id, this.#options.mark)
      const exchange = transport === 'udp' ? overUdp : overTcp
      const fits = (answer: Buffer): boolean => answersForwarded(answer, id, query.question)
      const answered = await within(upstreamTimeoutMs, [this.#options.signal], (signal) =>
        exchange(upstream, bytes, fits, signal),
      )
      if (answered !== undefined) return answered
    }
    return undefined
  }
}

type Fits = (answer: Buffer) => boolean

/** A socket of its own, with a port of its own: who wants to forge an answer has to guess both port and number. */
function overUdp(
  { host, port }: Upstream,
  bytes: Buffer,
  fits: Fits,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const end = (answer: Buffer | undefined): void => {
      signal.removeEventListener('abort', gaveUp)
      socket.removeAllListeners()
      socket.on('error', () => undefined)
      socket.close()
      resolve(answer)
    }
    const gaveUp = (): void => end(undefined)
    signal.addEventListener('abort', gaveUp, { once: true })
    socket.on('error', gaveUp)
    socket.on('message', (answer) => {
      if (fits(answer)) end(answer)
    })
    socket.connect(port, host, () => {
      socket.send(bytes, (error) => {
        if (error !== null) gaveUp()
      })
    })
  })
}

function overTcp(
  { host, port }: Upstream,
  bytes: Buffer,
  fits: Fits,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const frames = new Frames()
    const end = (answer: Buffer | undefined): void => {
      signal.removeEventListener('abort', gaveUp)
      socket.destroy()
      resolve(answer)
    }
    const gaveUp = (): void => end(undefined)
    signal.addEventListener('abort', gaveUp, { once: true })
    socket.on('error', gaveUp)
    socket.on('close', gaveUp)
    socket.on('data', (chunk) => {
      for (const answer of frames.push(chunk)) if (fits(answer)) return end(answer)
    })
    socket.write(framed(bytes))
  })
}
