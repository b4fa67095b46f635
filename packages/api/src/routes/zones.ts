import { typeOf } from '@holdfast/model'
import type { Row, SessionRecord } from '@holdfast/store'
import { notFound, titles } from '../http/errors.js'
import { listRequestOf, nextPage } from '../http/list-query.js'
import { ok, param, type Route, templateOf } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { living } from '../resources/meshes.js'
import { readOnlyReason } from '../resources/permissions.js'
import { timeText } from '../resources/render.js'
import type { Resources } from '../resources/service.js'
import { zoneInsight } from '../sync/zone-insight.js'

/** Fields of a Zone's envelope; the others are its spec. */
const metadata = new Set(['type', 'name', 'creationTime', 'modificationTime', 'labels', 'kri'])

/** `/zones/_overview` and `/zone-insights`: who is connected since when, computed from the sessions, stored nowhere. */
export function zoneRoutes(context: ApiContext, resources: Resources): readonly Route[] {
  const { store, mode, zoneName, sync } = context
  const zone = typeOf('Zone')
  const role = mode === 'global' ? 'global' : 'zone'
  // At a zone the sessions are those with global, and what they say is about the zone itself.
  const insightOf = (name: string, sessions: readonly SessionRecord[]) => {
    if (role === 'zone')
      return name === zoneName
        ? zoneInsight(
            sessions.filter(({ peer }) => peer === ''),
            role,
          )
        : {}
    return zoneInsight(
      sessions.filter(({ peer }) => peer === name),
      role,
      sync.peers().find(({ peer }) => peer === name)?.store,
    )
  }

  const overview = async (row: Row, sessions: readonly SessionRecord[]) => {
    const shown = await resources.renderOne(row)
    const entries = Object.entries(shown)
    return {
      ...Object.fromEntries(entries.filter(([key]) => metadata.has(key))),
      type: 'ZoneOverview',
      zone: Object.fromEntries(entries.filter(([key]) => !metadata.has(key))),
      zoneInsight: insightOf(row.name, sessions),
    }
  }
  const listOverviews = (path: string): Route => ({
    method: 'GET',
    path,
    title: titles.list,
    type: zone,
    async handle(request) {
      const list = listRequestOf(request, templateOf(path))
      const [{ total, items }, sessions] = await Promise.all([
        resources.page(zone, undefined, list),
        store.sessions.list(),
      ])
      const overviews = await Promise.all(items.map((row) => overview(row, sessions)))
      return ok({ total, items: overviews.map(withoutEmptyInsight), next: nextPage(request, list, total) })
    },
  })
  const oneOverview = (path: string): Route => ({
    method: 'GET',
    path,
    title: titles.get,
    type: zone,
    async handle(request) {
      const row = living(await store.read.get({ type: zone.name, mesh: '', name: param(request, 'name') }))
      if (row === undefined) throw notFound(titles.get)
      return ok(await overview(row, await store.sessions.list()))
    },
  })

  const insights = async () => {
    const sessions = await store.sessions.list()
    const names = role === 'zone' ? [zoneName] : [...new Set(sessions.map(({ peer }) => peer))].sort()
    return names.flatMap((name) => {
      const insight = insightOf(name, sessions)
      const ofZone = sessions.filter(({ peer }) => (role === 'zone' ? peer === '' : peer === name))
      if (ofZone.length === 0) return []
      const opened = ofZone.map(({ openedAtMs }) => openedAtMs)
      const changed = ofZone.map(
        ({ openedAtMs, lastHeartbeatMs, closedAtMs }) => closedAtMs ?? lastHeartbeatMs ?? openedAtMs,
      )
      return [
        {
          type: 'ZoneInsight',
          name,
          creationTime: timeText(Math.min(...opened)),
          modificationTime: timeText(Math.max(...changed)),
          ...insight,
        },
      ]
    })
  }
  const type = typeOf('ZoneInsight')
  const path = `/${type.path}`
  const refused = readOnlyReason(type, mode)
  const writes = (['PUT', 'DELETE'] as const).map(
    (method): Route => ({
      method,
      path: `${path}/:name`,
      title: titles.readOnly,
      type,
      refused,
      handle: () => Promise.resolve(ok({})),
    }),
  )
  return [
    listOverviews('/zones/_overview'),
    listOverviews('/zones+insights'),
    oneOverview('/zones/:name/_overview'),
    oneOverview('/zones+insights/:name'),
    {
      method: 'GET',
      path,
      title: titles.list,
      type,
      async handle(request) {
        const list = listRequestOf(request, path)
        const all = (await insights()).filter(({ name }) => name.includes(list.nameContains ?? ''))
        return ok({
          total: all.length,
          items: all.slice(list.offset, list.offset + list.size),
          next: nextPage(request, list, all.length),
        })
      },
    },
    {
      method: 'GET',
      path: `${path}/:name`,
      title: titles.get,
      type,
      async handle(request) {
        const found = (await insights()).find(({ name }) => name === param(request, 'name'))
        if (found === undefined) throw notFound(titles.get)
        return ok(found)
      },
    },
    ...writes,
  ]
}

/** A list leaves the key out where there is nothing to say; a single overview has it empty. */
function withoutEmptyInsight<T extends { readonly zoneInsight: object }>(overview: T) {
  const { zoneInsight: insight, ...rest } = overview
  return Object.keys(insight).length === 0 ? rest : overview
}
