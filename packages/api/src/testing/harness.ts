import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { createApi } from '../create-api.js'
import type { ApiOptions, Mode } from '../options.js'
import { noSync } from '../sync/sync-view.js'
import { FakeStore, startMs } from './fake-store.js'

export interface Told {
  readonly status: number
  readonly body: unknown
}

export interface Harness {
  readonly app: FastifyInstance
  readonly store: FakeStore
  readonly logged: readonly unknown[]
  /** The raw answer. A body that is no text is sent as JSON. */
  inject(method: string, url: string, body?: unknown, headers?: Headers): Promise<LightMyRequestResponse>
  /** Status and body: JSON where it is JSON. */
  call(method: string, url: string, body?: unknown, headers?: Headers): Promise<Told>
}

type Headers = Readonly<Record<string, string>>

/** An API over a fake store, called without a socket. */
export function harness(mode: Mode, options: Partial<ApiOptions> = {}): Harness {
  const store = new FakeStore(mode === 'global' ? '' : 'zone-1')
  const logged: unknown[] = []
  const app = createApi({
    store: store.port(),
    mode,
    zoneName: store.origin,
    server: { product: 'Kuma', version: '2.14.3-preview', hostname: 'cp-1', instanceId: 'cp-1-ab12' },
    sync: noSync,
    config: () => ({}),
    log: pino({ level: 'error' }, { write: (line: string) => logged.push(JSON.parse(line)) }),
    nowMs: () => startMs + 60_000,
    ...options,
  })
  const inject = (method: string, url: string, body?: unknown, headers: Headers = {}) =>
    app.inject({
      method: method as 'GET',
      url,
      headers: { host: 'localhost', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  return {
    app,
    store,
    logged,
    inject,
    async call(method, url, body, headers = {}) {
      const response = await inject(method, url, body, headers)
      const isJson = response.headers['content-type'] === 'application/json'
      return { status: response.statusCode, body: isJson ? response.json() : response.body }
    },
  }
}

/** The body of an error as Kuma's API writes it. */
export function problem(
  status: number,
  title: string,
  detail: string,
  ...parameters: readonly (readonly [field: string, reason: string])[]
): Told {
  return {
    status,
    body: {
      type: '/std-errors',
      status,
      title,
      detail,
      ...(parameters.length === 0
        ? {}
        : { invalid_parameters: parameters.map(([field, reason]) => ({ field, reason })) }),
      details: detail,
      ...(parameters.length === 0 ? {} : { causes: parameters.map(([field, message]) => ({ field, message })) }),
    },
  }
}

/** What most refusals of a body look like. */
export const invalidBody = (...parameters: readonly (readonly [field: string, reason: string])[]): Told =>
  problem(400, 'Could not process a resource', 'Resource is not valid', ...parameters)

export const ok = (body: unknown = {}): Told => ({ status: 200, body })
export const created = (body: unknown = {}): Told => ({ status: 201, body })
