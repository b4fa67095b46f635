import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type MetadataValue,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from '@grpc/grpc-js'
import type { SessionMessage } from '@holdfast/kds'
import { encodeKumaResource, Problem, problemOf, utf8, violationText } from '@holdfast/model'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  PolicyHook,
  type RequestExtensionSchema,
  type ResourceSchema,
  type ResponseExtensionSchema,
  ReviewResponseSchema,
  StatsResponseSchema,
} from '@holdfast/proto'
import { afterAll, expect, test } from 'vitest'
import { answerOn } from './admin/clerk.js'
import {
  type AdminQuestion,
  adminPathOf,
  decodeAdminAnswer,
  decodeAdminRequest,
  encodeAdminRequest,
} from './admin/messages.js'
import { certifyPath } from './certify.js'
import { certifyAt } from './client.js'
import { type DecodeContext, decodeFrame } from './codec/decode.js'
import { OfferEncoder } from './codec/offers.js'
import { encodeSession } from './codec/session.js'
import { grpcHook } from './hooks/grpc.js'
import { httpHook } from './hooks/http.js'
import { parseKdsAddress } from './kds-address.js'
import type { LinkLimits } from './limits.js'
import { dialMetadata } from './metadata.js'
import { asIs, healthCheckPath, syncPaths } from './methods.js'
import { ReplicaClient } from './replicas/replica-client.js'
import { serveReplicas } from './replicas/replica-server.js'
import { connectSecurely, listenSecurely } from './replicas/secure-line.js'
import type { ServeOptions } from './serve.js'
import { dialZone, hello, startGlobal } from './testing/links.js'

// Why a stream, a resource or a call is refused, as whoever reads the log or the answer gets it, in one file that a person
// has read. A test of the testkit reads off the source which there are.

type Case = readonly [what: string, said: () => string | Promise<string>]

const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

// --- Bytes that are not what they should be ---------------------------------------------------------------------------

type Request = Omit<MessageInitShape<typeof DeltaDiscoveryRequestSchema>, 'holdfast' | '$typeName'>
type Response = Omit<MessageInitShape<typeof DeltaDiscoveryResponseSchema>, 'holdfast' | '$typeName'>
type RequestBody = MessageInitShape<typeof RequestExtensionSchema>['body']
type ResponseBody = MessageInitShape<typeof ResponseExtensionSchema>['body']
type Wire = MessageInitShape<typeof ResourceSchema>

const atGlobal: DecodeContext = { role: 'global', zone: 'east', stream: 'globalToZone', extension: true }
const atZone: DecodeContext = { role: 'zone', zone: 'east', stream: 'globalToZone', extension: true }

function readText(bytes: Uint8Array, context: DecodeContext): string {
  const received = decodeFrame(bytes, context)
  if (received.kind === 'violation') return received.reason
  const { message } = received
  const of =
    message.type === 'to-receiver' && message.message.type === 'delta'
      ? message.message.delta.unreadable
      : message.type === 'response'
        ? message.unreadable
        : undefined
  return (of ?? []).map(({ key, reason }) => `${key}: ${reason}`).join('\n') || `no error: ${JSON.stringify(message)}`
}

/** What global says of a request of zone east. */
const asked =
  (body: RequestBody, more: Request = {}, context: Partial<DecodeContext> = {}, channel = 0) =>
  () =>
    readText(
      toBinary(
        DeltaDiscoveryRequestSchema,
        create(DeltaDiscoveryRequestSchema, {
          node: { id: 'east' },
          ...more,
          holdfast: { ...(body === undefined ? {} : { body }), channel },
        }),
      ),
      { ...atGlobal, ...context },
    )

/** What zone east says of a response of global. */
const answered =
  (body: ResponseBody, more: Response = {}, context: Partial<DecodeContext> = {}, channel = 0) =>
  () =>
    readText(
      toBinary(
        DeltaDiscoveryResponseSchema,
        create(DeltaDiscoveryResponseSchema, {
          ...more,
          holdfast: { ...(body === undefined ? {} : { body }), channel },
        }),
      ),
      { ...atZone, ...context },
    )

const digest = { lanes: new Uint8Array(16), count: 0 }
const notText = Uint8Array.of(0xff)
const asks = { case: 'delta', value: { asked: true } } as const

