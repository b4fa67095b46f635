import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js'
import { encodeKumaResource, type KumaResourceParts, kumaResourceTypeUrl, kumaVersion, wireKey } from '@holdfast/model'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from '@holdfast/proto'
import { freePort } from '../free-port.js'
import { asIs, globalToZonePath, zoneToGlobalPath } from './paths.js'

/** One stream of a peer that keeps no rules: it says exactly what a test tells it to, and answers nothing by itself. */
export interface CrudeStream {
  /** Any bytes as one gRPC message. */
  write(bytes: Uint8Array): void
  request(fields: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void
  response(fields: MessageInitShape<typeof DeltaDiscoveryResponseSchema>): void
  /** What came, in order: responses where resources are sent to this peer, requests where it sends them. */
  readonly responses: readonly DeltaDiscoveryResponse[]
  readonly requests: readonly DeltaDiscoveryRequest[]
  /** Stops and resumes reading. */
  pause(): void
  resume(): void
  /** One more message, and pauses again. */
  readOne(): void
  /** How the other end ended it; a dialled peer has no status to give, only a code of -1. */
  ended(): { readonly code: number; readonly details: string } | undefined
}

export interface CrudePeer {
  readonly globalToZone: CrudeStream
  readonly zoneToGlobal: CrudeStream
}

export interface CrudeZone extends CrudePeer {
  close(): void
}

export interface CrudeZoneOptions {
  /** `host:port`, plaintext. */
  readonly target: string
  readonly zone: string
  /** Request metadata; that of a Kuma zone of this name unless said otherwise. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Reads nothing until it is told to resume. */
  readonly paused?: boolean | undefined
  /** Compresses what it sends, as a real one does. */
  readonly gzip?: boolean | undefined
}

/** A peer that keeps no rules may want to send more than is allowed. */
const noLimits = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 } as const

export function startCrudeZone({ target, zone, metadata, paused, gzip }: CrudeZoneOptions): CrudeZone {
  const client = new Client(target, credentials.createInsecure(), {
    ...noLimits,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    ...(gzip === true ? { 'grpc.default_compression_algorithm': 2 } : {}),
  })
  const said = new Metadata()
  for (const [key, value] of Object.entries(metadata ?? { 'client-id': zone, 'kds-version': 'v3' }))
    said.set(key, value)
  if (metadata === undefined) for (const feature of ['zone-ping-health', 'hash-suffix']) said.add('features', feature)
  const open = (path: string, receives: 'requests' | 'responses'): CrudeStream => {
    const call = client.makeBidiStreamRequest(path, asIs, asIs, said)
    const { stream, end } = crudeStream(call, receives)
    call.on('status', ({ code, details }) => end(code, details))
    if (paused === true) call.pause()
    return stream
  }
  return {
    globalToZone: open(globalToZonePath, 'responses'),
    zoneToGlobal: open(zoneToGlobalPath, 'requests'),
    close: () => client.close(),
  }
}

export interface CrudeGlobal {
  readonly port: number
  /** Both streams of each connection of a zone so far; the last one is the newest. */
  peers(): readonly CrudePeer[]
  close(): void
}

/** Loopback, plaintext. A zone finds no other methods here than the two streams, and lives without them. */
export async function startCrudeGlobal(): Promise<CrudeGlobal> {
  const server = new Server(noLimits)
  const halves: { globalToZone: CrudeStream[]; zoneToGlobal: CrudeStream[] } = { globalToZone: [], zoneToGlobal: [] }
  const serve = (path: string, name: keyof typeof halves, receives: 'requests' | 'responses'): void => {
    const opened = (call: ServerDuplexStream<Buffer, Buffer>): void => {
      const { stream, end } = crudeStream(call, receives)
      call.on('cancelled', () => end(-1, 'cancelled'))
      call.on('end', () => end(-1, 'half-closed'))
      // A zone speaks only when it has seen that this is a Kuma.
      call.sendMetadata(new Metadata())
      halves[name].push(stream)
    }
    server.register(path, opened, asIs, asIs, 'bidi')
  }
  serve(globalToZonePath, 'globalToZone', 'requests')
  serve(zoneToGlobalPath, 'zoneToGlobal', 'responses')
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${freePort()}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  return {
    port,
    peers: () =>
      halves.globalToZone.flatMap((globalToZone, i) => {
        const zoneToGlobal = halves.zoneToGlobal[i]
        return zoneToGlobal === undefined ? [] : [{ globalToZone, zoneToGlobal }]
      }),
    close: () => server.forceShutdown(),
  }
}

function crudeStream(
  call: ClientDuplexStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  receives: 'requests' | 'responses',
) {
  let ended: { readonly code: number; readonly details: string } | undefined
  const responses: DeltaDiscoveryResponse[] = []
  const requests: DeltaDiscoveryRequest[] = []
  call.on('error', () => {})
  call.on('data', (bytes: Buffer) => {
    if (receives === 'requests') requests.push(fromBinary(DeltaDiscoveryRequestSchema, bytes))
    else responses.push(fromBinary(DeltaDiscoveryResponseSchema, bytes))
  })
  const write = (bytes: Uint8Array): void => {
    if (ended === undefined) call.write(Buffer.from(bytes))
  }
  const stream: CrudeStream = {
    write,
    request: (fields) => write(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, fields))),
    response: (fields) => write(toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, fields))),
    responses,
    requests,
    pause: () => call.pause(),
    resume: () => call.resume(),
    readOne: () => {
      call.once('data', () => call.pause())
      call.resume()
    },
    ended: () => ended,
  }
  const end = (code: number, details: string): void => {
    ended ??= { code, details }
  }
  return { stream, end }
}

/**
 * A resource as a Kuma puts it into a response.
 * @param any what stands in the place of the KumaResource and its type URL
 */
export function wireResource(
  parts: KumaResourceParts,
  any: { readonly typeUrl?: string; readonly value?: Uint8Array } = {},
): Resource {
  const { typeUrl = kumaResourceTypeUrl, value = encodeKumaResource(parts) } = any
  const version = kumaVersion(value)
  return create(ResourceSchema, { version, name: wireKey(parts.mesh, parts.name), resource: { typeUrl, value } })
}
