import type { JsonObject } from '@holdfast/model'
import { grpcHook } from './grpc.js'
import { httpHook } from './http.js'

/** One resource that a hook is asked about. */
export interface HookItem {
  readonly id: string
  /** Zone that owns it; '' for global. */
  readonly zone: string
  readonly resource: JsonObject
}

/** What a hook said of one item. What it answers for a resource is not looked at yet: any JSON value. */
export type HookResult =
  | { readonly id: string; readonly outcome: 'allowed'; readonly resource?: unknown }
  | { readonly id: string; readonly outcome: 'denied'; readonly reasons: readonly string[] }
  | { readonly id: string; readonly outcome: 'failed'; readonly reason: string }

export interface HookEndpoint {
  /** `http://`, `https://` with a path, or `grpc://HOST:PORT`, `grpcs://HOST:PORT`. */
  readonly url: string
  /** Bound of a whole call. */
  readonly timeoutMs: number
  /** Largest answer that is read. */
  readonly maxBodyBytes: number
  /** PEM; the system's roots if absent. */
  readonly rootCa?: Buffer | undefined
  /** Name in the certificate, where it is not the host's. */
  readonly serverName?: string | undefined
}

export interface HookClient {
  /** @throws HookFailure with the reason, in words for an operator; whatever `signal` gives as its reason */
  review(
    hook: string,
    items: readonly HookItem[],
    options: { readonly signal: AbortSignal },
  ): Promise<readonly HookResult[]>
  close(): void
}

/** Opens nothing yet; a connection is made with the first call and kept. */
export const openHook = (endpoint: HookEndpoint): HookClient =>
  /^grpcs?:/.test(endpoint.url) ? grpcHook(endpoint) : httpHook(endpoint)
