import { fromBinary } from '@bufbuild/protobuf'
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js'
import { findType } from '@holdfast/model'
import { DeltaDiscoveryRequestSchema } from '@holdfast/proto'
import { KumaConsumer } from '../fake-kuma/consumer.js'
import type { KumaObjects } from '../fake-kuma/objects.js'
import {
  adminPaths,
  asIs,
  globalToZonePath,
  healthCheckPath,
  kumaLimits,
  zoneToGlobalPath,
} from '../fake-kuma/paths.js'
import { createLevel } from '../level.js'
import type { RecordedConnection, RecordedMessage } from './conversation.js'

export interface ZonePlayerOptions {
  /** Of a global's KDS, plaintext, loopback. */
  readonly port: number
  readonly connection: RecordedConnection
  /** The two features in one value, as a proxy forwards them. */
  readonly joinedFeatures?: boolean | undefined
}

/**
 * Says to a global what a recorded zone has said: initial requests and responses byte for byte; only nonces of what it
 * acknowledges are those of the living global.
 */
export interface ZonePlayer {
  /** Says everything up to this moment of the recording; resolves when all of it is acknowledged. */
  playUntil(ms: number): Promise<void>
  /** What global gave it. */
  held(): KumaObjects
  /** What it acknowledged and did not keep, for it lacks the origin `global`. */
  dropped(): readonly string[]
  /** Refusals of what it has said, in words. */
  refusals(): readonly string[]
  /** Types that global has answered at least once. */
  answered(): ReadonlySet<string>
  /** How a stream has ended; undefined while all stand. */
  ended(): string | undefined
  /** Resolves when every initial request is answered and what this asks of the held objects is true. */
  until(holds: (held: KumaObjects) => boolean): Promise<void>
  stop(): void
}

export function startZonePlayer({ port, connection, joinedFeatures }: ZonePlayerOptions): ZonePlayer {
  const level = createLevel()
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    ...kumaLimits,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.default_compression_algorithm': 2,
  })
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(connection.metadata)) {
    if (name === 'user-agent') continue
    const values =
      name === 'features' && joinedFeatures !== true ? value.split(',').map((each) => each.trim()) : [value]
    for (const each of values) metadata.add(name, each)
  }
  let ended: string | undefined
  const calls: ClientDuplexStream<Buffer, Buffer>[] = []
  const open = (path: string, receive: (bytes: Buffer) => void): ClientDuplexStream<Buffer, Buffer> => {
    const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
    calls.push(call)
    call.on('error', () => {})
    call.on('data', (bytes: Buffer) => {
      receive(bytes)
      level.changed()
    })
    call.on('status', ({ code, details }) => {
      ended ??= `${path}: ${code} ${details}`
      level.changed()
    })
    return call
  }

  // Up: a response of a type is said once global has asked for it and has answered the one before.
  const asked = new Set<string>()
  const waiting = new Map<string, string>()
  const refusals: string[] = []
  const said = connection.up.filter(({ from }) => from === 'zone')
  let next = 0
  let bound = Number.NEGATIVE_INFINITY
  const advance = (): void => {
    for (let message = said[next]; message !== undefined && message.ms <= bound; message = said[next]) {
      if (!asked.has(message.type) || waiting.has(message.type)) return
      waiting.set(message.type, message.nonce)
      next += 1
      up.write(message.bytes)
    }
  }
  const up = open(zoneToGlobalPath, (bytes) => {
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes)
    if (request.responseNonce === '') asked.add(request.typeUrl)
    else if (waiting.get(request.typeUrl) === request.responseNonce) {
      waiting.delete(request.typeUrl)
      if (request.errorDetail !== undefined) refusals.push(`${request.typeUrl}: ${request.errorDetail.message}`)
    }
    advance()
  })

  const requests = connection.down.filter((message) => message.from === 'zone' && message.nonce === '')
  const consumer = new KumaConsumer({
    nodeId: connection.zone,
    nodeMetadata: {},
    types: requests.map(({ type }) => type),
    send: (bytes) => down.write(bytes),
    drops: (type, parts) => findType(type)?.providedByZone === true && parts.labels['kuma.io/origin'] !== 'global',
    refuses: () => undefined,
  })
  const down = open(globalToZonePath, (bytes) => consumer.response(bytes))
  for (const path of adminPaths) open(path, () => {})
  client.makeUnaryRequest(healthCheckPath, asIs, asIs, Buffer.alloc(0), metadata, () => {})
  for (const { bytes } of requests) down.write(bytes)

  const answered = (): ReadonlySet<string> => new Set(consumer.received.map(({ type }) => type))
  const dueUntil = (ms: number): readonly RecordedMessage[] => said.filter((message) => message.ms <= ms)
  return {
    async playUntil(ms) {
      bound = ms
      advance()
      await level.until(() => ended !== undefined || (next >= dueUntil(ms).length && waiting.size === 0))
    },
    held: () => consumer.held(),
    dropped: () => consumer.dropped,
    refusals: () => refusals,
    answered,
    ended: () => ended,
    until: (holds) =>
      level.until(() => ended !== undefined || (answered().size === requests.length && holds(consumer.held()))),
    stop() {
      for (const call of calls) call.end()
      for (const call of calls) call.cancel()
      client.close()
    },
  }
}
