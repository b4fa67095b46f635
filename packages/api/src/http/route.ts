import type { TypeDescriptor } from '@holdfast/model'
import type { Actor } from '../options.js'

/** A request as a handler sees it: free of the HTTP framework. */
export interface ApiRequest {
  readonly actor: Actor
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Scheme and authority by which the client reached us, for absolute links. */
  readonly baseUrl: string
  /** Path without the query, as it was sent. */
  readonly path: string
  readonly userAgent: string
  /** Address of who asks, for the audit log. */
  readonly source: string
  /** W3C `traceparent` of this request; empty where it is not traced. */
  readonly traces: readonly string[]
  /** Of HTTP itself; names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** As it came; undefined for verbs without a body. */
  readonly body: string | undefined
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Events as they come, instead of a body. Ends when the client goes away or the server closes. */
  readonly events?: AsyncIterable<string> | undefined
  /** Bytes to be sent as they are instead of a JSON body. */
  readonly raw?: { readonly contentType: string; readonly bytes: Uint8Array } | undefined
  /** JSON unless said otherwise; `nothing`: no body and no content type. */
  readonly as?: 'text' | 'nothing' | undefined
}

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With `:name` for parameters. */
  readonly path: string
  /** Title of errors that bring none of their own. */
  readonly title: string
  /** The type that the body is of, or that the path speaks of. */
  readonly type?: TypeDescriptor | undefined
  /** Why nobody may do this here; told before anything else is looked at. */
  readonly refused?: string | undefined
  readonly bodyMaxBytes?: number | undefined
  /** Answers with events where it is asked to watch. */
  readonly watchable?: boolean | undefined
  /** Reachable without saying who one is. */
  readonly open?: boolean | undefined
  /**
   * Who may call it. `any`, `anyWrite`: who may read or write anything at all; `handler`: it decides itself. Absent: who may read or write the
   * resources it speaks of, everything where it speaks of none.
   */
  readonly access?: 'any' | 'anyWrite' | 'handler' | undefined
  /**
   * Whether a call changes what operators have made, which it may not while the control plane is read-only. Absent:
   * whatever is no GET and no dry run does.
   */
  readonly changes?: 'nothing' | ((request: ApiRequest) => boolean) | undefined
  handle(request: ApiRequest): Promise<Answer>
}

export const ok = (body: unknown): Answer => ({ status: 200, body })

/** A path parameter that the route's pattern names. */
export const param = (request: ApiRequest, name: string): string => request.params[name] ?? ''

/** `/meshes/:mesh/dataplanes` as Kuma writes it in messages: `/meshes/{mesh}/dataplanes`. */
export const templateOf = (path: string): string => path.replace(/:([A-Za-z]+)/g, '{$1}')
