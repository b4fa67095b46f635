import { Problem, problemOf } from '@holdfast/model'
import { askedBy } from '@holdfast/store'
import type { Span } from '@holdfast/tracing'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { checkRoute } from './http/access.js'
import { drain } from './http/drain.js'
import { ApiError, badRequest, errorBody, statusOf, titles } from './http/errors.js'
import { ApiGate, serverOptionsOf } from './http/gate.js'
import { acceptsEvents, acceptsJson, isJson } from './http/media-types.js'
import { checkWritable } from './http/read-only.js'
import { sendBytes, sendEvents, sendJson, sendText } from './http/replies.js'
import { type Answer, type ApiRequest, type Route, templateOf } from './http/route.js'
import { RouteIndex } from './http/route-index.js'
import { type Actor, type ApiContext, type ApiOptions, contextOf } from './options.js'
import { routesOf } from './routes/all.js'
import { isWatch } from './watch/asked.js'

/** PostgreSQL has no place for it in any text. */
const noNul = 'the character U+0000 cannot be kept, and names nothing'
/** In a text of JSON, where it can only stand escaped; a backslash before it may be escaped itself. */
const hasNul = (json: string): boolean => json.includes('\\u0000') && /(?<!\\)(?:\\\\)*\\u0000/.test(json)

const hasBody = (method: string): boolean => method === 'PUT' || method === 'POST'

/**
 * The HTTP API of either role: Kuma's paths and JSON for the types of the table, and Holdfast's own under
 * `/_holdfast/`. Not listening yet; the caller listens and closes. Closing answers what is under way and lets idle
 * connections go.
 */
export function createApi(options: ApiOptions): FastifyInstance {
  const context = contextOf(options)
  const { gate: limits } = context.limits
  const app = Fastify({
    ...(options.tls === undefined
      ? { http: serverOptionsOf(limits) }
      : {
          https: {
            ...{ ...serverOptionsOf(limits), ...options.tls },
            minVersion: 'TLSv1.3' as const,
            handshakeTimeout: limits.headersTimeoutMs,
          },
        }),
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    bodyLimit: context.limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 120_000,
    // What is refused before a route is known: a malformed URL, a parameter of absurd length.
    frameworkErrors: (error, _request, reply) =>
      sendJson(reply, 400, errorBody(badRequest(error.message), titles.badRequest)),
    // A name may have 253 characters; longer ones are refused with a reason by the handlers.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2_000 },
  })
  const gate = new ApiGate(limits, (keptOut) => context.log.warn(keptOut, 'the HTTP API is asked more than it may be'))
  gate.guard(app.server)
  app.addHook('onRequest', async (request, reply) => {
    const waitMs = gate.requested(request.ip)
    if (waitMs === 0) return undefined
    const detail = `${request.ip} asks more than ${limits.requestsPerSecond} times a second; wait and try again`
    return sendJson(
      reply.header('retry-after', String(Math.ceil(waitMs / 1_000))),
      429,
      errorBody(new ApiError('invalid', titles.tooMany, detail, [], undefined, 429), titles.tooMany),
    )
  })
  app.addHook('onRequest', async ({ raw }) => {
    if (/%00/.test(raw.url ?? '')) throw badRequest(noNul)
  })
  // Every body comes in as text: whether its media type is right is decided after whether the type may be written.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) =>
    hasNul(String(body)) ? done(badRequest(noNul)) : done(null, body),
  )

  // Whoever watches would keep the server open for ever.
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort(new Problem('unavailable', stopping)))
  const index = new RouteIndex()
  for (const route of routesOf(context)) {
    index.add(route.method, route.path)
    mount(app, context, route, closing.signal)
  }

  app.setNotFoundHandler((request, reply) => {
    const methods = index.methodsOf(pathOf(request))
    return methods.length === 0
      ? sendText(reply, 404, '404: Page Not Found')
      : sendText(reply.header('allow', methods.join(', ')), 405, '405: Method Not Allowed')
  })
  app.setErrorHandler((error, request, reply) => fail(context, request, reply, error, titles.badRequest))
  return app
}