/** What zone east says of one resource in a delta. */
const resource = (wire: Wire, beside: readonly Wire[] = []) =>
  answered(asks, { typeUrl: 'MeshService', nonce: '1', resources: [wire, ...beside] })

const kumaUrl = 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource'
function wireOf({
  name = 'web',
  labels = {},
  typeUrl = '',
  spec = '{}',
  ...more
}: {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly typeUrl?: string
  readonly spec?: string
} & Pick<Wire, 'holdfast' | 'version'> = {}): Wire {
  const value = encodeKumaResource({ name, mesh: 'default', typeUrl, spec: utf8(spec), labels })
  return { name: `${name}.default`, version: '00', resource: { typeUrl: kumaUrl, value }, ...more }
}

const encoder = new OfferEncoder()
const description = { instanceId: 'east-0001', storeType: 'postgres', environment: 'universal' }
/** Our own side is as strict. */
const said = (message: SessionMessage) => () => {
  try {
    encodeSession(message, { role: 'zone', zone: 'east', encoder, description })
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

const bytesCases: readonly Case[] = [
  ['no protobuf', () => readText(Uint8Array.of(0xff, 0xff), atGlobal)],
  ['a request without a node', asked({ case: 'hello', value: {} }, { node: undefined as never })],
  ['a request in the name of another zone', asked({ case: 'hello', value: {} }, { node: { id: 'west' } })],
  [
    'a request without our field, of a zone that has said it would',
    () =>
      readText(
        toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { node: { id: 'east' } })),
        atGlobal,
      ),
  ],
  [
    'a response without our field, of a global that has said it would',
    () => readText(toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, {})), atZone),
  ],
  ['a channel of a later version', asked({ case: 'start', value: { standing: { offered: digest } } }, {}, {}, 9)],
  ['a channel of the other stream', asked({ case: 'start', value: { standing: { offered: digest } } }, {}, {}, 1)],
  ['an answer without the identity of a store', answered({ case: 'answer', value: {} })],
  [
    'a heartbeat of global on the other stream',
    asked({ case: 'heartbeat', value: {} }, {}, { role: 'zone', stream: 'zoneToGlobal' }),
  ],
  [
    'a heartbeat of a zone on the other stream',
    answered({ case: 'heartbeat', value: {} }, {}, { role: 'global', stream: 'zoneToGlobal' }),
  ],
  ['a part that is missing', asked({ case: 'start', value: {} })],
  ['an empty name', asked({ case: 'buckets', value: { type: '', level: 1 } })],
  ['a hash that is too short', asked({ case: 'hello', value: { typeSet: new Uint8Array(3) } })],
  ['a hash of ours that is none', said({ type: 'hello', hello: { ...hello, typeSet: 'ef' } })],
  ['an identity of ours that is none', said({ type: 'hello', hello: { ...hello, storeId: 'the store' } })],
  ['a count beyond all counts', asked({ case: 'heartbeat', value: { sequence: 2n ** 60n } })],
  [
    'a state that there is not',
    asked({
      case: 'hello',
      value: { typeSet: new Uint8Array(32), storeId: new Uint8Array(16), state: 'drunk' },
    }),
  ],
  [
    'a digest of the wrong length',
    asked({ case: 'start', value: { standing: { offered: { lanes: new Uint8Array(3) } } } }),
  ],
  ['a beginning without a mode', answered({ case: 'begin', value: {} })],
  ['a beginning of a later version', answered({ case: 'begin', value: { mode: 9 as never } })],
  [
    'more origins than there can be',
    asked({ case: 'heartbeat', value: { unsettled: Array.from({ length: 4_097 }, (_, i) => `z${i}`) } }),
  ],
  [
    'a report that is too long',
    asked({ case: 'heartbeat', value: { report: { body: new Uint8Array(256 * 1024 + 1) } } }),
  ],
  ['a report that is no text', asked({ case: 'heartbeat', value: { report: { body: notText } } })],
  ['a question that is no text', asked({ case: 'globalQuestion', value: { body: notText } })],
  [
    'more types than are read',
    asked({ case: 'types', value: { types: Array.from({ length: 1_025 }, (_, i) => ({ name: `T${i}` })) } }),
  ],
  ['a refusal that does not say of what', asked(undefined, { errorDetail: { message: 'no' } })],
  ['a request that asks for nothing', asked(undefined)],
  ['buckets of a level that there is not', asked({ case: 'buckets', value: { type: 'Mesh', level: 7 } })],
  [
    'a bucket that there is not',
    asked({ case: 'buckets', value: { type: 'Mesh', level: 1, digests: [{ prefix: 32, digest }] } }),
  ],
  [
    'a key that is too long',
    asked(undefined, { typeUrl: 'Mesh', resourceNamesSubscribe: [`${'x'.repeat(1_025)}.default`] }),
  ],
  ['a response that says nothing', answered(undefined)],
  ['differences of a level that there is not', answered({ case: 'buckets', value: { type: 'Mesh', level: 7 } })],
  [
    'removals without a time',
    answered({ case: 'delta', value: {} }, { typeUrl: 'Mesh', nonce: '1', removedResources: ['a.default'] }),
  ],
  [
    'a delta for two reasons',
    answered({ case: 'delta', value: { repair: true, asked: true } }, { typeUrl: 'Mesh', nonce: '1' }),
  ],
  ['a resource under another name', resource({ ...wireOf(), name: 'api.default' })],
  ['a resource without a name beside it', resource({ ...wireOf(), name: '' })],
  [
    'a resource in another envelope',
    resource({ name: 'web.default', resource: { typeUrl: 'x/Envelope', value: new Uint8Array() } }),
  ],
  [
    'a resource that is no protobuf',
    resource({ name: 'web.default', resource: { typeUrl: kumaUrl, value: Uint8Array.of(0xff) } }),
  ],
  ['a resource twice, and not the same', resource(wireOf(), [{ ...wireOf({ spec: '{"a":1}' }), version: '01' }])],
  ['a resource whose name is too long', resource({ ...wireOf({ name: 'x'.repeat(1_025) }), name: 'web.default' })],
  ['a resource with a NUL in a label', resource(wireOf({ labels: { a: '\0' } }))],
  ['a resource with a NUL in its type', resource(wireOf({ typeUrl: 'a\0' }))],
  [
    'a resource whose display name is too long',
    resource(wireOf({ labels: { 'kuma.io/display-name': 'x'.repeat(600) } })),
  ],
  ['an address of three bytes', resource(wireOf({ holdfast: { vips: [new Uint8Array(3)], vipGeneration: 1n } }))],
  ['a type of a Kuma that is too long', asked(undefined, { typeUrl: 'x'.repeat(300) }, { extension: false })],
]

