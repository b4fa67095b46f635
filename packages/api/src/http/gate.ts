import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { TokenBucket } from '@holdfast/model'

export interface GateLimits {
  /** Connections at once. */
  readonly connectionsMax: number
  /** Of one address: a team behind one NAT, and not all that there can be. */
  readonly connectionsPerAddressMax: number
  /** Requests that one address may send at once, and a second after that. */
  readonly requestsBurst: number
  readonly requestsPerSecond: number
  /** Until a connection has said all headers of a request, TLS included: whoever says them a byte at a time is cut. */
  readonly headersTimeoutMs: number
  /** Until the whole of a request has come. */
  readonly requestTimeoutMs: number
  /** Of all headers together: the longest token is 16 KiB. */
  readonly headerBytesMax: number
  /** Whoever is on this machine, and whoever comes through a proxy on it, counts as any other address. */
  readonly countsLoopback: boolean
}

export const defaultGateLimits: GateLimits = {
  connectionsMax: 4_096,
  connectionsPerAddressMax: 512,
  requestsBurst: 1_000,
  requestsPerSecond: 200,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  headerBytesMax: 32_768,
  countsLoopback: false,
}

/** What was kept out, once for each stretch of it. */
export interface KeptOut {
  readonly address: string
  readonly why: 'connections' | 'connections-of-address' | 'requests'
}

interface Visitor {
  connections: number
  readonly requests: TokenBucket
  seenAtMs: number
}

/** Whoever has not come for so long is forgotten: a bucket is full again well before that. */
const forgetAfterMs = 60_000
const toldAgainMs = 60_000

/** What an HTTP server must have of it; `node:http` and `node:https` look only every 30 s whether somebody is too slow. */
export const serverOptionsOf = ({ headersTimeoutMs, requestTimeoutMs, headerBytesMax }: GateLimits) => ({
  headersTimeout: headersTimeoutMs,
  requestTimeout: requestTimeoutMs,
  connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
  maxHeaderSize: headerBytesMax,
})

/**
 * Stands before the routes: how many connections there may be, together and of one address, and how often one may ask. It
 * goes before everything that costs: looking at a token is a signature to check.
 */
export class ApiGate {
  readonly #limits: GateLimits
  readonly #onKeptOut: (keptOut: KeptOut) => void
  readonly #nowMs: () => number
  readonly #visitors = new Map<string, Visitor>()
  readonly #told = new Map<KeptOut['why'], number>()
  #connections = 0
  #sweptAtMs = 0

  /** @param nowMs a clock that never goes back */
  constructor(limits: GateLimits, onKeptOut: (keptOut: KeptOut) => void, nowMs = (): number => performance.now()) {
    this.#limits = limits
    this.#onKeptOut = onKeptOut
    this.#nowMs = nowMs
  }

  guard(server: Server): void {
    // Of TLS as well this is the TCP connection, before any handshake.
    server.on('connection', (socket: Socket) => this.#accept(socket))
  }

  /** @returns how long to wait before asking again; 0: it may go on */
  requested(address: string): number {
    if (!this.#counts(address)) return 0
    const nowMs = this.#nowMs()
    const { requests } = this.#visitor(address, nowMs)
    if (requests.take(nowMs)) return 0
    this.#tell({ address, why: 'requests' }, nowMs)
    return Math.max(1, requests.waitMs())
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#visitors.size
  }

  #accept(socket: Socket): void {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits
    const { remoteAddress } = socket
    if (remoteAddress === undefined || !this.#counts(remoteAddress)) return
    const nowMs = this.#nowMs()
    const visitor = this.#visitor(remoteAddress, nowMs)
    const why =
      this.#connections >= connectionsMax
        ? 'connections'
        : visitor.connections >= connectionsPerAddressMax
          ? 'connections-of-address'
          : undefined
    if (why !== undefined) {
      socket.resetAndDestroy()
      this.#tell({ address: remoteAddress, why }, nowMs)
      return
    }
    this.#connections += 1
    visitor.connections += 1
    socket.once('close', () => {
      this.#connections -= 1
      visitor.connections -= 1
    })
  }

  #visitor(address: string, nowMs: number): Visitor {
    this.#sweep(nowMs)
    const { requestsBurst, requestsPerSecond } = this.#limits
    const known = this.#visitors.get(address)
    const visitor = known ?? {
      connections: 0,
      requests: new TokenBucket(requestsBurst, requestsPerSecond, nowMs),
      seenAtMs: nowMs,
    }
    visitor.seenAtMs = nowMs
    if (known === undefined) this.#visitors.set(address, visitor)
    return visitor
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < forgetAfterMs) return
    this.#sweptAtMs = nowMs
    for (const [address, { connections, seenAtMs }] of this.#visitors)
      if (connections === 0 && nowMs - seenAtMs >= forgetAfterMs) this.#visitors.delete(address)
  }

  #counts(address: string): boolean {
    return this.#limits.countsLoopback || !/^(::1$|(::ffff:)?127\.)/.test(address)
  }

  #tell(keptOut: KeptOut, nowMs: number): void {
    if (nowMs - (this.#told.get(keptOut.why) ?? Number.NEGATIVE_INFINITY) < toldAgainMs) return
    this.#told.set(keptOut.why, nowMs)
    this.#onKeptOut(keptOut)
  }
}
