import { CliError } from './io.js'

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
}

export type JsonObject = Readonly<Record<string, unknown>>

export interface List {
  readonly total?: number
  readonly items: readonly JsonObject[]
}

/** Pages are as large as the API gives them. */
const pageSize = 1000

/** One control plane's HTTP API. Rejects with an ApiFailure, or a CliError where nobody answers. */
export class Api {
  readonly url: string
  readonly #fetch: typeof fetch
  readonly #signal: AbortSignal

  constructor(options: { readonly url: string; readonly fetch: typeof fetch; readonly signal: AbortSignal }) {
    this.url = options.url.replace(/\/+$/, '')
    this.#fetch = options.fetch
    this.#signal = options.signal
  }

  get(path: string): Promise<JsonObject> {
    return this.#call('GET', path)
  }

  delete(path: string): Promise<JsonObject> {
    return this.#call('DELETE', path)
  }

  post(path: string, body: unknown): Promise<JsonObject> {
    return this.#call('POST', path, body)
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
    let next: string | undefined = `${path}?${new URLSearchParams([...given, ['size', String(pageSize)]])}`
    while (next !== undefined) {
      const page: JsonObject = await this.get(next)
      items.push(...itemsOf(page))
      if (typeof page.total === 'number') total = page.total
      next = typeof page.next === 'string' ? pathOf(page.next) : undefined
    }
    return total === undefined ? { items } : { total: items.length, items }
  }

  async #call(method: string, path: string, body?: unknown): Promise<JsonObject> {
    const response = await this.#send(method, path, body)
    const text = await response.text()
    if (response.ok) return parsed(text) ?? this.#notHoldfast(path)
    const error = errorBodyOf(parsed(text))
    throw new ApiFailure(
      response.status,
      error === undefined ? `${method} ${this.url}${path}: (${response.status}): ${text.trim()}` : errorText(error),
      error,
    )
  }

  async #send(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await this.#fetch(`${this.url}${path}`, {
        method,
        headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: this.#signal,
      })
    } catch (error) {
      this.#signal.throwIfAborted()
      throw new CliError(
        `cannot reach a control plane at ${this.url}: ${causeText(error)}; is it running there? Say another place with --url or HOLDFAST_URL`,
        { cause: error },
      )
    }
  }

  #notHoldfast(path: string): never {
    throw new CliError(
      `${this.url}${path} did not answer in JSON; is it a control plane? Say another place with --url or HOLDFAST_URL`,
    )
  }
}

const itemsOf = (page: JsonObject): readonly JsonObject[] => (Array.isArray(page.items) ? page.items : [])

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

/** `fetch` says only that it failed; what failed stands in the cause, or in the causes of each address tried. */
function causeText(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause ?? error
  const code = (cause as { code?: unknown }).code
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ENOTFOUND') return 'no such host'
  const first = (cause as { errors?: readonly unknown[] }).errors?.[0]
  return first === undefined ? ((cause as Error).message ?? String(cause)) : causeText(first)
}