// --- Addresses --------------------------------------------------------------------------------------------------------

const problemText = (error: unknown): string => {
  const { message, violations = [] } = problemOf(error)
  return [message, ...violations.map(violationText).map((line) => `* ${line}`)].join('\n')
}
const thrown = (work: () => unknown) => async (): Promise<string> => {
  try {
    await work()
  } catch (error) {
    return error instanceof Problem ? problemText(error) : (error as Error).message
  }
  return 'no error'
}
const addressCases: readonly Case[] = [
  'global',
  'http://global:5685',
  'grpc://me@global:5685',
  'grpc://::1:5685',
  'grpc://[x]:5685',
  'grpc://:5685',
  'grpc://a b:5685',
  'grpc://global',
  'grpc://global:70000',
  'grpc://global:5685/here',
].map((address): Case => [`the address ${address}`, thrown(() => parseKdsAddress(address))])

// --- Calls that global refuses ----------------------------------------------------------------------------------------

async function globalOf(options: Partial<ServeOptions> = {}) {
  const started = await startGlobal(options)
  closers.push(() => started.server.close())
  const client = new Client(`127.0.0.1:${started.server.port}`, credentials.createInsecure())
  closers.push(() => client.close())
  return { ...started, client }
}

const sessionId = '00000000-0000-4000-8000-000000000001'
function metadataOf(values: Readonly<Record<string, MetadataValue>>): Metadata {
  const metadata = dialMetadata({ zone: 'east', version: '0.1.0' })
  for (const [key, value] of Object.entries(values))
    if (value === '') metadata.remove(key)
    else metadata.set(key, value)
  return metadata
}
const statusText = ({ code, details }: { readonly code: number; readonly details: string }): string =>
  `${status[code]}: ${details}`

