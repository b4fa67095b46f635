import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  ZoneHealthCheckResponseSchema,
} from '@holdfast/proto'
import {
  adminPaths,
  asIs,
  globalToZonePath,
  healthCheckPath,
  kumaLimits,
  zoneToGlobalPath,
} from '../fake-kuma/paths.js'
import { freePort } from '../free-port.js'
import { createLevel } from '../level.js'
import type { RecordedConnection } from './conversation.js'

type Call = ServerDuplexStream<Buffer, Buffer>

export interface GlobalPlayerOptions {
  /** What the recorded global said on each connection of the zone, in order. */
  readonly connections: readonly RecordedConnection[]
  readonly port?: number | undefined
}

/** What the living zone said on one connection. */
export interface ZoneSaid {
  readonly metadata: Metadata
  /** On GlobalToZoneSync. */
  readonly requests: readonly Buffer[]
  /** On ZoneToGlobalSync. */
  readonly responses: readonly Buffer[]
}

/**
 * Says to a zone what a recorded global has said: its responses with their nonces and its requests byte for byte; only the
 * nonces of what it acknowledges are the living zone's.
 */
export interface GlobalPlayer {
  readonly port: number
  /** Says everything up to this moment on connection `index`; resolves when all of it is answered. */
  playUntil(index: number, ms: number): Promise<void>
  said(index: number): ZoneSaid
  /** What it waits for on connection `index`, for messages. */
  waits(index: number): {
    readonly opened: object
    readonly unasked: readonly string[]
    readonly unanswered: readonly string[]
  }
  /** Refusals of what was said, in words. */
  refusals(): readonly string[]
  /** Ends every stream, as a global that is stopped does. */
  breakOff(): void
  until(holds: () => boolean): Promise<void>
  close(): Promise<void>
}

class Connection {
  readonly recorded: RecordedConnection
  readonly requests: Buffer[] = []
  readonly responses: Buffer[] = []
  readonly refusals: string[] = []
  metadata: Metadata | undefined
  down: Call | undefined
  bound = Number.NEGATIVE_INFINITY
  readonly #asked = new Set<string>()
  readonly #waiting = new Map<string, string>()
  readonly #next = new Map<string, number>()

  constructor(recorded: RecordedConnection) {
    this.recorded = recorded
  }

  /** The first response of a type is the answer to its request; later ones come when the one before is answered. */
  request(bytes: Buffer): void {
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes)
    this.requests.push(bytes)
    if (request.responseNonce === '') this.#asked.add(request.typeUrl)
    else if (this.#waiting.get(request.typeUrl) === request.responseNonce) this.#waiting.delete(request.typeUrl)
    if (request.errorDetail !== undefined) this.refusals.push(`${request.typeUrl}: ${request.errorDetail.message}`)
    this.advance()
  }

  advance(): void {
    for (const type of this.#asked) {
      if (this.#waiting.has(type)) continue
      const due = this.#due(type)
      const at = this.#next.get(type) ?? 0
      const message = due[at]
      if (message === undefined && (at > 0 || due.length > 0)) continue
      // A type that the recorded zone did not ask for is answered as a real one does.
      const nonce = message?.nonce ?? `none-${type}`
      this.#next.set(type, at + 1)
      this.#waiting.set(type, nonce)
      this.down?.write(
        message?.bytes ?? Buffer.from(toBinary(DeltaDiscoveryResponseSchema, emptyResponse(type, nonce))),
      )
    }
  }

  isAnswered(): boolean {
    const types = new Set(this.recorded.down.map(({ type }) => type))
    return (
      this.#waiting.size === 0 &&
      [...types].every((type) => this.#asked.has(type) && (this.#next.get(type) ?? 0) >= this.#due(type).length)
    )
  }

  waits() {
    const types = [...new Set(this.recorded.down.map(({ type }) => type))]
    return { unasked: types.filter((type) => !this.#asked.has(type)), unanswered: [...this.#waiting.keys()] }
  }

  #due(type: string) {
    const responses = this.recorded.down.filter((message) => message.from === 'global' && message.type === type)
    // The first one answers the request, whenever that comes.
    return responses.filter((message, i) => i === 0 || message.ms <= this.bound)
  }
}

const emptyResponse = (typeUrl: string, nonce: string) =>
  create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, controlPlane: { identifier: 'global' } })

export async function startGlobalPlayer({
  connections: recorded,
  port: wanted,
}: GlobalPlayerOptions): Promise<GlobalPlayer> {
  const level = createLevel()
  const server = new Server(kumaLimits)
  const connections = recorded.map((each) => new Connection(each))
  const calls = new Set<Call>()
  // Which connection a stream belongs to: the zone opens each stream once per connection.
  const opened = { up: 0, down: 0 }
  const serve = (path: string, open: (call: Call) => (bytes: Buffer) => void): void => {
    const opening = (call: Call): void => {
      calls.add(call)
      const receive = open(call)
      call.on('error', () => {})
      call.on('close', () => calls.delete(call))
      call.on('data', (bytes: Buffer) => {
        receive(bytes)
        level.changed()
      })
      call.on('end', () => call.end())
    }
    server.register<Buffer, Buffer>(path, opening, asIs, asIs, 'bidi')
  }
  serve(globalToZonePath, (call) => {
    const connection = connections[opened.down++]
    if (connection === undefined) return () => {}
    connection.down = call
    return (bytes) => connection.request(bytes)
  })
  serve(zoneToGlobalPath, (call) => {
    const connection = connections[opened.up++]
    if (connection === undefined) return () => {}
    connection.metadata = call.metadata
    for (const { from, nonce, bytes } of connection.recorded.up)
      if (from === 'global' && nonce === '') call.write(bytes)
    return (bytes) => {
      const response = fromBinary(DeltaDiscoveryResponseSchema, bytes)
      connection.responses.push(bytes)
      const { typeUrl, nonce: responseNonce } = response
      const ack = create(DeltaDiscoveryRequestSchema, {
        node: { id: connection.recorded.zone },
        typeUrl,
        responseNonce,
      })
      call.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, ack)))
    }
  })
  for (const path of adminPaths) serve(path, () => () => {})
  server.register<Buffer, Buffer>(
    healthCheckPath,
    (_: unknown, answer: (error: null, value: Buffer) => void) => {
      const interval = create(ZoneHealthCheckResponseSchema, { interval: { seconds: 0n, nanos: 0 } })
      answer(null, Buffer.from(toBinary(ZoneHealthCheckResponseSchema, interval)))
    },
    asIs,
    asIs,
    'unary',
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${wanted ?? freePort()}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  const at = (index: number): Connection => {
    const connection = connections[index]
    if (connection === undefined)
      throw new Error(`the recording has ${connections.length} connections, not ${index + 1}`)
    return connection
  }
  return {
    port,
    async playUntil(index, ms) {
      const connection = at(index)
      connection.bound = ms
      connection.advance()
      await level.until(() => connection.isAnswered())
    },
    said: (index) => {
      const { metadata, requests, responses } = at(index)
      if (metadata === undefined) throw new Error(`connection ${index} was never opened`)
      return { metadata, requests, responses }
    },
    waits: (index) => ({ opened, ...at(index).waits() }),
    refusals: () => connections.flatMap(({ refusals }) => refusals),
    breakOff() {
      for (const call of calls)
        call.emit(
          'error',
          Object.assign(new Error('stream unavailable'), { code: status.UNAVAILABLE, details: 'stream unavailable' }),
        )
    },
    until: (holds) => level.until(holds),
    async close() {
      server.forceShutdown()
    },
  }
}
