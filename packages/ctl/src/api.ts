import { CliError } from './io.js'
import { type ServerSaid, whoIsThere } from './server.js'

/** What the API calls an error: `title (detail)` and a reason per field. */
export interface ErrorBody {
  readonly title: string
  readonly detail: string
  readonly fields: readonly { readonly field: string; readonly reason: string }[]
}

/** An answer that is an error. `body` is undefined where it was not JSON of the API. */
export class ApiFailure extends CliError {
  readonly httpStatus: number
  readonly body: ErrorBody | undefined

  constructor(httpStatus: number, message: string, body: ErrorBody | undefined) {
    super(message)
    this.name = 'ApiFailure'
    this.httpStatus = httpStatus
    this.body = body
  }

  /** The server has no such path at all, which is another thing than having nothing there. */
  get noSuchPath(): boolean {
    return (this.httpStatus === 404 || this.httpStatus === 405) && this.body === undefined
  }
}

export type JsonObject = Readonly<Record<string, unknown>>

export interface List {
  readonly total?: number
  readonly items: readonly JsonObject[]
}

export interface ApiOptions {
  readonly url: string
  readonly fetch: typeof fetch
  readonly signal: AbortSignal
  /** Of every request, credentials among them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Of the program, for the server's log and for what is said about a server of another version. */
  readonly version?: string | undefined
  /** Longest time for one request; 0 for none. */
  readonly timeoutMs?: number | undefined
  /** Told every request and its answer. */
  readonly debug?: ((line: string) => void) | undefined
  /** How it is said where the control plane is and whom to trust, where not as for every command. */
  readonly saidWith?: SaidWith | undefined
}

/** Options by their names, for messages. */
export interface SaidWith {
  readonly place: string
  readonly trust: string
  /** How it is told who asks, after "give another with" and "a token in". */
  readonly token: string
}

const saidForAll: SaidWith = {
  place: '--url or HOLDFAST_URL',
  trust: "--ca-cert-file of 'holdfastctl config control-planes add'",
  token:
    "HOLDFAST_TOKEN, or 'holdfastctl config control-planes add --overwrite --auth-type tokens --auth-conf token=TOKEN'",
}

/** An answer that is no error. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: JsonObject
}

/** An answer that is an error. */
interface Refusal {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

interface Sent {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * Goes on when the program is interrupted: of a write whose answer is not awaited nobody knows whether it was done.
   * It is bounded by the time for one request.
   */
  readonly finishes?: boolean | undefined
}

/** Pages are as large as the API gives them. */
const pageSize = 1000

/** One control plane's HTTP API. Rejects with an ApiFailure, or a CliError where nobody answers. */
export class Api {
  readonly url: string
  readonly #options: ApiOptions

  constructor(options: ApiOptions) {
    this.url = options.url.replace(/\/+$/, '')
    this.#options = options
  }

  async get(path: string): Promise<JsonObject> {
    return (await this.call('GET', path)).body
  }

  /**
   * An answer that has this field, as every control plane of ours gives it: what somebody else answers, or nothing at all,
   * must not be taken for "all is well".
   */
  async tell(path: string, field: string): Promise<JsonObject> {
    const body = await this.get(path)
    if (Object.hasOwn(body, field)) return body
    throw await this.#notThat(path.split('?')[0] ?? path, `anything about ${JSON.stringify(field)}`)
  }

  async delete(path: string, headers?: Readonly<Record<string, string>>): Promise<JsonObject> {
    return (await this.call('DELETE', path, { headers })).body
  }

  async post(path: string, body: unknown): Promise<JsonObject> {
    return (await this.call('POST', path, { body })).body
  }

  /** Undefined if there is nothing at that path. */
  async find(path: string): Promise<JsonObject | undefined> {
    try {
      return await this.get(path)
    } catch (error) {
      if (error instanceof ApiFailure && error.httpStatus === 404 && error.body?.title !== 'Failed to retrieve Mesh')
        return undefined
      throw error
    }
  }