/** How a stream ends that a zone has opened. */
async function ended(
  { client }: { readonly client: Client },
  metadata: Metadata,
  path: string = syncPaths.globalToZone,
  more: (call: ClientDuplexStream<Buffer, Buffer>) => void = () => {},
): Promise<string> {
  const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
  call.on('data', () => {}).on('error', () => {})
  more(call)
  return new Promise((resolve) => call.once('status', (end) => resolve(statusText(end))))
}
const asHoldfast = (id: string = sessionId, zone = 'east') => dialMetadata({ zone, version: '0.1.0', sessionId: id })
const certifying: Partial<ServeOptions> = { certify: async () => ({ certificate: '', authorities: '' }) }

const callCases: readonly Case[] = [
  ['a zone without a name', async () => ended(await globalOf(), metadataOf({ 'client-id': '' }))],
  ['a zone whose name is none', async () => ended(await globalOf(), metadataOf({ 'client-id': 'East!' }))],
  ['a session without an id', async () => ended(await globalOf(), metadataOf({ features: 'holdfast-1' }))],
  [
    'a zone that nobody can look up',
    async () => ended(await globalOf({ admit: () => Promise.reject(new Error('no database')) }), asHoldfast()),
  ],
  [
    'a stream whose other stream does not come',
    async () => ended(await globalOf({ limits: { pairTimeoutMs: 20 } }), asHoldfast()),
  ],
  [
    'one stream twice',
    async () => {
      const there = await globalOf({ limits: { pairTimeoutMs: 60_000 } })
      const first = there.client.makeBidiStreamRequest(syncPaths.globalToZone, asIs, asIs, asHoldfast())
      first.on('error', () => {})
      await once(first, 'metadata')
      return ended(there, asHoldfast())
    },
  ],
  ['more sessions than may wait', async () => ended(await globalOf({ limits: { pairingsMax: 0 } }), asHoldfast())],
  [
    'a global that stops',
    async () => {
      const there = await globalOf()
      const waiting = ended(there, asHoldfast(), syncPaths.globalToZone, (call) =>
        call.once('metadata', () => void there.server.close()),
      )
      return waiting
    },
  ],
  [
    'too many calls on one connection',
    async () => {
      const there = await globalOf({ limits: { callsBurst: 1, callsPerSecond: 0.001 } })
      await new Promise((resolve) =>
        there.client.makeUnaryRequest(healthCheckPath, asIs, asIs, Buffer.alloc(0), asHoldfast(), resolve),
      )
      return ended(there, asHoldfast())
    },
  ],
  [
    'a request for a certificate that cannot be read',
    async () => {
      const { client } = await globalOf(certifying)
      return new Promise((resolve) =>
        client.makeUnaryRequest(certifyPath, asIs, asIs, Buffer.from([0xff]), asHoldfast(), (error) =>
          resolve(error === null ? 'no error' : statusText(error)),
        ),
      )
    },
  ],
  [
    'a certificate that is none',
    thrown(async () => certifyAt({ ...(await answering(certifyPath, Buffer.from([0xff]))), ...me })),
  ],
  ['a port that somebody else has', thrown(async () => startGlobal({ port: (await occupied()).port }))],
]

const me = { zone: 'east', version: '0.1.0', request: new Uint8Array() }

/** A gRPC server that answers one call with these bytes. */
async function answering(path: string, bytes: Buffer): Promise<{ readonly address: string }> {
  const server = new Server()
  server.register(
    path,
    (_: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, bytes),
    asIs,
    asIs,
    'unary',
  )
  return { address: `grpc://127.0.0.1:${await listening(server)}` }
}

function listening(server: Server): Promise<number> {
  closers.push(() => server.forceShutdown())
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  )
}

async function occupied(onConnection: (socket: Socket) => void = () => {}): Promise<{ readonly port: number }> {
  const server = createServer(onConnection)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => server.close())
  return { port: (server.address() as AddressInfo).port }
}

// --- What links end with ----------------------------------------------------------------------------------------------

/** Why connections to a global with these limits are turned away. */
function turnedAway(limits: Partial<LinkLimits>, connections: number): Promise<string> {
  return new Promise((resolve, reject) => {
    globalOf({ limits, onTurnedAway: ({ reason }) => resolve(reason) }).then(({ server }) => {
      for (let at = 0; at < connections; at++) {
        const socket = connectTcp(server.port, '127.0.0.1').on('error', () => {})
        closers.push(() => socket.destroy())
      }
    }, reject)
  })
}

