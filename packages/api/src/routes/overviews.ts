import { type JsonObject, specJson, typeOf } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { notFound, titles } from '../http/errors.js'
import { listRequestOf, nextPage } from '../http/list-query.js'
import { proxyFilterOf } from '../http/proxy-filter.js'
import { ok, param, type Route, templateOf } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { checkMesh, living } from '../resources/meshes.js'
import { allRows } from '../resources/names.js'
import type { Resources } from '../resources/service.js'

/** Fields of an envelope; the others are the proxy. */
const metadata = new Set(['type', 'mesh', 'name', 'creationTime', 'modificationTime', 'labels', 'kri'])

interface Overview {
  readonly type: string
  readonly insight: string
  /** Keys under which the two stand. */
  readonly keys: readonly [proxy: string, insight: string]
  readonly lists: readonly string[]
  readonly items: readonly string[]
}

const overviews: readonly Overview[] = [
  {
    type: 'Dataplane',
    insight: 'DataplaneInsight',
    keys: ['dataplane', 'dataplaneInsight'],
    lists: ['/dataplanes/_overview', '/meshes/:mesh/dataplanes/_overview', '/meshes/:mesh/dataplanes+insights'],
    items: ['/meshes/:mesh/dataplanes/:name/_overview', '/meshes/:mesh/dataplanes+insights/:name'],
  },
  {
    type: 'ZoneIngress',
    insight: 'ZoneIngressInsight',
    keys: ['zoneIngress', 'zoneIngressInsight'],
    lists: ['/zoneingresses/_overview', '/zone-ingresses/_overview', '/zoneingresses+insights'],
    items: ['/zoneingresses/:name/_overview', '/zone-ingresses/:name/_overview', '/zoneingresses+insights/:name'],
  },
  {
    type: 'ZoneEgress',
    insight: 'ZoneEgressInsight',
    keys: ['zoneEgress', 'zoneEgressInsight'],
    lists: ['/zoneegresses/_overview', '/zoneegressoverviews'],
    items: ['/zoneegresses/:name/_overview', '/zoneegressoverviews/:name'],
  },
]

/** Proxies with what is known of them, one object for both. */
export const overviewRoutes = (context: ApiContext, resources: Resources): readonly Route[] =>
  overviews.flatMap((overview) => [
    ...overview.lists.map((path) => listOverviews(context, resources, overview, path)),
    ...overview.items.map((path) => oneOverview(context, resources, overview, path)),
  ])

function listOverviews(context: ApiContext, resources: Resources, overview: Overview, path: string): Route {
  const type = typeOf(overview.type)
  return {
    method: 'GET',
    path,
    title: titles.list,
    type,
    async handle(request) {
      const mesh = path.includes(':mesh') ? param(request, 'mesh') : undefined
      if (mesh !== undefined) await checkMesh(context.store, context.mode, mesh)
      const list = listRequestOf(request, templateOf(path))
      const filter = proxyFilterOf(type, request, templateOf(path))
      const { total, items } = await resources.page(type, mesh, list, filter)
      const insightOf = await insightsOf(context, overview, items)
      const shown = await resources.render(items)
      const joined = items.map((row, index) => overviewJson(overview, shown[index] ?? {}, insightOf(row), undefined))
      return ok({ total, items: joined, next: nextPage(request, list, total) })
    },
  }
}

function oneOverview(context: ApiContext, resources: Resources, overview: Overview, path: string): Route {
  const type = typeOf(overview.type)
  return {
    method: 'GET',
    path,
    title: titles.get,
    type,
    async handle(request) {
      const mesh = path.includes(':mesh') ? param(request, 'mesh') : ''
      if (mesh !== '') await checkMesh(context.store, context.mode, mesh)
      const key = { mesh, name: param(request, 'name') }
      const row = living(await context.store.read.get({ type: type.name, ...key }))
      if (row === undefined) throw notFound(titles.get)
      const insight = living(await context.store.read.get({ type: overview.insight, ...key }))
      return ok(overviewJson(overview, await resources.renderOne(row), insight, {}))
    },
  }
}

/** A list leaves the key out where there is nothing to say; a single overview has it empty. */
function overviewJson(
  { type, keys }: Overview,
  shown: JsonObject,
  insight: Row | undefined,
  none: JsonObject | undefined,
): JsonObject {
  const entries = Object.entries(shown)
  const told = insight === undefined ? none : specJson(insight)
  return {
    ...Object.fromEntries(entries.filter(([key]) => metadata.has(key))),
    type: `${type}Overview`,
    [keys[0]]: Object.fromEntries(entries.filter(([key]) => !metadata.has(key))),
    ...(told === undefined ? {} : { [keys[1]]: told }),
  }
}

/** The insights of one page: asked for one by one where they are few, else of the whole type at once. */
async function insightsOf({ store }: ApiContext, { insight: type }: Overview, rows: readonly Row[]) {
  const keyOf = ({ mesh, name }: Pick<Row, 'mesh' | 'name'>) => `${mesh}\u0000${name}`
  const found =
    rows.length <= fewRows
      ? (await Promise.all(rows.map(({ mesh, name }) => store.read.get({ type, mesh, name })))).flatMap(
          (row) => living(row) ?? [],
        )
      : await allRows(store, type)
  const byKey = new Map(found.map((row) => [keyOf(row), row]))
  return (row: Row): Row | undefined => byKey.get(keyOf(row))
}

const fewRows = 20