  /** A whole list, whatever its length: every page is fetched. */
  async list(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<List> {
    const given = Object.entries(query).flatMap(([key, value]): [string, string][] =>
      value === undefined ? [] : [[key, value]],
    )
    const items: JsonObject[] = []
    let total: number | undefined
    let next: string | undefined =
      `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams([...given, ['size', String(pageSize)]])}`
    while (next !== undefined) {
      const page: JsonObject = await this.get(next)
      const found = itemsOf(page)
      // Nothing must not be taken for an empty mesh.
      if (found === undefined) throw await this.#notThat(path, 'a list')
      items.push(...found)
      if (typeof page.total === 'number') total = page.total
      next = typeof page.next === 'string' ? pathOf(page.next) : undefined
    }
    return total === undefined ? { items } : { total: items.length, items }
  }

  /** A request whose answer must be JSON; an empty one counts as `{}`. */
  async call(method: string, path: string, sent: Sent = {}): Promise<Answered> {
    const response = await this.#send(method, path, sent)
    const { status, headers } = response
    const text = await this.#reading(path, response.text())
    if (!response.ok) throw await this.#failure(method, path, { status, headers, text })
    const body = text.trim() === '' ? {} : parsed(text)
    if (body === undefined) throw await this.#notJson(path, status)
    return { status, headers, body }
  }

  /** A request whose answer is taken as it is: a token, a stream. Rejects with an ApiFailure all the same. */
  async open(method: string, path: string, sent: Sent = {}): Promise<Response> {
    const response = await this.#send(method, path, sent)
    if (response.ok) return response
    const { status, headers } = response
    throw await this.#failure(method, path, { status, headers, text: await this.#reading(path, response.text()) })
  }

  /** What the server at this URL calls itself. */
  async server(): Promise<ServerSaid> {
    const response = await this.#send('GET', '/', {})
    return whoIsThere(response.status, parsed(await this.#reading('/', response.text())))
  }

  async #failure(method: string, path: string, { status, headers, text }: Refusal): Promise<CliError> {
    const error = errorBodyOf(parsed(text))
    if (error !== undefined)
      return new ApiFailure(status, errorText(error) + nextAct(status, error, path, this.#saidWith), error)
    const missing = (status === 404 || status === 405) && path !== '/'
    const said = `${method} ${this.url}${path}: (${status}): ${plainWords(text)}${this.#between(status, headers)}`
    const who = missing ? await this.server().catch(() => undefined) : undefined
    const message = who === undefined ? said : `${said}\n${who.lacks(this.url, this.#options.version ?? '')}`
    return new ApiFailure(status, message, undefined)
  }

  /** An answer without our words may be of somebody on the way. */
  #between(status: number, headers: Headers): string {
    if (status >= 300 && status < 400)
      return `\nit sends elsewhere (${headers.get('location') ?? 'nowhere'}), which no control plane does; say another place with ${this.#saidWith.place}`
    if (status < 502 || status > 504) return ''
    return '\na proxy on the way answers for a control plane that does not; is that running, and does the proxy know where? Try again'
  }

  async #notJson(path: string, status: number): Promise<CliError> {
    return new CliError(
      `${this.url}${path} did not answer in JSON (${status}); is it a control plane? Say another place with ${this.#saidWith.place}`,
    )
  }

  async #notThat(path: string, what: string): Promise<CliError> {
    const who = await this.server().catch(() => undefined)
    const product = who?.product ?? ''
    const is =
      product === ''
        ? 'is it a control plane?'
        : product === 'Kuma' || product === 'Holdfast'
          ? 'is the path of the URL right?'
          : `it is ${product} ${who?.version ?? ''}, and neither Holdfast nor Kuma.`
    return new CliError(
      `${this.url}${path} did not answer with ${what}; ${is} Say another place with ${this.#saidWith.place}`,
    )
  }

  async #send(method: string, path: string, { body, headers, finishes }: Sent): Promise<Response> {
    const { fetch, version, timeoutMs = 0, debug } = this.#options
    // An answer that goes on, as a watch does, must come to its beginning in time, not to its end.
    const timer = new AbortController()
    const timeout = timeoutMs === 0 ? undefined : setTimeout(() => timer.abort(), timeoutMs)
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(version === undefined ? {} : { 'user-agent': `holdfastctl/${version}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...this.#options.headers,
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: finishes === true ? timer.signal : AbortSignal.any([this.#options.signal, timer.signal]),
      })
      debug?.(`${method} ${this.url}${path} ${response.status}`)
      return response
    } catch (error) {
      if (finishes !== true) this.#options.signal.throwIfAborted()
      debug?.(`${method} ${this.url}${path} ${(error as Error).message}`)
      throw timer.signal.aborted
        ? new CliError(
            `${method} ${this.url}${path} was not answered within ${timeoutMs / 1000} s; give it longer with --api-timeout`,
          )
        : this.#unreachable(error)
    } finally {
      clearTimeout(timeout)
    }
  }

  /** A connection may break in the midst of an answer as well. */
  async #reading(path: string, text: Promise<string>): Promise<string> {
    try {
      return await text
    } catch (error) {
      this.#options.signal.throwIfAborted()
      throw new CliError(`the answer of ${this.url}${path} broke off: ${causeText(error, this.#saidWith)}; try again`, {
        cause: error,
      })
    }
  }

  /** Whoever expects TLS hangs up on whoever speaks without. */
  #wantsTls(error: unknown): string {
    const hungUp = causeText(error, this.#saidWith) === closed
    return hungUp && this.url.startsWith('http://') ? ' (is it https:// that is expected there?)' : ''
  }

  get #saidWith(): SaidWith {
    return this.#options.saidWith ?? saidForAll
  }

