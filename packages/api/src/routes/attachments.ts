import {
  allTypes,
  isPluginPolicy,
  isReferred,
  meshServiceKind,
  proxyOf,
  runningGateway,
  selectedBy,
  selectedByRoute,
  selectedByTags,
  selects,
  selectsGateway,
  type TargetedProxy,
  type TypeDescriptor,
  targetedProxy,
  typeOf,
} from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { notFound } from '../http/errors.js'
import { listRequestOf, nextPage } from '../http/list-query.js'
import { type ApiRequest, ok, param, type Route, templateOf } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { checkMesh, living } from '../resources/meshes.js'
import { rowsOfMesh } from '../resources/names.js'
import type { Resources } from '../resources/service.js'

const title = 'Could not retrieve policy'
const policies = allTypes.filter((type) => type.policy !== undefined && type.path !== undefined)

/** Which proxies something is about: a policy by its targetRef, a MeshService by its selector. */
export function attachmentRoutes(context: ApiContext, resources: Resources): readonly Route[] {
  const service = typeOf('MeshService')
  return [
    ...policies.flatMap((type) => [
      // kumactl's `--new-api` asks for the second; Kuma has the first only.
      metaRoute(context, resources, type, '_resources/dataplanes', isPluginPolicy(type) ? attachedTo : selectedByMatch),
      metaRoute(context, resources, type, '-resources/dataplanes', isPluginPolicy(type) ? attachedTo : selectedByMatch),
      // Of a MeshGatewayRoute there is another, below. What else is of before comes to nothing here: of several such policies
      // one counts for a proxy, and only the zones of Kuma that obey them know which.
      ...(type.name === 'MeshGatewayRoute' ? [] : [legacyRoute(context, type, attachedTo)]),
    ]),
    metaRoute(context, resources, service, '_dataplanes', selectedByService),
    metaRoute(context, resources, service, '_resources/dataplanes', selectedByService),
    gatewayRoute(context, 'MeshGateway', (gateway, proxy) => selectsGateway(gateway, proxy)),
    gatewayRoute(context, 'MeshGatewayRoute', (route, proxy, gateways) =>
      selectedByRoute(route, runningGateway(proxy, gateways)),
    ),
  ]
}

/** What something may be about beside proxies. */
interface Others {
  readonly gateways: readonly Row[]
  readonly routes: readonly Row[]
}
/** Whether a Dataplane is one that something is about. */
type Selects = (row: Row, dataplane: Row, others: Others) => boolean

const othersOf = async ({ store }: ApiContext, mesh: string): Promise<Others> => ({
  gateways: await rowsOfMesh(store, 'MeshGateway', mesh),
  routes: await rowsOfMesh(store, 'MeshHTTPRoute', mesh),
})

const attachedTo: Selects = (row, dataplane, { gateways, routes }) => {
  const proxy = targetedProxy(dataplane)
  return (
    isPluginPolicy(typeOf(row.type)) &&
    proxy !== undefined &&
    selectedBy(row, runningGateway(proxy, gateways), (policy, name) =>
      routes.find((route) => isReferred(policy, name, route)),
    ) !== undefined
  )
}

/** As Kuma looks at what is of before: by tags alone, and each policy for itself. */
const selectedByMatch: Selects = (row, dataplane) => {
  const proxy = targetedProxy(dataplane)
  return proxy !== undefined && selectedByTags(row, proxy)
}

const selectedByService: Selects = (row, dataplane) => {
  const spec = meshServiceKind.read(row.spec)
  const proxy = proxyOf(dataplane, dataplane.createdAtMs)
  // A service is of one zone, and so are its proxies.
  return spec !== undefined && proxy !== undefined && row.origin === dataplane.origin && selects(spec.selector, proxy)
}

const inspected = async (context: ApiContext, type: TypeDescriptor, request: ApiRequest): Promise<Row | undefined> => {
  const mesh = param(request, 'mesh')
  await checkMesh(context.store, context.mode, mesh)
  return living(await context.store.read.get({ type: type.name, mesh, name: param(request, 'name') }))
}

/** A page of the metadata of Dataplanes, keys in Kuma's order. */
function metaRoute(
  context: ApiContext,
  resources: Resources,
  type: TypeDescriptor,
  tail: string,
  isAbout: Selects,
): Route {
  const path = `/meshes/:mesh/${type.path}/:name/${tail}`
  return {
    method: 'GET',
    path,
    title,
    type,
    async handle(request) {
      const row = await inspected(context, type, request)
      if (row === undefined) throw notFound(title)
      const list = listRequestOf(request, templateOf(path), title)
      const all = await rowsOfMesh(context.store, 'Dataplane', row.mesh)
      const others = await othersOf(context, row.mesh)
      const found = all.filter((each) => each.name.includes(list.nameContains ?? '') && isAbout(row, each, others))
      const next = nextPage(request, list, found.length)
      return ok({
        items: found.slice(list.offset, list.offset + list.size).map((each) => {
          const labels = resources.shownLabels(each)
          return {
            ...(Object.keys(labels).length === 0 ? {} : { labels }),
            mesh: each.mesh,
            name: each.name,
            type: each.type,
          }
        }),
        ...(next === null ? {} : { next }),
        total: found.length,
      })
    },
  }
}

/** The form of before; of what is not there it says that nothing is attached. */
function legacyRoute(context: ApiContext, type: TypeDescriptor, isAbout: Selects): Route {
  return {
    method: 'GET',
    path: `/meshes/:mesh/${type.path}/:name/dataplanes`,
    title,
    type,
    async handle(request) {
      const row = await inspected(context, type, request)
      const all = row === undefined ? [] : await rowsOfMesh(context.store, 'Dataplane', row.mesh)
      const others = row === undefined ? undefined : await othersOf(context, row.mesh)
      const items = all
        .filter((each) => row !== undefined && others !== undefined && isAbout(row, each, others))
        .map(({ mesh, name }) => ({
          kind: 'SidecarDataplane',
          dataplane: { mesh, name },
          attachments: [{ type: 'dataplane' }],
        }))
      return ok({ total: items.length, items })
    },
  }
}

/**
 * Builtin gateways that a MeshGateway selects (one of them may still run another that says more of it), or that run listeners
 * which a MeshGatewayRoute selects.
 */
function gatewayRoute(
  context: ApiContext,
  typeName: 'MeshGateway' | 'MeshGatewayRoute',
  isAbout: (row: Row, proxy: TargetedProxy, gateways: readonly Row[]) => boolean,
): Route {
  const type = typeOf(typeName)
  return {
    method: 'GET',
    path: `/meshes/:mesh/${type.path}/:name/dataplanes`,
    title,
    type,
    async handle(request) {
      const row = await inspected(context, type, request)
      if (row === undefined) throw notFound(`Could not find ${typeName}`)
      const gateways = await rowsOfMesh(context.store, 'MeshGateway', row.mesh)
      const items = (await rowsOfMesh(context.store, 'Dataplane', row.mesh)).flatMap((each) => {
        const proxy = targetedProxy(each)
        const { mesh, name } = each
        return proxy !== undefined && isAbout(row, proxy, gateways) ? [{ dataplane: { mesh, name } }] : []
      })
      return ok({ total: items.length, items })
    },
  }
}
