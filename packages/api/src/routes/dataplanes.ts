import { type JsonObject, proxyOfGateway, specJson, typeOf } from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import { ApiError, badRequest, notFound, titles } from '../http/errors.js'
import { type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { checkMesh, living } from '../resources/meshes.js'
import {
  identifierOf,
  inboundPolicies,
  outboundPolicies,
  outboundRoutes,
  proxyPolicies,
} from '../resources/proxy-confs.js'
import { proxyLayout } from '../resources/proxy-layout.js'
import {
  type ProxyPolicies,
  policiesOfProxy,
  policyTypes,
  routeTypes,
  wholeProxyTypes,
} from '../resources/proxy-rules.js'
import { inspectedRules } from '../resources/proxy-rules-json.js'
import type { Resources } from '../resources/service.js'

const title = 'Could not retrieve Dataplane'
const otherTypes = policyTypes.filter((type) => !routeTypes.includes(type))

/** What is configured of one proxy, seen from its policies. */
export function dataplaneRoutes(context: ApiContext, resources: Resources): readonly Route[] {
  const { store } = context
  const type = typeOf('Dataplane')
  const get = (
    tail: string,
    errorTitle: string,
    handle: (row: Row, request: ApiRequest) => Promise<unknown>,
    first?: ((mesh: string) => Promise<void>) | undefined,
  ): Route => ({
    method: 'GET',
    path: `/meshes/:mesh/dataplanes/:name/${tail}`,
    title: errorTitle,
    type,
    async handle(request) {
      const mesh = param(request, 'mesh')
      await checkMesh(store, context.mode, mesh)
      await first?.(mesh)
      const row = living(await store.read.get({ type: type.name, mesh, name: param(request, 'name') }))
      if (row === undefined) throw notFound(errorTitle)
      return ok(await handle(row, request))
    },
  })
  const configured = (
    tail: string,
    types: readonly string[],
    shown: (found: ProxyPolicies, identifier: (parameter: string) => ReturnType<typeof identifierOf>) => unknown,
  ): Route =>
    get(tail, title, async (row, request) => {
      await checkExclusive(store, row.mesh, '_policies')
      return shown(await policiesOfProxy(store, row, types), (parameter) => identifierOf(param(request, parameter)))
    })
  return [
    get('policies', 'Could not get MatchedPolicies', async (row) => {
      const { matched, rowOf } = await policiesOfProxy(store, row, policyTypes)
      const byType: Record<string, readonly JsonObject[]> = {}
      // By name, as Go writes a map.
      for (const { type: of, policies } of [...matched].sort((one, other) => (one.type < other.type ? -1 : 1))) {
        const shown = await resources.render(policies.map(({ policy }) => rowOf(policy)))
        byType[of] = shown.map(({ spec, status, ...meta }) => meta)
      }
      const items = matched.length === 0 ? [] : [{ type: 'dataplane', matchedPolicies: byType }]
      return { kind: 'SidecarDataplane', total: items.length, items }
    }),
    get('_rules', title, async (row) => {
      const found = await policiesOfProxy(store, row, policyTypes)
      return inspectedRules(row, found, { resources, isExclusive: await isExclusive(store, row.mesh) })
    }),
    gatewayRules(context, resources),
    configured('_policies', wholeProxyTypes, proxyPolicies),
    configured('_inbounds/:inbound/_policies', policyTypes, (found, identifier) => {
      const { section } = identifier('inbound')
      const inbound = found.proxy.inbounds.find((each) => section === '' || each.section === section)
      if (inbound === undefined)
        throw new ApiError(
          'missing',
          title,
          `${found.proxy.name} has no inbound ${JSON.stringify(section)}; see its _layout`,
        )
      return inboundPolicies(found, inbound)
    }),
    configured('_outbounds/:outbound/_policies', policyTypes, (found, identifier) =>
      outboundPolicies(found, identifier('outbound')),
    ),
    configured('_outbounds/:outbound/_routes', routeTypes, (found, identifier) =>
      outboundRoutes(found, identifier('outbound')),
    ),
    configured('_outbounds/:outbound/_routes/:route/_policies', otherTypes, (found, identifier) =>
      outboundPolicies(found, identifier('outbound'), identifier('route')),
    ),
    get(
      '_layout',
      title,
      (row) => proxyLayout(store, resources, row, context.zoneName),
      (mesh) => checkExclusive(store, mesh, '_layout'),
    ),
    get(
      '_config',
      'Failed to fetch dataplane insight',
      async (row) => {
        const insight = living(await store.read.get({ ...row, type: 'DataplaneInsight' }))
        if (insight === undefined) throw notFound('Failed to fetch dataplane insight')
        throw badRequest(
          `bad request: Holdfast does not compute the configuration of proxies; GET …/dataplanes/${row.name}/xds shows what this one has`,
        )
      },
      async () => {
        if (context.mode === 'global') throw new ApiError('readOnly', titles.readOnly, 'Not allowed on global CP')
      },
    ),
  ]
}

/** `…/_rules` of a MeshGateway: of the proxy that would run it, whether or not there is one. */
function gatewayRules({ store, mode }: ApiContext, resources: Resources): Route {
  const type = typeOf('MeshGateway')
  const errorTitle = 'Could not retrieve MeshGateway'
  return {
    method: 'GET',
    path: `/meshes/:mesh/${type.path}/:name/_rules`,
    title: errorTitle,
    type,
    async handle(request) {
      const mesh = param(request, 'mesh')
      await checkMesh(store, mode, mesh)
      const row = living(await store.read.get({ type: type.name, mesh, name: param(request, 'name') }))
      if (row === undefined) throw notFound(errorTitle)
      const proxy = proxyOfGateway(row)
      if (proxy === undefined)
        throw new ApiError(
          'invalid',
          'Invalid MeshGateway',
          `${row.name} has no selectors, and so no proxy of which rules could be told; give it one`,
        )
      const found = await policiesOfProxy(store, row, policyTypes, proxy)
      return ok(inspectedRules(row, found, { resources, isExclusive: await isExclusive(store, mesh) }))
    },
  }
}

/** Whether a mesh has the newer, real services alone. */
async function isExclusive(store: ControlPlaneStore, mesh: string): Promise<boolean> {
  const row = living(await store.read.get({ type: 'Mesh', mesh: '', name: mesh }))
  const settings = row === undefined ? undefined : specJson(row).meshServices
  return typeof settings === 'object' && settings !== null && 'mode' in settings && settings.mode === 'Exclusive'
}

/** In Kuma these are views of those. */
async function checkExclusive(store: ControlPlaneStore, mesh: string, endpoint: string): Promise<void> {
  if (!(await isExclusive(store, mesh)))
    throw badRequest(`bad request: can't use ${endpoint} endpoint without meshService enabled`)
}
