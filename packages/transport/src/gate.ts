import type { Http2Server, ServerHttp2Stream } from 'node:http2'
import { createServer, type Socket } from 'node:net'
import {
  type Server,
  type ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerOptions,
  status,
} from '@grpc/grpc-js'
import { invariant, TokenBucket } from '@holdfast/model'
import type { LinkLimits } from './limits.js'

/** What was kept out, and why. */
export interface TurnedAway {
  /** Without the port. */
  readonly remoteAddress: string
  readonly why: 'connections' | 'connections-of-address' | 'handshake' | 'calls'
  /** In words for a log. */
  readonly reason: string
}

export interface GateOptions {
  readonly limits: LinkLimits
  readonly onTurnedAway?: ((turnedAway: TurnedAway) => void) | undefined
}

interface Connection {
  readonly socket: Socket
  readonly remoteAddress: string
  readonly calls: TokenBucket
  callsRefused: number
  /** The stream that has just begun is one too many; its call, if it becomes one, is told so. */
  isTooMany: boolean
  /** Ends a connection that never becomes one; undefined once its first call has come. */
  timer: NodeJS.Timeout | undefined
}

/** gRPC shows them to nobody; a test sees to it that they are there. */
const http2ServersOf = (server: Server): readonly Http2Server[] => [
  ...(server as unknown as { readonly http2Servers: ReadonlyMap<Http2Server, unknown> }).http2Servers.keys(),
]

/** A timer this late was held up by us. */
const stallMs = 500

/**
 * What stands before the calls of the KDS port: how many connections there may be, together and from one address, how long
 * one may take to become one (TLS, HTTP/2 and the headers of a first call: whoever sends them a byte at a time, or nothing
 * after the TCP handshake, is cut off), and how often one may open calls. gRPC itself bounds none of these.
 */
export class Gate {
  readonly #options: GateOptions
  /** By `address:port`, as a call names its peer. */
  readonly #connections = new Map<string, Connection>()
  readonly #perAddress = new Map<string, number>()
  readonly #listener = createServer({ noDelay: true })
  #inject: ((socket: Socket) => void) | undefined

  constructor(options: GateOptions) {
    this.#options = options
    this.#listener.on('connection', (socket) => this.#accept(socket))
  }

  /** Of the gRPC server that stands behind this gate. */
  get serverOptions(): ServerOptions {
    const { streamsPerConnectionMax, idleTimeoutMs } = this.#options.limits
    return {
      'grpc.max_concurrent_streams': streamsPerConnectionMax,
      'grpc.max_connection_idle_ms': idleTimeoutMs,
      interceptors: [this.#intercept],
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** In the place of the server's own `bindAsync`. */
  bind(
    server: Server,
    {
      address,
      port,
      descriptor,
      security,
    }: {
      readonly address: string
      readonly port: number
      readonly descriptor?: number | undefined
      readonly security: ServerCredentials
    },
    done: (error: Error | null, port: number) => void,
  ): void {
    this.#inject = (socket) => injector.injectConnection(socket)
    const injector = server.createConnectionInjector(security)
    // An interceptor hears of no call of a method that nobody has, or that is no gRPC: gRPC answers those by itself.
    const [http2, ...more] = http2ServersOf(server)
    invariant(http2 !== undefined && more.length === 0, 'gRPC has one HTTP/2 server for its one injector')
    http2.prependListener('stream', (stream) => this.#opened(stream))
    const failed = (error: Error): void => done(error, 0)
    this.#listener.once('error', failed)
    this.#listener.listen(descriptor === undefined ? { host: address, port } : { fd: descriptor }, () => {
      this.#listener.off('error', failed)
      // One that could not be accepted, for want of a file descriptor: those there are go on.
      this.#listener.on('error', ({ message }) =>
        this.#turnAway({ remoteAddress: '', why: 'connections', reason: `it could not be accepted: ${message}` }),
      )
      const bound = this.#listener.address()
      done(null, typeof bound === 'object' && bound !== null ? bound.port : port)
    })
  }

  /** Takes no more connections; those there are stay. */
  stopAccepting(): void {
    this.#listener.close()
  }

  /** Cuts whatever connection is left. */
  cut(): void {
    for (const { socket } of this.#connections.values()) socket.destroy()
  }

  #accept(socket: Socket): void {
    // Whoever reads the socket hears of its errors too; without a listener here one before that would end the process.
    socket.on('error', () => {})
    const { limits } = this.#options
    const { remoteAddress, remotePort } = socket
    if (remoteAddress === undefined) {
      // Gone before we have looked at it.
      socket.destroy()
      return
    }
    const ofAddress = this.#perAddress.get(remoteAddress) ?? 0
    const full =
      this.#connections.size >= limits.connectionsMax
        ? (['connections', limits.connectionsMax] as const)
        : ofAddress >= limits.connectionsPerAddressMax
          ? (['connections-of-address', limits.connectionsPerAddressMax] as const)
          : undefined
    if (full !== undefined) {
      const [why, max] = full
      socket.resetAndDestroy()
      this.#turnAway({
        remoteAddress,
        why,
        reason: `${max} connections ${why === 'connections' ? 'stand' : 'of this address stand'} already, and no more are taken`,
      })
      return
    }
    const key = `${remoteAddress}:${remotePort}`
    const calls = new TokenBucket(limits.callsBurst, limits.callsPerSecond, performance.now())
    const connection: Connection = { socket, remoteAddress, calls, callsRefused: 0, isTooMany: false, timer: undefined }
    this.#giveTime(connection)
    this.#connections.set(key, connection)
    this.#perAddress.set(remoteAddress, ofAddress + 1)
    socket.once('close', () => {
      clearTimeout(connection.timer)
      this.#connections.delete(key)
      const left = (this.#perAddress.get(remoteAddress) ?? 1) - 1
      if (left > 0) this.#perAddress.set(remoteAddress, left)
      else this.#perAddress.delete(remoteAddress)
    })
    this.#inject?.(socket)
  }