  #unreachable(error: unknown): CliError {
    if (error instanceof CliError) return error
    return new CliError(
      `cannot reach a control plane at ${this.url}: ${causeText(error, this.#saidWith)}${this.#wantsTls(error)}; is it running there? Say another place with ${this.#saidWith.place}`,
      { cause: error },
    )
  }
}

/** Go writes an empty list as null. Undefined for what is no list at all. */
const itemsOf = (page: JsonObject): readonly JsonObject[] | undefined =>
  Array.isArray(page.items) ? page.items : page.items === null ? [] : undefined

/** A `next` names the place by which the server knows itself; we stay with ours. */
function pathOf(url: string): string {
  const { pathname, search } = new URL(url, 'http://localhost')
  return `${pathname}${search}`
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A field of an object that should be an object; {} where it is not. */
export const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {})

/** A field of an object that should be a text; '' where it is not. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** A field of an object that should be a list of objects. */
export const objectsOf = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : [])

function errorBodyOf(body: JsonObject | undefined): ErrorBody | undefined {
  const title = textOf(body?.title)
  if (body === undefined || title === '') return undefined
  const parameters = objectsOf(body.invalid_parameters)
  return {
    title,
    detail: textOf(body.detail) || textOf(body.details),
    fields:
      parameters.length > 0
        ? parameters.map(({ field, reason }) => ({ field: textOf(field), reason: textOf(reason) }))
        : objectsOf(body.causes).map(({ field, message }) => ({ field: textOf(field), reason: textOf(message) })),
  }
}

/** As kumactl prints it: `title (detail)` and `* field: reason` for each problem. */
export const errorText = ({ title, detail, fields }: ErrorBody): string =>
  [
    detail === '' ? title : `${title} (${detail.trim()})`,
    ...fields.map(({ field, reason }) => (field === '' ? `* ${reason}` : `* ${field}: ${reason}`)),
  ].join('\n')

/** What the server cannot know: how this program is told who asks. */
const nextAct = (status: number, { title, detail }: ErrorBody, path: string, { token }: SaidWith): string =>
  title === 'Failed to retrieve Mesh'
    ? `\nthere is no mesh ${JSON.stringify(decodeURIComponent(/^\/meshes\/([^/?]+)/.exec(path)?.[1] ?? ''))}; see those there are with 'holdfastctl get meshes'`
    : status === 401
      ? `\nthe token was not accepted; give another with ${token}`
      : status === 403
        ? `\nask as somebody who may: with a token in ${token}, or from the control plane's own machine`
        : status === 405
          ? writtenAt(detail)
          : ''

/** Kuma's words for who may write something do not say how this program is told to ask there. */
const writtenAt = (detail: string): string =>
  detail.startsWith('On global')
    ? "\nask the control plane of the zone that has it, with --url or --context; see 'holdfastctl config control-planes list'"
    : detail.startsWith('On zone')
      ? "\nask global, with --url or --context; see 'holdfastctl config control-planes list'"
      : ''

/** `fetch` says only that it failed; what failed stands in the cause, or in the causes of each address tried. */
function causeText(error: unknown, saidWith: SaidWith): string {
  const cause = (error as { cause?: unknown }).cause ?? error
  const code = (cause as { code?: unknown }).code
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ENOTFOUND') return 'no such host'
  if (code === 'ECONNRESET') return closed
  if (typeof code === 'string' && code.startsWith('HPE_')) return 'what answers there does not speak HTTP'
  if (typeof code === 'string' && certificateCodes.test(code))
    return `its certificate is not trusted (${(cause as Error).message}); say whom to trust with ${saidWith.trust}`
  if (code === 'EPROTO') return 'it does not speak TLS as https:// says, or not the same version'
  const first = (cause as { errors?: readonly unknown[] }).errors?.[0]
  return first === undefined ? ((cause as Error).message ?? String(cause)) : causeText(first, saidWith)
}

const closed = 'the connection was closed without an answer'

/** A page for browsers as one line of words. */
function plainWords(text: string): string {
  const words = /^\s*</.test(text)
    ? (/<title>([^<]*)<\/title>/i.exec(text)?.[1] ?? text.replace(/<[^>]*>/g, ' '))
    : text
  return words.replace(/\s+/g, ' ').trim().slice(0, 300)
}

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_/