function mount(app: FastifyInstance, context: ApiContext, route: Route, closing: AbortSignal): void {
  const bodyMaxBytes = route.bodyMaxBytes ?? context.limits.bodyBytes
  const actors = new WeakMap<FastifyRequest, Actor>()
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: bodyMaxBytes,
    errorHandler: (error, request, reply) =>
      fail(context, request, reply, asTooLarge(error, request, route, bodyMaxBytes), route.title),
    onRequest: async (request, reply) => {
      checkWatchable(route, request)
      const watches = route.watchable === true && acceptsEvents(request.headers.accept)
      if (!watches && !acceptsJson(request.headers.accept))
        return sendText(reply, 406, '406: Not Acceptable\n\nAvailable representations: application/json')
      if (route.open !== true) {
        const actor = await context.authenticate(callerOf(request))
        actors.set(request, actor)
        checkRoute(context, route, request.params as Readonly<Record<string, string>>, actor)
      }
      if (route.refused !== undefined) throw new ApiError('readOnly', titles.readOnly, route.refused)
      if (hasBody(route.method) && !isJson(request.headers['content-type']))
        return sendText(reply, 415, '415: Unsupported Media Type')
      if (Number(request.headers['content-length'] ?? 0) > bodyMaxBytes) {
        await drain(request.raw)
        throw tooLarge(request, route, bodyMaxBytes)
      }
    },
    handler: async (request, reply) => {
      const actor = actors.get(request) ?? { name: '', groups: [], admin: false }
      const withdrawn = new AbortController()
      const span = tracedRequest(context, route, request)
      const endings = [closing, withdrawn.signal]
      const asked = new Asked(request, reply, { actor, withBody: hasBody(route.method), endings, span })
      const answer: Answer = await askedBy.run({ actor: actor.name, source: request.ip }, async () => {
        await checkWritable(context, route, asked)
        return route.handle(asked)
      })
      span?.end({ 'http.response.status_code': answer.status })
      for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value)
      if (answer.events !== undefined) {
        if (route.open !== true) keepLooking(context, route, request, reply, withdrawn)
        return sendEvents(reply, answer.status, answer.events)
      }
      if (answer.as === 'nothing') return reply.code(answer.status).send()
      if (answer.as === 'text') return reply.code(answer.status).type('text/plain').send(String(answer.body))
      return answer.raw === undefined
        ? sendJson(reply, answer.status, answer.body)
        : sendBytes(reply, answer.status, answer.raw.contentType, answer.raw.bytes)
    },
  })
}

/** Whoever asks to be told of changes and gets one answer would wait for the next for ever. */
function checkWatchable(route: Route, request: FastifyRequest): void {
  if (route.method !== 'GET' || route.watchable === true || !isWatch(queryOf(request))) return
  const list = route.type?.path === undefined ? 'the lists of resources' : `the list /${route.type.path}`
  throw badRequest(`${templateOf(route.path)} cannot be watched; watch ${list}, or ask for this again now and then`)
}

/** A stream of events outlives the token that it began with: whoever may not begin one now does not get more of this one. */
function keepLooking(
  context: ApiContext,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  withdrawn: AbortController,
): void {
  const timer = setInterval(async () => {
    try {
      const actor = await context.authenticate(callerOf(request))
      checkRoute(context, route, request.params as Readonly<Record<string, string>>, actor)
    } catch (error) {
      const { kind, message } = problemOf(error)
      // Whether they may could not be found out: that is no reason yet.
      if (kind !== 'unauthenticated' && kind !== 'forbidden') return
      context.log.warn({ address: request.ip, path: pathOf(request), reason: message }, 'who watches may not any more')
      withdrawn.abort(new Error('what let you in is not valid any more'))
    }
  }, context.limits.watcherCheckMs)
  timer.unref()
  reply.raw.once('close', () => clearInterval(timer))
}

/** What a handler asks of a request is found out when it asks: most of them ask for little. */
class Asked implements ApiRequest {
  readonly actor: Actor
  readonly traces: readonly string[]
  readonly body: string | undefined
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #endings: readonly AbortSignal[]
  #query: URLSearchParams | undefined
  #signal: AbortSignal | undefined

