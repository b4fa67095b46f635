import { audienceOf, clusterIdConfig, configSpec, globalOrigin, specTypeUrl, typeOf } from '@holdfast/model'
import type { WorkingSet } from './working-set.js'

export const clusterIdKey = { type: 'Config', mesh: '', name: clusterIdConfig } as const

/**
 * Who the installation is, as Kuma zones know it: each looks into its own store once a second until it is there, and shows
 * it as its `clusterId`. Ours say it without: it is made with the first Kuma zone, out of the identity of the store that
 * global shows as well, and then stays.
 */
export function makeClusterId(ws: WorkingSet, nowMs: number): void {
  if (ws.row(clusterIdKey) !== undefined) return
  const type = typeOf(clusterIdKey.type)
  const audience = audienceOf(type, {}, clusterIdConfig, globalOrigin)
  ws.put({
    ...clusterIdKey,
    labels: {},
    typeUrl: specTypeUrl(type),
    spec: configSpec(ws.identity.storeId),
    origin: globalOrigin,
    exportName: clusterIdConfig,
    displayName: clusterIdConfig,
    namespace: '',
    audience,
    revision: 0,
    deleted: false,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    statusRevision: 0,
    exposed: audience === 'all',
  })
}
