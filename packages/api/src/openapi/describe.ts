import type { JsonObject } from '@holdfast/model'
import { asControlPlane, MemoryStore } from '@holdfast/store'
import { pino } from 'pino'
import { contextOf, type Mode } from '../options.js'
import { routesOf } from '../routes/all.js'
import { noSync } from '../sync/sync-view.js'
import { openApiDocument } from './document.js'

/** The description of the API of a role, without a control plane that runs: for documents. */
export function describeApi(mode: Mode, version: string): JsonObject {
  const store = asControlPlane(
    new MemoryStore({
      identity: { role: mode === 'global' ? 'global' : 'zone', name: mode === 'global' ? '' : 'zone', storeId: 'none' },
      nowMs: () => 0,
      hexDigits: (length) => '0'.repeat(length),
    }),
  )
  const context = contextOf({
    store,
    mode,
    zoneName: mode === 'global' ? '' : 'zone',
    server: { product: 'Kuma', version, hostname: '', instanceId: '' },
    sync: noSync,
    config: () => ({}),
    log: pino({ level: 'silent' }),
    nowMs: () => 0,
  })
  return openApiDocument(routesOf(context), version)
}