async function closedText(zone: ReturnType<typeof dialZone>): Promise<string> {
  closers.push(() => zone.link.close({ code: 'OK', reason: 'seen' }))
  const { by, code, reason } = await zone.event('closed')
  return `by ${by}, ${code}: ${reason}`
}

const pem = (name: string): Buffer => readFileSync(new URL(`../testdata/tls/${name}.pem`, import.meta.url))

const linkCases: readonly Case[] = [
  ['a connection too many', () => turnedAway({ connectionsMax: 1 }, 2)],
  ['a connection of one address too many', () => turnedAway({ connectionsPerAddressMax: 1 }, 2)],
  ['a connection that says nothing', () => turnedAway({ handshakeTimeoutMs: 20 }, 1)],
  [
    'nobody who answers',
    async () => {
      const { port } = await occupied()
      return closedText(dialZone(`grpc://127.0.0.1:${port}`, { limits: { connectTimeoutMs: 50 } }))
    },
  ],
  [
    'a zone that stops',
    async () => {
      const { address } = await globalOf()
      return closedText(dialZone(address, { signal: AbortSignal.abort() }))
    },
  ],
  [
    'a zone that goes away, at global',
    async () => {
      const there = await globalOf()
      const zone = dialZone(there.address)
      const served = await there.next()
      await zone.event('headers')
      void zone.link.close({ code: 'OK', reason: 'seen' })
      const { by, code, reason } = await served.event('closed')
      return `by ${by}, ${code}: ${reason}`
    },
  ],
  [
    'a zone whose connection is lost, at global',
    async () => {
      const there = await globalOf()
      const calls = Object.values(syncPaths).map((path) =>
        there.client.makeBidiStreamRequest(path, asIs, asIs, asHoldfast()).on('error', () => {}),
      )
      const served = await there.next()
      for (const call of calls) call.cancel()
      const { by, code, reason } = await served.event('closed')
      return `by ${by}, ${code}: ${reason}`
    },
  ],
  [
    'a peer that does not read',
    async () => {
      const there = await globalOf({ limits: { bufferBytesMax: 1_000, bufferBytesHigh: 100 } })
      const zone = dialZone(there.address)
      closers.push(() => zone.link.close({ code: 'OK', reason: 'seen' }))
      const { link, event } = await there.next()
      link.send({ type: 'refused-entry', reason: 'x'.repeat(2 * 1024 * 1024) })
      link.send({ type: 'refused-entry', reason: 'x'.repeat(2_000) })
      const { by, code, reason } = await event('closed')
      return `by ${by}, ${code}: ${reason}`
    },
  ],
  [
    'a certificate of somebody else',
    async () => {
      const there = await globalOf({ tls: { cert: pem('cert'), key: pem('key') } })
      const tls = { rootCa: pem('cert'), serverId: 'spiffe://mesh/global' }
      return closedText(dialZone(there.address.replace('grpc:', 'grpcs:'), { tls }))
    },
  ],
  [
    'a Kuma global whose health check fails',
    async () => {
      const server = kumaGlobal()
      const refuse = (_: unknown, answer: (error: object) => void) =>
        answer({ code: status.PERMISSION_DENIED, details: 'the zone is disabled' })
      server.register(healthCheckPath, refuse, asIs, asIs, 'unary')
      return closedText(dialZone(`grpc://127.0.0.1:${await listening(server)}`))
    },
  ],
]

/** With the streams of a Kuma, on which it says nothing. */
function kumaGlobal(onStats: (call: ServerDuplexStream<Buffer, Buffer>) => void = () => {}): Server {
  const server = new Server()
  for (const path of [...Object.values(syncPaths), ...Object.values(adminPathOf)])
    server.register(
      path,
      (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('error', () => {})
        call.sendMetadata(new Metadata())
        if (path === adminPathOf.stats) onStats(call)
      },
      ...([asIs, asIs, 'bidi'] as const),
    )
  return server
}

// --- Proxies of a zone, asked by global -------------------------------------------------------------------------------

const question: AdminQuestion = {
  kind: 'stats',
  ...{ resourceType: 'Dataplane', name: 'web', mesh: 'default', format: 'text', includeEds: false, usedOnly: false },
}

