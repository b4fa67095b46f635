import { authorityPrefix } from '@holdfast/identity'
import { allTypes, type TypeDescriptor } from '@holdfast/model'
import type { Row, ShownRow } from '@holdfast/store'
import { notFound, titles } from '../http/errors.js'
import { isKumactl, listRequestOf, nextPage } from '../http/list-query.js'
import { etagOf } from '../http/preconditions.js'
import { proxyFilterOf } from '../http/proxy-filter.js'
import { type Answer, type ApiRequest, ok, param, type Route, templateOf } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { authoredVersion } from '../resources/authored.js'
import { kubernetesObject, wantsKubernetes } from '../resources/kubernetes.js'
import { checkMesh, living } from '../resources/meshes.js'
import { checkAccess, readOnlyReason } from '../resources/permissions.js'
import type { Resources } from '../resources/service.js'
import { isWatch } from '../watch/asked.js'
import { watchAnswer } from '../watch/watch.js'
import { deleteItem, putItem } from './writes.js'

/** Summaries, made when somebody asks: see `zoneRoutes` and `insightRoutes`. */
const shownElsewhere = new Set(['ZoneInsight', 'MeshInsight', 'ServiceInsight'])

/** The four verbs of every type of the table that has a path, the same in both roles. */
export function resourceRoutes(context: ApiContext, resources: Resources): readonly Route[] {
  return allTypes
    .filter(({ name }) => !shownElsewhere.has(name))
    .flatMap((type) =>
      (type.path === undefined ? [] : [type.path, ...type.pathAliases]).flatMap((path) => {
        const everywhere = `/${path}`
        const list = type.scope === 'mesh' ? `/meshes/:mesh/${path}` : everywhere
        return [
          ...(type.scope === 'mesh' ? [listRoute(context, resources, type, everywhere)] : []),
          listRoute(context, resources, type, list),
          ...itemRoutes(context, resources, type, `${list}/:name`),
        ]
      }),
    )
}

function listRoute(context: ApiContext, resources: Resources, type: TypeDescriptor, path: string): Route {
  const isOfMesh = path.startsWith('/meshes/:mesh/')
  return {
    method: 'GET',
    path,
    title: titles.list,
    type,
    watchable: true,
    async handle(request) {
      const mesh = isOfMesh ? param(request, 'mesh') : undefined
      if (mesh !== undefined) await checkMesh(context.store, context.mode, mesh)
      checkAccess(type, request.actor)
      const list = listRequestOf(request, templateOf(path))
      const where = proxyFilterOf(type, request, templateOf(path)) ?? exportable(type, request)
      if (isWatch(request.query)) return watchAnswer(context, resources, { type, mesh, list, where }, request)
      const { total, items } = await resources.page(type, mesh, list, where)
      return ok({ total, items: await resources.render(items), next: nextPage(request, list, total) })
    },
  }
}

/**
 * `kumactl export` prints every secret of the list but the authority that a Kuma has. Ours is as little for others: who takes
 * it breaks its own connections, and who reads it could be any zone. A single GET still shows it.
 */
const exportable = (type: TypeDescriptor, { userAgent }: ApiRequest): ((row: Row) => boolean) | undefined =>
  type.name === 'GlobalSecret' && isKumactl(userAgent) ? ({ name }) => !name.startsWith(authorityPrefix) : undefined

function itemRoutes(context: ApiContext, resources: Resources, type: TypeDescriptor, path: string): readonly Route[] {
  const refused = readOnlyReason(type, context.mode)
  const route = (method: Route['method'], title: string, handle: (item: Item) => Promise<Answer>): Route => ({
    method,
    path,
    title,
    type,
    ...(method === 'GET' ? {} : { refused }),
    async handle(request) {
      const mesh = type.scope === 'mesh' ? param(request, 'mesh') : ''
      const name = param(request, 'name')
      const key = { type: type.name, mesh, name }
      const seen = method === 'GET' ? await context.store.read.shown(key) : undefined
      const row = living(seen === undefined ? await context.store.read.get(key) : seen.row)
      // What a zone owns in a mesh that global has deleted is suspended; it is still shown, and can be deleted.
      if (type.scope === 'mesh' && (row === undefined || method === 'PUT'))
        await checkMesh(context.store, context.mode, mesh)
      return handle({ context, resources, type, mesh, name, row, seen, request })
    },
  })
  return [
    route('GET', titles.get, getItem),
    route('PUT', titles.process, putItem),
    route('DELETE', titles.delete, deleteItem),
  ]
}

export interface Item {
  readonly context: ApiContext
  readonly resources: Resources
  readonly type: TypeDescriptor
  readonly mesh: string
  readonly name: string
  /** What is stored there now. */
  readonly row: Row | undefined
  /** What was read together with it, where it is only shown. */
  readonly seen: ShownRow | undefined
  readonly request: ApiRequest
}

async function getItem(item: Item): Promise<Answer> {
  const { type, resources, request, row, seen } = item
  const asKubernetes = wantsKubernetes(request.query)
  checkAccess(type, request.actor)
  if (row === undefined) throw notFound(titles.get)
  const shown = await resources.renderOne(row, seen)
  return {
    status: 200,
    body: asKubernetes ? kubernetesObject(type, shown, request.query.get('namespace') ?? '') : shown,
    headers: { etag: etagOf(authoredVersion(row)) },
  }
}