  /** Until its first call comes. When our own loop stood still, it was not the peer that took so long. */
  #giveTime(connection: Connection): void {
    const { handshakeTimeoutMs } = this.#options.limits
    const { socket, remoteAddress } = connection
    const dueMs = performance.now() + handshakeTimeoutMs
    connection.timer = setTimeout(() => {
      if (performance.now() - dueMs > stallMs) {
        this.#giveTime(connection)
        return
      }
      // Timers come before sockets: a call that came while our loop was busy with somebody else is heard first.
      setImmediate(() => {
        if (connection.timer === undefined || socket.destroyed) return
        connection.timer = undefined
        socket.resetAndDestroy()
        const reason = `it made no call within ${handshakeTimeoutMs} ms of connecting`
        this.#turnAway({ remoteAddress, why: 'handshake', reason })
      })
    }, handshakeTimeoutMs)
  }

  /** Whatever is asked for on it. Who does not listen loses the connection, with everything on it. */
  #opened({ session }: ServerHttp2Stream): void {
    const { remoteAddress: address, remotePort: port } = session?.socket ?? {}
    const connection = this.#connections.get(`${address}:${port}`)
    if (connection === undefined) return
    connection.isTooMany = !connection.calls.take(performance.now())
    if (!connection.isTooMany) return
    const { callsBurst, callsPerSecond } = this.#options.limits
    const { socket, remoteAddress } = connection
    const reason = `it opens more than ${callsPerSecond} calls a second on one connection`
    connection.callsRefused += 1
    if (connection.callsRefused === 1) this.#turnAway({ remoteAddress, why: 'calls', reason })
    if (connection.callsRefused > callsBurst) socket.resetAndDestroy()
  }

  /** In the same moment, for those that become a call. */
  readonly #intercept: ServerInterceptor = (_method, call) => {
    this.#called(call)
    return new ServerInterceptingCall(call)
  }

  #called(call: ServerInterceptingCallInterface): void {
    const connection = this.#connections.get(call.getPeer())
    if (connection === undefined) return
    clearTimeout(connection.timer)
    connection.timer = undefined
    if (!connection.isTooMany || connection.socket.destroyed) return
    const { callsPerSecond } = this.#options.limits
    call.sendStatus({
      code: status.RESOURCE_EXHAUSTED,
      details: `more than ${callsPerSecond} calls a second on one connection; try again later`,
    })
  }

  #turnAway(turnedAway: TurnedAway): void {
    this.#options.onTurnedAway?.(turnedAway)
  }
}