/** What global is told when a plain zone of these words is asked about a proxy. */
const adminAnswer = (reply: (requestId: string) => Uint8Array | undefined, timeoutMs = 10_000) =>
  thrown(async () => {
    const there = await globalOf()
    const call = there.client.makeBidiStreamRequest(adminPathOf.stats, asIs, asIs, metadataOf({}))
    call.on('error', () => {})
    call.on('data', (bytes: Buffer) => {
      const bytesBack = reply(decodeAdminRequest('stats', bytes).requestId)
      if (bytesBack !== undefined) call.write(Buffer.from(bytesBack))
    })
    await isOpen(there.server)
    return there.server.askAdmin('east', question, { timeoutMs })
  })
const isOpen = async (server: { adminKindsOf(zone: string): readonly string[] }): Promise<void> => {
  while (server.adminKindsOf('east').length === 0) await new Promise((resolve) => setImmediate(resolve))
}
const statsOf = (init: MessageInitShape<typeof StatsResponseSchema>) =>
  toBinary(StatsResponseSchema, create(StatsResponseSchema, init))

/** How the stream ends of a plain zone that answers so. */
const adminEnd = (bytes: Uint8Array) => async () =>
  ended(await globalOf(), metadataOf({}), adminPathOf.stats, (call) => call.write(Buffer.from(bytes)))

const adminCases: readonly Case[] = [
  ['a zone that is away', thrown(async () => (await globalOf()).server.askAdmin('east', question, { timeoutMs: 1 }))],
  ['a zone that does not answer', adminAnswer(() => undefined, 20)],
  [
    'a zone that answers with an error',
    adminAnswer((requestId) => statsOf({ requestId, result: { case: 'error', value: 'no such proxy' } })),
  ],
  [
    'a zone whose answer is too long',
    thrown(async () => {
      const there = await globalOf()
      const call = there.client.makeBidiStreamRequest(adminPathOf.stats, asIs, asIs, metadataOf({}))
      call.on('error', () => {})
      answerOn(call, 'stats', async () => new Uint8Array(200), 100)
      await isOpen(there.server)
      return there.server.askAdmin('east', question, { timeoutMs: 10_000 })
    }),
  ],
  [
    'a zone that asks no proxies, at a Kuma',
    () =>
      new Promise((resolve, reject) => {
        const server = kumaGlobal((call) => {
          call.on('data', (bytes: Buffer) => {
            const answer = decodeAdminAnswer('stats', bytes)
            resolve('error' in answer ? answer.error : 'no error')
          })
          call.write(encodeAdminRequest('1', question))
        })
        listening(server).then((port) => {
          const { link } = dialZone(`grpc://127.0.0.1:${port}`)
          closers.push(() => link.close({ code: 'OK', reason: 'seen' }))
        }, reject)
      }),
  ],
  ['an answer without an id', adminEnd(statsOf({ result: { case: 'error', value: 'no such proxy' } }))],
  ['an answer that is none', adminEnd(Uint8Array.of(0xff))],
  ['a question without an id', thrown(() => decodeAdminRequest('stats', new Uint8Array()))],
  [
    'a zone that goes away meanwhile',
    thrown(async () => {
      const there = await globalOf()
      const call = there.client.makeBidiStreamRequest(adminPathOf.stats, asIs, asIs, metadataOf({}))
      call.on('error', () => {}).on('data', () => call.cancel())
      await isOpen(there.server)
      return there.server.askAdmin('east', question, { timeoutMs: 10_000 })
    }),
  ],
  [
    'who asked goes away',
    thrown(async () => {
      const there = await globalOf()
      const call = there.client.makeBidiStreamRequest(adminPathOf.stats, asIs, asIs, metadataOf({}))
      call.on('error', () => {}).on('data', () => {})
      await isOpen(there.server)
      return there.server.askAdmin('east', question, { timeoutMs: 10_000, signal: AbortSignal.abort() })
    }),
  ],
  [
    'more questions than a zone is asked',
    thrown(async () => {
      const there = await globalOf()
      const call = there.client.makeBidiStreamRequest(adminPathOf.stats, asIs, asIs, metadataOf({}))
      call.on('error', () => {}).on('data', () => {})
      await isOpen(there.server)
      const asking = Array.from({ length: 65 }, () => there.server.askAdmin('east', question, { timeoutMs: 10_000 }))
      return Promise.race(asking).finally(() => {
        for (const one of asking) one.catch(() => {})
        call.cancel()
      })
    }),
  ],
]

