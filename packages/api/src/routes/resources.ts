import { allTypes, parseBody, type TypeDescriptor } from '@holdfast/model'
import type { LocalOutcome, Row } from '@holdfast/store'
import { type ApiError, badRequest, notFound, notValid, titles, underTitle } from '../http/errors.js'
import { listRequestOf, nextPage } from '../http/list-query.js'
import { proxyFilterOf } from '../http/proxy-filter.js'
import { type Answer, type ApiRequest, ok, param, type Route, templateOf } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { kubernetesObject, wantsKubernetes } from '../resources/kubernetes.js'
import { checkMesh, living } from '../resources/meshes.js'
import { checkAccess, deleteProblems, readOnlyReason, writerOf } from '../resources/permissions.js'
import { checkImmutable, plannedPut } from '../resources/put.js'
import type { Resources } from '../resources/service.js'
import { isZoneConnected } from '../sync/sync-json.js'

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
    async handle(request) {
      const mesh = isOfMesh ? param(request, 'mesh') : undefined
      if (mesh !== undefined) await checkMesh(context.store, context.mode, mesh)
      checkAccess(type, request.actor)
      const list = listRequestOf(request, templateOf(path))
      const { total, items } = await resources.page(type, mesh, list, proxyFilterOf(type, request, templateOf(path)))
      return ok({ total, items: await resources.render(items), next: nextPage(request, list, total) })
    },
  }
}

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
      const row = living(await context.store.read.get({ type: type.name, mesh, name }))
      // What a zone owns in a mesh that global has deleted is suspended; it is still shown, and can be deleted.
      if (type.scope === 'mesh' && (row === undefined || method === 'PUT'))
        await checkMesh(context.store, context.mode, mesh)
      return handle({ context, resources, type, mesh, name, row, request })
    },
  })
  return [
    route('GET', titles.get, getItem),
    route('PUT', titles.process, putItem),
    route('DELETE', titles.delete, deleteItem),
  ]
}

interface Item {
  readonly context: ApiContext
  readonly resources: Resources
  readonly type: TypeDescriptor
  readonly mesh: string
  readonly name: string
  /** What is stored there now. */
  readonly row: Row | undefined
  readonly request: ApiRequest
}

async function getItem(item: Item): Promise<Answer> {
  const { type, resources, request, row } = item
  const asKubernetes = wantsKubernetes(request.query)
  checkAccess(type, request.actor)
  if (row === undefined) throw notFound(titles.get)
  const shown = await resources.renderOne(row)
  return ok(asKubernetes ? kubernetesObject(type, shown, request.query.get('namespace') ?? '') : shown)
}

async function putItem(item: Item): Promise<Answer> {
  const { context, type, mesh, name, request, resources, row: existing } = item
  const { mode, zoneName, store } = context
  const read = parseBody(type, request.body ?? '', {
    writer: writerOf(mode, zoneName),
    urlName: name,
    ...(type.scope === 'mesh' ? { urlMesh: mesh } : {}),
  })
  if (read.outcome === 'unreadable') throw badRequest(read.reason)
  if (read.outcome === 'invalid') throw notValid(titles.process, read.violations)
  checkAccess(type, request.actor)
  const planned = plannedPut(type, read.body, context)
  if (existing !== undefined) checkImmutable(existing, resources.shownLabels(existing), read.body.labels, planned)
  const title = existing === undefined ? titles.create : titles.update
  const [outcome] = await store.local
    .apply({ changes: [planned.change], atomic: true, actor: request.actor.name }, { signal: request.signal })
    .catch((error: unknown) => {
      throw underTitle(error, title)
    })
  return writtenAnswer(outcome, planned.change.wantsVip, read.body.warnings, title)
}

function writtenAnswer(
  outcome: LocalOutcome | undefined,
  wantsVip: boolean,
  warnings: readonly string[],
  title: string,
): Answer {
  if (outcome?.outcome === 'refused') throw refusal(outcome.problem, title)
  const pending = wantsVip && outcome !== undefined && 'pendingReason' in outcome ? outcome.pendingReason : undefined
  const hook = outcome !== undefined && 'waitsForHook' in outcome ? outcome.waitsForHook : undefined
  const all = [
    ...warnings,
    ...(pending === undefined ? [] : [`it has no virtual IP yet: ${pending}`]),
    ...(hook === undefined ? [] : [`zones see it once the policy hook "${hook}" has let it through`]),
  ]
  return { status: outcome?.outcome === 'created' ? 201 : 200, body: all.length === 0 ? {} : { warnings: all } }
}

const refusal = (problem: Extract<LocalOutcome, { outcome: 'refused' }>['problem'], title: string): ApiError =>
  underTitle(problem, problem.kind === 'missing' ? titles.mesh : title)

async function deleteItem(item: Item): Promise<Answer> {
  const { context, type, request, row } = item
  if (row === undefined) throw notFound(titles.delete)
  const violations = [
    ...deleteProblems(type, context.mode, context.zoneName, row),
    ...(request.query.get('force') === 'true' ? [] : await stillInUse(context, type, row.name)),
  ]
  if (violations.length > 0) throw notValid(titles.delete, violations)
  checkAccess(type, request.actor)
  const [outcome] = await context.store.local
    .apply(
      {
        changes: [{ change: 'delete', key: { type: row.type, mesh: row.mesh, name: row.name } }],
        atomic: true,
        actor: request.actor.name,
      },
      { signal: request.signal },
    )
    .catch((error: unknown) => {
      throw underTitle(error, titles.delete)
    })
  if (outcome?.outcome === 'refused') throw underTitle(outcome.problem, titles.delete)
  return ok({})
}

/** Kuma's words. `?force=true` deletes it all the same; its sessions end then. */
const stillConnected = 'unable to delete Zone, Zone CP is still connected, please shut it down first'

/** Deleting these would take something from under those who use it. */
async function stillInUse({ store, sync, nowMs, mode, zoneName }: ApiContext, type: TypeDescriptor, name: string) {
  if (type.name === 'Mesh') {
    const { total } = await store.read.list({ type: 'Dataplane', mesh: name, offset: 0, limit: 1 })
    if (total > 0) return [{ path: 'mesh', message: 'unable to delete mesh, there are still some dataplanes attached' }]
  }
  if (type.name === 'Zone') {
    const connected =
      mode === 'global'
        ? isZoneConnected(name, sync, await store.sessions.list(), nowMs())
        : name === zoneName && sync.peers().some((peer) => peer.connected)
    if (connected) return [{ path: 'zone', message: stillConnected }]
  }
  return []
}
