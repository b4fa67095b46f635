import { type AuditFilter, decodeReport, isQuiet } from '@holdfast/store'
import { auditPage, verifyAudit } from '../audit/log.js'
import { brakeJson } from '../brakes/json.js'
import { reportJson } from '../guards/report-json.js'
import { notValid, titles } from '../http/errors.js'
import { type Answer, type ApiRequest, ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { peerName, refusedJson, syncJson } from '../sync/sync-json.js'
import { blockJson } from '../vips/json.js'
import { limitOf } from '../vips/limit.js'

/** What an operator on call asks: how far everyone is, what was refused or held, who changed what. */
export function syncRoutes({ store, sync, mode, zoneName, server, nowMs }: ApiContext): readonly Route[] {
  const get = (path: string, handle: (request: ApiRequest) => Promise<Answer>): Route => ({
    method: 'GET',
    path,
    title: titles.list,
    handle,
  })
  return [
    get('/_holdfast/status', async () => {
      const [status, counts, blocks] = await Promise.all([store.status(), store.read.counts(), store.vip.blocks()])
      return ok({
        controlPlane: peerName(status.identity.name),
        mode,
        zone: mode === 'global' ? null : zoneName,
        version: server.version,
        storeId: status.identity.storeId,
        state: status.state,
        reasons: status.reasons,
        readOnly: brakeJson(status.readOnly),
        head: status.head,
        counts,
        blocks: blocks.map(blockJson),
        peers: sync.peers().map(({ peer, connected }) => ({ peer: peerName(peer), connected })),
      })
    }),
    get('/_holdfast/sync', async () => ok(await syncJson(store, sync, nowMs()))),
    get('/_holdfast/refused', async () =>
      ok({
        items: (await store.read.refused()).map(refusedJson),
        byPeers: (await store.guards.reports()).filter(({ body }) => !isQuiet(decodeReport(body))).map(reportJson),
      }),
    ),
    get('/_holdfast/audit/verify', async () => ok(await verifyAudit(store))),
    get('/_holdfast/audit', async ({ query }) => {
      const after = query.get('after')
      if (after !== null && store.read.auditAfter !== undefined)
        return ok(await auditPage(store, after, limitOf(query)))
      return ok({
        items: (await store.read.audit(limitOf(query), auditFilterOf(query))).map(({ atMs, ...row }) => ({
          at: new Date(atMs).toISOString(),
          ...row,
        })),
      })
    }),
  ]
}

/** `actor`, `action`, `subject` (a part of it) and `since` (RFC 3339). Throws 400 for what is no time. */
function auditFilterOf(query: URLSearchParams): AuditFilter {
  const text = (name: string): string | undefined => query.get(name) || undefined
  const since = text('since')
  const sinceMs = since === undefined ? undefined : Date.parse(since)
  if (Number.isNaN(sinceMs))
    throw notValid(titles.list, [
      { path: 'since', message: `must be a time such as 2026-01-31T12:00:00Z, not ${JSON.stringify(since)}` },
    ])
  return { actor: text('actor'), action: text('action'), subject: text('subject'), sinceMs }
}