// --- Policy hooks -----------------------------------------------------------------------------------------------------

const limits = { timeoutMs: 5_000, maxBodyBytes: 100 }
const reviewed = (hook: ReturnType<typeof httpHook>) =>
  thrown(() => {
    closers.push(() => hook.close())
    return hook.review('owner', [{ id: '1', zone: 'east', resource: {} }], { signal: new AbortController().signal })
  })

/** What is said of a hook over HTTP that behaves like this. */
const overHttp =
  (handle: RequestListener, more: Partial<typeof limits> = {}) =>
  async (): Promise<string> => {
    const server = createHttpServer(handle)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    closers.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    const { port } = server.address() as AddressInfo
    return reviewed(httpHook({ ...limits, ...more, url: `http://127.0.0.1:${port}/review` }))()
  }
const json = (value: unknown) => overHttp((_, response) => response.end(JSON.stringify(value)))

const reviewPath = `/${PolicyHook.typeName}/${PolicyHook.method.review.name}`
type Answer = (error: object | null, bytes?: Buffer) => void
const overGrpc =
  (handle: (answer: Answer) => void, more: Partial<typeof limits> = {}) =>
  async (): Promise<string> => {
    const server = new Server()
    server.register(reviewPath, (_: unknown, answer: Answer) => handle(answer), asIs, asIs, 'unary')
    const port = await listening(server)
    const hook = grpcHook({ ...limits, ...more, url: `grpc://127.0.0.1:${port}` })
    closers.push(() => hook.close())
    return thrown(async () => {
      const results = await hook.review('owner', [], { signal: new AbortController().signal })
      throw new Error(`${results.map((result) => JSON.stringify(result)).join()}`)
    })()
  }

const hookCases: readonly Case[] = [
  ['a hook that nobody listens for', reviewed(httpHook({ ...limits, url: 'http://127.0.0.1:1/review' }))],
  ['a hook that does not answer', overHttp(() => {}, { timeoutMs: 20 })],
  ['a hook that hangs up', overHttp((request) => request.socket.destroy())],
  [
    'a hook that hangs up in the middle',
    overHttp((_, response) => {
      response.writeHead(200, { 'content-length': 50 })
      response.write('{', () => response.destroy())
    }),
  ],
  ['a hook that fails', overHttp((_, response) => response.writeHead(500).end())],
  ['a hook that is elsewhere', overHttp((_, response) => response.writeHead(302, { location: '/there' }).end())],
  ['an answer that is too long', overHttp((_, response) => response.end('x'.repeat(200)))],
  [
    'an answer in parts that is too long',
    overHttp((_, response) => {
      response.write('x'.repeat(60))
      response.write('x'.repeat(60))
    }),
  ],
  ['an answer that is no JSON', overHttp((_, response) => response.end('yes'))],
  ['an answer without results', json({})],
  ['a result of nothing', json({ results: [{}] })],
  ['a result that decides nothing', json({ results: [{ id: '1' }] })],
  ['over gRPC: a hook that nobody listens for', reviewed(grpcHook({ ...limits, url: 'grpc://127.0.0.1:1' }))],
  ['over gRPC: a hook that does not answer', overGrpc(() => {}, { timeoutMs: 50 })],
  ['over gRPC: an answer that is none', overGrpc((answer) => answer(null, Buffer.from([0xff])))],
  [
    'over gRPC: a hook that refuses the call',
    overGrpc((answer) => answer({ code: status.INTERNAL, details: 'no database' })),
  ],
  ['over gRPC: a hook that gives up the call', overGrpc((answer) => answer({ code: status.CANCELLED, details: '' }))],
  ['over gRPC: an answer that is too long', overGrpc((answer) => answer(null, Buffer.alloc(200)))],
  [
    'over gRPC: a result that decides nothing',
    overGrpc((answer) =>
      answer(
        null,
        Buffer.from(toBinary(ReviewResponseSchema, create(ReviewResponseSchema, { results: [{ id: '1' }] }))),
      ),
    ),
  ],
  [
    'over gRPC: a result that failed without a reason',
    overGrpc((answer) =>
      answer(
        null,
        Buffer.from(
          toBinary(
            ReviewResponseSchema,
            create(ReviewResponseSchema, { results: [{ id: '1', outcome: { case: 'failed', value: {} } }] }),
          ),
        ),
      ),
    ),
  ],
]