  /** @param endings what ends the request beside the client who goes away */
  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    of: {
      readonly actor: Actor
      readonly withBody: boolean
      readonly endings: readonly AbortSignal[]
      readonly span: Span | undefined
    },
  ) {
    this.#request = request
    this.#reply = reply
    this.#endings = of.endings
    this.actor = of.actor
    this.traces = of.span?.traceparent === undefined ? [] : [of.span.traceparent]
    this.body = of.withBody ? ((request.body as string | undefined) ?? '') : undefined
  }

  get params(): Readonly<Record<string, string>> {
    return this.#request.params as Readonly<Record<string, string>>
  }

  get query(): URLSearchParams {
    this.#query ??= queryOf(this.#request)
    return this.#query
  }

  get baseUrl(): string {
    return `${this.#request.protocol}://${this.#request.headers.host ?? 'localhost'}`
  }

  get path(): string {
    return pathOf(this.#request)
  }

  get userAgent(): string {
    return this.#request.headers['user-agent'] ?? ''
  }

  get source(): string {
    return this.#request.ip
  }

  get headers(): ApiRequest['headers'] {
    return Object.fromEntries(
      Object.entries(this.#request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : value,
      ]),
    )
  }

  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any([goneOf(this.#reply), ...this.#endings])
    return this.#signal
  }
}

/** Aborts when the client goes away before it has its answer. */
function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  const closed = (): void => {
    if (isGone(reply)) gone.abort(new Error('the client went away'))
  }
  closed()
  reply.raw.once('close', closed)
  return gone.signal
}

/** What has not answered yet. Reads change nothing that could be followed. */
const spans = new WeakMap<FastifyRequest, Span>()

/** The template of the path says what is asked; names of resources, queries and bodies are not shown to whom traces go. */
function tracedRequest({ tracing }: ApiContext, route: Route, request: FastifyRequest): Span | undefined {
  if (tracing === undefined || route.method === 'GET') return undefined
  const { traceparent } = request.headers
  const span = tracing.start(`${route.method} ${templateOf(route.path)}`, {
    kind: 'server',
    parent: typeof traceparent === 'string' ? traceparent : undefined,
    attributes: {
      'http.request.method': route.method,
      'http.route': templateOf(route.path),
      ...(route.type === undefined ? {} : { 'holdfast.type': route.type.name }),
    },
  })
  spans.set(request, span)
  return span
}

const queryOf = (request: FastifyRequest): URLSearchParams =>
  new URLSearchParams((request.raw.url ?? '').split('?').slice(1).join('?'))

const pathOf = (request: FastifyRequest): string => (request.raw.url ?? '/').split('?')[0] ?? '/'

const callerOf = (request: FastifyRequest) => ({
  remoteAddress: request.ip,
  headers: request.headers,
  method: request.method,
  path: pathOf(request),
})

/** Fastify notices the limit itself where a body comes in chunks of unknown length. */
const asTooLarge = (error: unknown, request: FastifyRequest, route: Route, limitBytes: number): unknown =>
  (error as { code?: unknown }).code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? tooLarge(request, route, limitBytes) : error

function tooLarge(request: FastifyRequest, route: Route, limitBytes: number): ApiError {
  const length = request.headers['content-length']
  const size = length === undefined ? `more than ${limitBytes}` : length
  const what = route.type === undefined ? `${route.method} ${route.path}` : `the ${route.type.name}`
  return new ApiError(
    'tooLarge',
    titles.tooLarge,
    `the body of ${what} has ${size} bytes, and at most ${limitBytes} are accepted; send less at a time`,
  )
}

function fail(context: ApiContext, request: FastifyRequest, reply: FastifyReply, error: unknown, title: string) {
  const problem = problemOf(frameworkProblem(error))
  const status = statusOf(problem)
  const span = spans.get(request)
  span?.end({ 'http.response.status_code': status }, status >= 500 ? title : undefined)
  // Whoever went away is told nothing, and nothing of ours has failed: what was under way ends because of it.
  if (status >= 500 && !isGone(reply) && problem.message !== stopping) {
    const what = { method: request.method, url: request.url, status, ...span?.ids }
    // What says itself what it waits for has not failed; there is nothing to be found in its stack.
    if (problem.kind === 'unavailable' && problem.cause === undefined)
      context.log.warn({ reason: problem.message, ...what }, title)
    else context.log.error({ err: problem.cause ?? problem, ...what }, title)
  }
  return sendJson(reply, status, errorBody(problem, title))
}

/** What is under way when this process drains ends with it: nothing has failed, and nobody has to look into it. */
const stopping = 'this control plane is stopping; ask again: another process answers, or this one once it is back'

const isGone = (reply: FastifyReply): boolean => reply.raw.destroyed && !reply.raw.writableFinished

/** What the framework itself refuses (a malformed URL, a body cut short) is the client's doing. */
function frameworkProblem(error: unknown): unknown {
  const { code, statusCode, message } = error as { code?: unknown; statusCode?: unknown; message?: unknown }
  const theirs =
    typeof code === 'string' && code.startsWith('FST_') && typeof statusCode === 'number' && statusCode < 500
  return theirs ? new ApiError('invalid', titles.badRequest, String(message)) : error
}
