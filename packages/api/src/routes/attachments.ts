import {
  allTypes,
  isPluginPolicy,
  meshServiceKind,
  proxyOf,
  runningGateway,
  selectedBy,
  selects,
  selectsGateway,
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
      metaRoute(context, resources, type, '_resources/dataplanes', attachedTo),
      metaRoute(context, resources, type, '-resources/dataplanes', attachedTo),
      legacyRoute(context, type, attachedTo),
    ]),
    metaRoute(context, resources, service, '_dataplanes', selectedByService),
    metaRoute(context, resources, service, '_resources/dataplanes', selectedByService),
    gatewayRoute(context),
  ]
}

/** Whether a Dataplane is one that something is about. */
type Selects = (row: Row, dataplane: Row, gateways: readonly Row[]) => boolean

const attachedTo: Selects = (row, dataplane, gateways) => {
  const proxy = targetedProxy(dataplane)
  return (
    isPluginPolicy(typeOf(row.type)) &&
    proxy !== undefined &&
    selectedBy(row, runningGateway(proxy, gateways)) !== undefined
  )
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
      const gateways = await rowsOfMesh(context.store, 'MeshGateway', row.mesh)
      const found = all.filter((each) => each.name.includes(list.nameContains ?? '') && isAbout(row, each, gateways))
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
      const gateways = row === undefined ? [] : await rowsOfMesh(context.store, 'MeshGateway', row.mesh)
      const items = all
        .filter((each) => row !== undefined && isAbout(row, each, gateways))
        .map(({ mesh, name }) => ({
          kind: 'SidecarDataplane',
          dataplane: { mesh, name },
          attachments: [{ type: 'dataplane' }],
        }))
      return ok({ total: items.length, items })
    },
  }
}

/** Builtin gateways that a MeshGateway selects; one of them may still run another that says more of it. */
function gatewayRoute(context: ApiContext): Route {
  const type = typeOf('MeshGateway')
  return {
    method: 'GET',
    path: `/meshes/:mesh/${type.path}/:name/dataplanes`,
    title,
    type,
    async handle(request) {
      const row = await inspected(context, type, request)
      if (row === undefined) throw notFound('Could not find MeshGateway')
      const items = (await rowsOfMesh(context.store, 'Dataplane', row.mesh)).flatMap((each) => {
        const proxy = targetedProxy(each)
        const { mesh, name } = each
        return proxy !== undefined && selectsGateway(row, proxy) ? [{ dataplane: { mesh, name } }] : []
      })
      return ok({ total: items.length, items })
    },
  }
}