// --- Replicas of one database -----------------------------------------------------------------------------------------

const key = new Uint8Array(32)
const line = (port: number) => ({ host: '127.0.0.1', port, key })
const askReplica = (
  answer: () => Promise<Buffer>,
  act: (client: ReplicaClient) => void = () => {},
  timeoutMs = 5_000,
) =>
  thrown(async () => {
    const server = await serveReplicas({ ...line(0), answer, onForwarded: () => {} })
    closers.push(() => server.close())
    const client = new ReplicaClient(line(server.port))
    closers.push(() => client.close())
    act(client)
    return client.ask(Buffer.from('?'), { timeoutMs })
  })

/** How a stream ends whose partner is at another replica, which does this with it. */
async function forwarded(
  there: (call: ServerDuplexStream<Buffer, Buffer>, close: () => void) => void,
): Promise<string> {
  const replica = await serveReplicas({
    ...line(0),
    answer: async (body) => body,
    onForwarded: (_, call) => {
      call.on('error', () => {})
      there(call, () => void replica.close())
    },
  })
  closers.push(() => replica.close())
  const other = new ReplicaClient(line(replica.port))
  closers.push(() => other.close())
  const global = await globalOf({
    seek: async () => (call) =>
      void other.forward(call, 'globalToZone', (code, details) => {
        call.emit('error', Object.assign(new Error(details), { code, details }))
      }),
  })
  return ended(global, asHoldfast())
}

const replicaCases: readonly Case[] = [
  [
    'a stream that the other replica refuses',
    () => forwarded((call) => call.emit('error', { code: status.ALREADY_EXISTS, details: 'it is here already' })),
  ],
  ['a stream whose other replica goes', () => forwarded((_, close) => close())],
  [
    'a replica that goes before it answers',
    thrown(async () => {
      const server = await serveReplicas({
        ...line(0),
        answer: async () => {
          void server.close()
          return new Promise(() => {})
        },
        onForwarded: () => {},
      })
      const client = new ReplicaClient(line(server.port))
      closers.push(() => client.close())
      return client.ask(Buffer.from('?'), { timeoutMs: 10_000 })
    }),
  ],
  [
    'a port of replicas that somebody else has',
    thrown(async () => listenSecurely(line((await occupied()).port), () => {})),
  ],
  [
    'a replica that is asked no more',
    askReplica(
      async () => Buffer.from('!'),
      (client) => client.close(),
    ),
  ],
  [
    'a replica that does not answer',
    askReplica(
      () => new Promise(() => {}),
      () => {},
      50,
    ),
  ],
  ['a replica that cannot answer', askReplica(() => Promise.reject(new Error('no database')))],
  [
    'somebody who is no replica',
    thrown(async () =>
      connectSecurely(
        line((await occupied((socket) => socket.on('error', () => {}).end('HTTP/1.1 400\r\n\r\n'))).port),
      ),
    ),
  ],
]

const rooms: Readonly<Record<string, readonly Case[]>> = {
  'Bytes of a peer': bytesCases,
  'The address of a global': addressCases,
  'Calls at global': callCases,
  'Links and connections': linkCases,
  'Proxies of a zone': adminCases,
  'Policy hooks': hookCases,
  Replicas: replicaCases,
}

const told = new Map<string, string>()

test.each(Object.entries(rooms))(
  '%s: what is refused names the thing, the value and the limit',
  async (room, cases) => {
    const texts: string[] = []
    for (const [what, tell] of cases) {
      const text = portless(await tell())
      expect([what, text.startsWith('no error')]).toEqual([what, false])
      texts.push(`# ${what}\n${text}\n`)
    }
    told.set(room, texts.join('\n'))
  },
)

test('all of it stands in a file that a person has read', () => {
  const printed = Object.keys(rooms).map((room) => `## ${room}\n\n${told.get(room) ?? ''}`)
  expect(printed.join('\n')).toBeGolden('errors.txt')
})

const portless = (text: string): string =>
  text.replace(/(127\.0\.0\.1:)\d{2,}/g, '$1PORT').replace(/x{60,}/g, (x) => `x…x (${x.length})`)
