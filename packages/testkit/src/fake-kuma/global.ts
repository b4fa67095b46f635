import { randomUUID } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { type Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'
import { type KumaResourceParts, typesSentDownToKuma, typesSentUp } from '@holdfast/model'
import { ZoneHealthCheckResponseSchema } from '@holdfast/proto'
import { freePort } from '../free-port.js'
import { createLevel, type Level } from '../level.js'
import { type AdminAsked, type AdminSaid, adminWhat, readAnswer, writeQuestion } from './admin.js'
import { KumaConsumer } from './consumer.js'
import { KumaFault, type KumaObjects } from './objects.js'
import { OwnObjects } from './own-objects.js'
import {
  adminPaths,
  asIs,
  globalToZonePath,
  healthCheckPath,
  kumaLimits,
  nodeMetadata,
  zoneToGlobalPath,
} from './paths.js'
import { KumaProvider, type ProviderFlaws, type Sent, type Verdict } from './provider.js'

type Call = ServerDuplexStream<Buffer, Buffer>

export interface FakeKumaGlobalOptions {
  /** Any free one unless said otherwise. */
  readonly port?: number | undefined
  readonly version?: string | undefined
  /** Why it refuses a resource; it refuses nothing by default. */
  readonly refuses?: ((type: string, parts: KumaResourceParts) => string | undefined) | undefined
  /** What it does worse than a real one, for whoever checks that this is found out. */
  readonly flaws?: (ProviderFlaws & { readonly nameless?: boolean }) | undefined
}

/** What a stock global knows of one zone, over all of its connections. */
export interface FakeKumaZoneView {
  /** What the zone gave it. */
  held(): KumaObjects
  received(): readonly Sent[]
  sent(): readonly Sent[]
  verdicts(): readonly Verdict[]
  healthChecks(): number
  /** Asks the zone about one of its proxies, on the stream that it keeps open for that. */
  ask(asked: AdminAsked): Promise<AdminSaid>
  /** Calls that are open now, by the last part of their path, sorted. */
  calls(): readonly string[]
}

/** A stock Kuma global control plane as a zone sees it. Loopback, plaintext. */
export interface FakeKumaGlobal {
  readonly port: number
  /** What it offers to every zone. */
  put(type: string, parts: KumaResourceParts): void
  remove(type: string, key: string): void
  zone(name: string): FakeKumaZoneView
  /** Metadata of every call, in order. */
  metadata(): readonly Metadata[]
  /** What a real one would have ended a stream for, or died of. */
  faults(): readonly KumaFault[]
  /** Ends every stream as one that is stopped does. */
  endStreams(): void
  until: Level['until']
  close(): Promise<void>
}

interface ZoneState {
  consumer?: KumaConsumer
  provider?: KumaProvider
  healthChecks: number
  readonly calls: Map<Call, string>
  readonly admin: Map<AdminAsked['what'], Call>
  readonly asked: Map<string, (said: AdminSaid) => void>
}

export async function startFakeKumaGlobal(options: FakeKumaGlobalOptions = {}): Promise<FakeKumaGlobal> {
  const { version = '2.14.3' } = options
  const level = createLevel()
  const own = new OwnObjects()
  const zones = new Map<string, ZoneState>()
  const seenMetadata: Metadata[] = []
  const faults: KumaFault[] = []
  const server = new Server(kumaLimits)

  const stateOf = (zone: string): ZoneState => {
    const known = zones.get(zone)
    if (known !== undefined) return known
    const state: ZoneState = { healthChecks: 0, calls: new Map(), admin: new Map(), asked: new Map() }
    zones.set(zone, state)
    return state
  }
  const end = (call: Call, code: number, details: string): void => {
    call.emit('error', Object.assign(new Error(details), { code, details }))
  }
  const clientId = (metadata: Metadata): string | undefined => {
    seenMetadata.push(metadata)
    return metadata.get('client-id')[0]?.toString()
  }
  /** Registers a call; the handler gets the zone's state and answers with what receives its messages. */
  const serve = (
    path: string,
    missing: number,
    handle: (zone: string, state: ZoneState, call: Call) => (bytes: Buffer) => void,
  ): void => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const opened = (call: Call): void => {
      call.on('error', () => {})
      const zone = clientId(call.metadata) ?? (options.flaws?.nameless === true ? '' : undefined)
      if (zone === undefined) {
        end(call, missing, '"client-id" is not present in metadata')
        return
      }
      const state = stateOf(zone)
      state.calls.set(call, name)
      const receive = handle(zone, state, call)
      call.on('data', (bytes: Buffer) => {
        try {
          receive(bytes)
        } catch (error) {
          if (!(error instanceof KumaFault)) throw error
          faults.push(error)
          // A crash takes every stream of every zone with it.
          if (error.kind === 'crash') server.forceShutdown()
          else end(call, status.INTERNAL, 'stream failed')
        }
        level.changed()
      })
      call.on('end', () => call.end())
      call.on('close', () => {
        state.calls.delete(call)
        level.changed()
      })
      level.changed()
    }
    server.register(path, opened, asIs, asIs, 'bidi')
  }

  serve(globalToZonePath, status.UNKNOWN, (zone, state, call) => {
    const provider = new KumaProvider({
      identifier: 'global',
      flaws: options.flaws,
      nodeId: zone,
      types: typesSentDownToKuma.map(({ name }) => name),
      objects: () => own.all(),
      send: (bytes) => call.write(bytes),
    })
    state.provider = provider
    return (bytes) => provider.request(bytes)
  })
  serve(zoneToGlobalPath, status.UNKNOWN, (zone, state, call) => {
    const consumer = new KumaConsumer({
      nodeId: zone,
      nodeMetadata: nodeMetadata(version, 'global-0001', ''),
      types: typesSentUp.map(({ name }) => name),
      send: (bytes) => call.write(bytes),
      drops: () => false,
      refuses: options.refuses ?? (() => undefined),
    })
    state.consumer = consumer
    // Global speaks first here, and with its first message its headers go out.
    consumer.start()
    return (bytes) => consumer.response(bytes)
  })
  for (const path of adminPaths)
    serve(path, status.INVALID_ARGUMENT, (_zone, state, call) => {
      const what = adminWhat(path)
      state.admin.set(what, call)
      return (bytes) => {
        const { id, ...said } = readAnswer(what, bytes)
        const waiting = state.asked.get(id)
        if (waiting === undefined) throw new KumaFault('stream', `${path}: an answer to a question that nobody asked`)
        state.asked.delete(id)
        waiting(said)
      }
    })
  server.register<Buffer, Buffer>(
    healthCheckPath,
    (
      call: { readonly metadata: Metadata },
      answer: (error: { code: number; details: string } | null, value?: Buffer) => void,
    ) => {
      const zone = clientId(call.metadata)
      if (zone === undefined) {
        answer({ code: status.INVALID_ARGUMENT, details: '"client-id" is not present in metadata' })
        return
      }
      stateOf(zone).healthChecks += 1
      const interval = create(ZoneHealthCheckResponseSchema, { interval: { seconds: 0n, nanos: 0 } })
      answer(null, Buffer.from(toBinary(ZoneHealthCheckResponseSchema, interval)))
      level.changed()
    },
    asIs,
    asIs,
    'unary',
  )

  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${options.port ?? freePort()}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  const changed = (): void => {
    for (const { provider } of zones.values()) provider?.changed()
  }

  return {
    port,
    put(type, parts) {
      own.put(type, parts)
      changed()
    },
    remove(type, key) {
      own.remove(type, key)
      changed()
    },
    zone: (name) => ({
      held: () => stateOf(name).consumer?.held() ?? new Map(),
      received: () => stateOf(name).consumer?.received ?? [],
      sent: () => stateOf(name).provider?.sent ?? [],
      verdicts: () => stateOf(name).provider?.verdicts ?? [],
      healthChecks: () => stateOf(name).healthChecks,
      ask: (asked) =>
        new Promise((resolve, reject) => {
          const call = stateOf(name).admin.get(asked.what)
          if (call === undefined) {
            reject(new Error(`client ${name} is not connected`))
            return
          }
          const id = randomUUID()
          stateOf(name).asked.set(id, resolve)
          call.write(writeQuestion(id, asked))
        }),
      calls: () => [...stateOf(name).calls.values()].sort(),
    }),
    metadata: () => seenMetadata,
    faults: () => faults,
    endStreams() {
      for (const { calls } of zones.values())
        for (const call of calls.keys()) end(call, status.UNAVAILABLE, 'stream unavailable')
    },
    until: level.until,
    async close() {
      server.forceShutdown()
      await level.until(() => [...zones.values()].every(({ calls }) => calls.size === 0))
    },
  }
}
