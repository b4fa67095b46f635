import { brakeJson } from '../brakes/json.js'
import { holdJson } from '../guards/hold-json.js'
import type { ApiContext } from '../options.js'
import { peerName, syncJson } from '../sync/sync-json.js'
import { blockJson } from '../vips/json.js'
import { blockLoad } from '../vips/load.js'
import { attentionOf } from './attention.js'

/** `GET /_holdfast/overview`: how everything stands and what waits for a person, of either role. */
export async function overviewJson({ store, sync, mode, zoneName, server, nowMs }: ApiContext) {
  const [status, counts, blocks, holds, attention, stands] = await Promise.all([
    store.status(),
    store.read.counts(),
    store.vip.blocks(),
    store.read.holds(),
    attentionOf(store, sync),
    syncJson(store, sync, nowMs()),
  ])
  return {
    controlPlane: peerName(status.identity.name),
    mode,
    zone: mode === 'global' ? null : zoneName,
    version: server.version,
    storeId: status.identity.storeId,
    state: status.state,
    reasons: status.reasons,
    readOnly: brakeJson(status.readOnly),
    head: status.head,
    resources: counts.resources.reduce((sum, { count }) => sum + count, 0),
    refused: counts.refused,
    held: counts.held,
    pendingVips: counts.pendingVips,
    peers: stands.peers,
    blocks: blocks.map((block) => ({ ...blockJson(block), load: blockLoad(block) })),
    holds: holds.filter(({ state }) => state === 'held').map(holdJson),
    attention,
  }
}
