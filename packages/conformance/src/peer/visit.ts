import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf'
import {
  Client,
  type ClientDuplexStream,
  compressionAlgorithms,
  credentials,
  type Metadata,
  Metadata as MetadataOf,
  status,
} from '@grpc/grpc-js'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  ZoneHealthCheckResponseSchema,
} from '@holdfast/proto'
import { grpcTarget, parseKdsAddress, tlsCredentials } from '@holdfast/transport'
import { Level } from './level.js'

/** Written out: a check that took them from our own descriptors would follow our mistakes. */
export const paths = {
  down: '/kuma.mesh.v1alpha1.KDSSyncService/GlobalToZoneSync',
  up: '/kuma.mesh.v1alpha1.KDSSyncService/ZoneToGlobalSync',
  health: '/kuma.mesh.v1alpha1.GlobalKDSService/HealthCheck',
  xds: '/kuma.mesh.v1alpha1.GlobalKDSService/StreamXDSConfigs',
  stats: '/kuma.mesh.v1alpha1.GlobalKDSService/StreamStats',
  clusters: '/kuma.mesh.v1alpha1.GlobalKDSService/StreamClusters',
} as const
export type Stream = 'down' | 'up' | 'xds' | 'stats' | 'clusters'

export interface PeerOptions {
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`. */
  readonly peer: string
  /** PEM of who signed the peer's certificate; the system's roots otherwise. */
  readonly ca?: Buffer | undefined
  readonly skipVerify?: boolean | undefined
  /** Request metadata beside what a zone sends: what the peer wants as a proof, for example. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Version of Kuma that the visitor says it is. */
  readonly version: string
}

export interface StreamEnd {
  readonly code: string
  readonly details: string
}

/** What one stream has said so far. */
export interface Heard<M> {
  readonly messages: readonly M[]
  /** Of the response headers, `undefined` before they came. */
  readonly headersAtMs: number | undefined
  readonly firstAtMs: number | undefined
  readonly end: StreamEnd | undefined
  /** What could not be read. */
  readonly unreadable: readonly string[]
}

const messageBytesMax = 10 * 1024 * 1024
export const nodeFeatures = [
  'zone-token',
  'hash-suffix',
  'hg-mz-selector',
  'producer-policy-flow',
  'optional-top-level-target-ref',
] as const

/** The metadata that a Kuma zone sends with every call. */
export function zoneMetadata(zone: string, { version, metadata = {} }: PeerOptions): Metadata {
  const sent = new MetadataOf()
  if (zone !== '') sent.set('client-id', zone)
  sent.set('kds-version', 'v3')
  sent.set('version', version)
  for (const feature of ['zone-ping-health', 'hash-suffix']) sent.add('features', feature)
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value)
  return sent
}

type Call = ClientDuplexStream<Buffer, Buffer>
const asIs = (bytes: Buffer): Buffer => bytes

/** One connection of a zone to a global, and whatever is said on it. */
export class Visit {
  readonly zone: string
  readonly level = new Level()
  readonly openedAtMs = performance.now()
  readonly #client: Client
  readonly #metadata: Metadata
  readonly #nodeMetadata: JsonObject
  readonly #calls = new Map<Stream, Call>()
  readonly #heard = new Map<Stream, Mutable>()

  /** @param zone '' sends no name at all */
  constructor(zone: string, options: PeerOptions) {
    this.zone = zone
    const address = parseKdsAddress(options.peer)
    const security = address.secure
      ? tlsCredentials({ name: address.host, rootCa: options.ca, skipVerify: options.skipVerify })
      : credentials.createInsecure()
    this.#client = new Client(grpcTarget(address), security, {
      'grpc.max_receive_message_length': messageBytesMax,
      'grpc.max_send_message_length': messageBytesMax,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.primary_user_agent': `kds/${options.version} (conformance)`,
      // As a Kuma zone: every message of it is compressed.
      'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    })
    this.#metadata = zoneMetadata(zone, options)
    this.#nodeMetadata = {
      config: JSON.stringify({ store: { type: 'postgres' } }),
      'control-plane-id': `${zone}-0001`,
      features: [...nodeFeatures],
      version: { kumaCp: { version: options.version } },
    }
  }

  open(stream: Stream): void {
    const call = this.#client.makeBidiStreamRequest(paths[stream], asIs, asIs, this.#metadata)
    const heard: Mutable = {
      messages: [],
      unreadable: [],
      headersAtMs: undefined,
      firstAtMs: undefined,
      end: undefined,
    }
    this.#calls.set(stream, call)
    this.#heard.set(stream, heard)
    call.on('error', () => {})
    call.on('metadata', () => {
      heard.headersAtMs = this.#nowMs()
      this.level.changed()
    })
    call.on('data', (bytes: Buffer) => {
      heard.firstAtMs ??= this.#nowMs()
      try {
        if (stream === 'down') heard.messages.push(fromBinary(DeltaDiscoveryResponseSchema, bytes))
        else if (stream === 'up') heard.messages.push(fromBinary(DeltaDiscoveryRequestSchema, bytes))
        else heard.unreadable.push(`${bytes.byteLength} bytes that nobody asked for`)
      } catch (error) {
        heard.unreadable.push((error as Error).message)
      }
      this.level.changed()
    })
    call.on('status', ({ code, details }) => {
      heard.end = { code: status[code] ?? String(code), details }
      this.level.changed()
    })
  }

  get down(): Heard<DeltaDiscoveryResponse> {
    return this.#heard.get('down') as Heard<DeltaDiscoveryResponse>
  }

  get up(): Heard<DeltaDiscoveryRequest> {
    return this.#heard.get('up') as Heard<DeltaDiscoveryRequest>
  }

  heard(stream: Stream): Heard<unknown> {
    const heard = this.#heard.get(stream)
    if (heard === undefined) throw new Error(`${stream} was not opened`)
    return heard
  }

  /** A request on GlobalToZoneSync: initial with the whole node, everything else with its id alone. */
  ask(request: Request): void {
    const initial = (request.responseNonce ?? '') === ''
    const node = initial ? { id: this.zone, metadata: this.#nodeMetadata } : { id: this.zone }
    this.#write(
      'down',
      toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { node, ...request })),
    )
  }

  subscribe(types: readonly string[]): void {
    for (const typeUrl of types) this.ask({ typeUrl, resourceNamesSubscribe: ['*'] })
  }

  ack({ typeUrl, nonce }: Pick<DeltaDiscoveryResponse, 'typeUrl' | 'nonce'>): void {
    this.ask({ typeUrl, responseNonce: nonce })
  }

  /** A response on ZoneToGlobalSync. */
  offer(response: Response): void {
    const { resources } = response
    const message = create(DeltaDiscoveryResponseSchema, {
      ...response,
      controlPlane: { identifier: this.zone },
      resources: resources.map(({ name, version, resource }) => ({
        name,
        version,
        resource: { $typeName: 'google.protobuf.Any' as const, ...resource },
      })),
    })
    this.#write('up', toBinary(DeltaDiscoveryResponseSchema, message))
  }

  /** The interval that is answered, in milliseconds, or how it failed. */
  health(): Promise<{ readonly intervalMs: number } | StreamEnd> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        paths.health,
        asIs,
        asIs,
        Buffer.alloc(0),
        this.#metadata,
        { deadline: Date.now() + 10_000 },
        (error, bytes) => {
          if (error !== null) resolve({ code: status[error.code] ?? String(error.code), details: error.details })
          else {
            const { interval } = fromBinary(ZoneHealthCheckResponseSchema, bytes ?? Buffer.alloc(0))
            resolve({ intervalMs: Number(interval?.seconds ?? 0) * 1000 + Math.round((interval?.nanos ?? 0) / 1e6) })
          }
        },
      )
    })
  }

  #nowMs(): number {
    return Math.round(performance.now() - this.openedAtMs)
  }

  #write(stream: Stream, bytes: Uint8Array): void {
    this.#calls.get(stream)?.write(Buffer.from(bytes))
  }

  /** As a Kuma zone that is stopped: half-closes every stream, then cancels. */
  leave(): void {
    for (const call of this.#calls.values()) {
      call.end()
      call.cancel()
    }
    this.#client.close()
  }
}

/** What rules need of a visit: that of a socket is one, and a test plays others by hand. */
export type Talk = Pick<
  Visit,
  'zone' | 'level' | 'down' | 'up' | 'open' | 'heard' | 'ask' | 'subscribe' | 'ack' | 'offer' | 'health'
>

export interface Request {
  readonly typeUrl: string
  readonly resourceNamesSubscribe?: string[]
  readonly initialResourceVersions?: Record<string, string>
  readonly responseNonce?: string
  readonly errorDetail?: { readonly message: string }
}

export interface Response {
  readonly typeUrl: string
  readonly nonce: string
  readonly resources: {
    readonly name: string
    readonly version: string
    readonly resource: { readonly typeUrl: string; readonly value: Uint8Array }
  }[]
  readonly removedResources?: string[]
}

interface Mutable {
  readonly messages: unknown[]
  readonly unreadable: string[]
  headersAtMs: number | undefined
  firstAtMs: number | undefined
  end: StreamEnd | undefined
}
