import { Client, type ClientDuplexStream, credentials, Metadata, status } from '@grpc/grpc-js'
import { findType, type KumaResourceParts, typesSentDownToKuma, typesSentUp } from '@holdfast/model'
import { createLevel, type Level } from '../level.js'
import { type AdminAsked, type AdminSaid, adminWhat, readQuestion, writeAnswer } from './admin.js'
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
import { KumaProvider, type Sent, type Verdict } from './provider.js'

export interface FakeKumaZoneOptions {
  /** `host:port` of a global's KDS port, plaintext. */
  readonly target: string
  readonly zone: string
  /** What it says it is. */
  readonly version?: string | undefined
  /** Types that it asks global for. */
  readonly asksFor?: readonly string[] | undefined
  /** Why it refuses a resource; it refuses nothing by default. */
  readonly refuses?: ((type: string, parts: KumaResourceParts) => string | undefined) | undefined
  /** What it has from its lives before: of others, and its own; nothing unless said otherwise. */
  readonly remembers?: FakeKumaMemory | undefined
  /** What its proxies say of themselves; `undefined`: it never answers. */
  readonly proxies?: ((asked: AdminAsked) => AdminSaid | undefined) | undefined
}

/** The store of a zone, over the lives of its connections. */
export interface FakeKumaMemory {
  readonly own: OwnObjects
  readonly held: Map<string, Map<string, KumaResourceParts>>
}

export interface FakeKumaEnd {
  readonly what: string
  readonly code: number
  readonly details: string
}

/** A stock Kuma zone control plane as a global sees it, one connection's life of it. */
export interface FakeKumaZone {
  /** What it offers. */
  put(type: string, parts: KumaResourceParts): void
  remove(type: string, key: string): void
  /** What global gave it. */
  held(): KumaObjects
  /** Responses that it received and answered, in order. */
  received(): readonly Sent[]
  /** Responses that it sent, in order. */
  sent(): readonly Sent[]
  /** What global said to them. */
  verdicts(): readonly Verdict[]
  /** Keys that it acknowledged and silently did not keep, for they lack the origin label `global`. */
  dropped(): readonly string[]
  /** What it had of others and a first list did not have: it is gone. */
  lost(): readonly string[]
  /** Checks of health that were answered. */
  healthChecks(): number
  /** Questions about its proxies that have arrived. */
  questions(): number
  /** What ended its run, `undefined` while it runs. A real one would dial again after a back-off. */
  ended(): FakeKumaEnd | undefined
  until: Level['until']
  /** Half-closes every stream and cancels it, as a Kuma that is stopped does. */
  stop(): void
}

export function startFakeKumaZone(options: FakeKumaZoneOptions): FakeKumaZone {
  const { zone, version = '2.14.3' } = options
  const level = createLevel()
  const own = options.remembers?.own ?? new OwnObjects()
  const client = new Client(options.target, credentials.createInsecure(), {
    ...kumaLimits,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.primary_user_agent': `kds/${version} (linux; amd64; Kuma/0000000)`,
    // Every message of a real one is compressed.
    'grpc.default_compression_algorithm': 2,
  })
  const metadata = new Metadata()
  metadata.set('client-id', zone)
  metadata.set('kds-version', 'v3')
  metadata.set('version', version)
  for (const feature of ['zone-ping-health', 'hash-suffix']) metadata.add('features', feature)

  let ended: FakeKumaEnd | undefined
  let healthChecks = 0
  let questions = 0
  const calls: ClientDuplexStream<Buffer, Buffer>[] = []
  const end = (what: string, code: number, details: string): void => {
    if (ended !== undefined) return
    ended = { what, code, details }
    for (const call of calls) call.cancel()
    client.close()
    level.changed()
  }
  const survive = (what: string, handle: () => void): void => {
    try {
      if (ended === undefined) handle()
    } catch (error) {
      if (!(error instanceof KumaFault)) throw error
      end(`${error.kind} of ${what}`, status.INTERNAL, error.message)
    }
    level.changed()
  }
  const open = (path: string, tolerated: readonly number[], receive: (bytes: Buffer) => void) => {
    const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
    calls.push(call)
    call.on('error', () => {})
    call.on('data', (bytes: Buffer) => survive(path, () => receive(bytes)))
    // In a turn of its own: on Node 20 what is closed within the callback of another stream's reset may loop for ever.
    call.on('status', ({ code, details }) => {
      if (!tolerated.includes(code)) setImmediate(() => end(path, code, details))
    })
    return call
  }

  const consumer = new KumaConsumer({
    nodeId: zone,
    nodeMetadata: nodeMetadata(version, `${zone}-cp-0001`, JSON.stringify({ store: { type: 'postgres' } })),
    types: options.asksFor ?? typesSentDownToKuma.map(({ name }) => name),
    send: (bytes) => down.write(bytes),
    drops: (type, parts) => findType(type)?.providedByZone === true && parts.labels['kuma.io/origin'] !== 'global',
    refuses: options.refuses ?? (() => undefined),
    store: options.remembers?.held,
  })
  const provider = new KumaProvider({
    identifier: zone,
    nodeId: zone,
    types: typesSentUp.map(({ name }) => name),
    objects: () => own.all(),
    send: (bytes) => up.write(bytes),
  })
  const up = open(zoneToGlobalPath, [], (bytes) => provider.request(bytes))
  const down = open(globalToZonePath, [], (bytes) => consumer.response(bytes))
  for (const path of adminPaths) {
    const call = open(path, [status.UNIMPLEMENTED, status.CANCELLED], (bytes) => {
      questions += 1
      const { id, ...asked } = readQuestion(adminWhat(path), bytes)
      const said = options.proxies?.(asked)
      if (said !== undefined) call.write(writeAnswer(asked.what, id, said))
    })
  }
  client.makeUnaryRequest(healthCheckPath, asIs, asIs, Buffer.alloc(0), metadata, (error) => {
    if (error === null) healthChecks += 1
    else if (error.code !== status.UNIMPLEMENTED) setImmediate(() => end(healthCheckPath, error.code, error.details))
    level.changed()
  })
  consumer.start()

  return {
    put(type, parts) {
      own.put(type, parts)
      provider.changed()
    },
    remove(type, key) {
      own.remove(type, key)
      provider.changed()
    },
    held: () => consumer.held(),
    received: () => consumer.received,
    sent: () => provider.sent,
    verdicts: () => provider.verdicts,
    dropped: () => consumer.dropped,
    lost: () => consumer.lost,
    healthChecks: () => healthChecks,
    questions: () => questions,
    ended: () => ended,
    until: level.until,
    stop() {
      for (const call of calls) call.end()
      end('stopped', status.CANCELLED, 'the zone was stopped')
    },
  }
}
