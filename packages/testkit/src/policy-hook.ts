import {
  createServer as createHttp,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { PolicyHook, ReviewRequestSchema, ReviewResponseSchema } from '@holdfast/proto'
import { freePort } from './free-port.js'

/** A resource as a hook is shown it. */
export interface ReviewedResource {
  readonly type: string
  readonly mesh?: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly spec?: unknown
  readonly [field: string]: unknown
}

export interface ReviewedItem {
  readonly id: string
  readonly zone: string
  readonly resource: ReviewedResource
}

/** The JSON form of a Result without its id. */
export type Judgement =
  | { readonly allowed: { readonly resource?: unknown } }
  | { readonly denied: { readonly reasons: readonly string[] } }
  | { readonly failed: { readonly reason: string } }

/**
 * Judges one item; what it throws fails the whole call (gRPC: with UNAVAILABLE, HTTP: with 503), and what it never
 * resolves lets it hang.
 */
export type Judge = (item: ReviewedItem) => Judgement | Promise<Judgement>

export interface PolicyHookServer {
  readonly url: string
  /** Changed by a test whenever it likes. */
  judge: Judge
  /** HTTP only: answers a call in any way it likes instead. */
  raw: ((response: ServerResponse, items: readonly ReviewedItem[]) => void) | undefined
  /** Calls so far, those that failed included. */
  readonly calls: number
  /** Display names of what it was asked about, in order. */
  readonly asked: readonly string[]
  /** Stops listening, and ends every connection. */
  stop(): Promise<void>
  /** Listens again, on the same port. */
  start(): Promise<void>
}

export const allow: Judge = () => ({ allowed: {} })

/** Allows with this label set. */
export const labelling =
  (label: string, value: string): Judge =>
  ({ resource }) => ({ allowed: { resource: { ...resource, labels: { ...resource.labels, [label]: value } } } })

abstract class FakeHook implements PolicyHookServer {
  judge: Judge = allow
  raw: PolicyHookServer['raw']
  readonly asked: string[] = []
  calls = 0
  protected port = freePort()
  abstract readonly url: string
  abstract start(): Promise<void>
  abstract stop(): Promise<void>

  protected async results(items: readonly ReviewedItem[]) {
    const results: { id: string }[] = []
    for (const item of items) results.push({ id: item.id, ...(await this.judge(item)) })
    return results
  }

  protected note(items: readonly ReviewedItem[]): void {
    this.calls++
    for (const { resource } of items) this.asked.push(resource.labels['kuma.io/display-name'] ?? resource.name)
  }
}

class HttpHook extends FakeHook {
  readonly #tls: { readonly cert: Buffer; readonly key: Buffer } | undefined
  #server: HttpServer | undefined

  constructor(tls: { readonly cert: Buffer; readonly key: Buffer } | undefined) {
    super()
    this.#tls = tls
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}/review`
  }

  async start(): Promise<void> {
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response)
    const server = this.#tls === undefined ? createHttp(handle) : createHttps(this.#tls, handle)
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', () => resolve())
    })
    this.port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { items } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { items: readonly ReviewedItem[] }
    this.note(items)
    if (this.raw !== undefined) {
      this.raw(response, items)
      return
    }
    try {
      const results = await this.results(items)
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ results }))
    } catch {
      response.writeHead(503).end()
    }
  }
}

class GrpcHook extends FakeHook {
  #server: GrpcServer | undefined

  get url(): string {
    return `grpc://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const server = new GrpcServer({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
    const asIs = (bytes: Buffer): Buffer => bytes
    const path = `/${PolicyHook.typeName}/${PolicyHook.method.review.name}`
    server.addService(
      {
        review: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: asIs,
          requestDeserialize: asIs,
          responseSerialize: asIs,
          responseDeserialize: asIs,
        },
      },
      {
        review: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) =>
          void this.#review(call, answer),
      },
    )
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.port}`, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
    this.#server = server
  }

  async stop(): Promise<void> {
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  async #review({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): Promise<void> {
    const items = fromBinary(ReviewRequestSchema, request).items.map(({ id, zone, resource }) => ({
      id,
      zone,
      resource: JSON.parse(Buffer.from(resource).toString('utf8')) as ReviewedResource,
    }))
    this.note(items)
    try {
      const results = (await this.results(items)).map((result) => messageOf(result as { id: string } & Judgement))
      answer(null, Buffer.from(toBinary(ReviewResponseSchema, create(ReviewResponseSchema, { results }))))
    } catch (error) {
      answer({ code: status.UNAVAILABLE, details: (error as Error).message })
    }
  }
}

function messageOf(result: { id: string } & Judgement) {
  const { id } = result
  if ('denied' in result)
    return { id, outcome: { case: 'denied' as const, value: { reasons: [...result.denied.reasons] } } }
  if ('failed' in result) return { id, outcome: { case: 'failed' as const, value: result.failed } }
  const { resource } = result.allowed
  const bytes = resource === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(resource), 'utf8')
  return { id, outcome: { case: 'allowed' as const, value: { resource: bytes } } }
}

/** A policy hook over HTTP, on loopback; it allows everything until it is told otherwise. */
export async function startHttpHook(tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<PolicyHookServer> {
  const hook = new HttpHook(tls)
  await hook.start()
  return hook
}

/** The same over gRPC. */
export async function startGrpcHook(): Promise<PolicyHookServer> {
  const hook = new GrpcHook()
  await hook.start()
  return hook
}
