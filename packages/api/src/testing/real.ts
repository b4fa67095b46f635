import { asControlPlane, type ControlPlaneStore, MemoryStore } from '@holdfast/store'
import type { LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { createApi } from '../create-api.js'
import type { ApiOptions, Mode } from '../options.js'
import { noSync } from '../sync/sync-view.js'

/** The API over the store's real plans, in memory: what an operator sees of a control plane that was given blocks. */
export async function openReal(mode: Mode, blocks: readonly string[] = [], options: Partial<ApiOptions> = {}) {
  let chance = 0
  let nowMs = 1_000_000
  const logged: unknown[] = []
  const name = mode === 'global' ? '' : 'east'
  const memory = new MemoryStore({
    identity: { role: mode === 'global' ? 'global' : 'zone', name, storeId: '00000000-0000-4000-8000-000000000001' },
    nowMs: () => nowMs++,
    hexDigits: (length) => (++chance).toString(16).padStart(length, '0'),
  })
  const store: ControlPlaneStore = asControlPlane(memory)
  await store.initialise({ actor: 'test', random: Uint8Array.from({ length: 16 }, (_, i) => i) })
  const refused = await store.vip.adoptBlocks(blocks)
  if (refused.length > 0) throw new Error(JSON.stringify(refused))
  const app = createApi({
    store,
    mode,
    zoneName: name,
    server: { product: 'Kuma', version: 'preview', hostname: 'h', instanceId: 'i' },
    sync: noSync,
    config: () => ({}),
    log: pino({ level: 'error' }, { write: (line: string) => logged.push(JSON.parse(line)) }),
    nowMs: () => nowMs,
    ...options,
  })
  type Verb = 'GET' | 'PUT' | 'POST' | 'DELETE'
  const inject = (
    method: Verb,
    url: string,
    payload?: object | string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<LightMyRequestResponse> =>
    app.inject({
      method,
      url,
      headers: {
        host: 'localhost',
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }),
    })
  return {
    app,
    store,
    logged,
    inject,
    /** The audit, which a database keeps and no process does. */
    forgetAudit: () => {
      memory.image.audit.length = 0
    },
    revision: async () => (await store.status()).head.revision,
    async call(method: Verb, url: string, payload?: object | string, headers: Readonly<Record<string, string>> = {}) {
      const response = await inject(method, url, payload, headers)
      return { status: response.statusCode, body: response.json(), etag: response.headers.etag as string | undefined }
    },
  }
}

export type Real = Awaited<ReturnType<typeof openReal>>
