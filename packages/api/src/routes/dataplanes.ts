import {
  allTypes,
  isPluginPolicy,
  type JsonObject,
  kriOf,
  policySelects,
  proxyStateOf,
  specJson,
  typeOf,
} from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { ApiError, badRequest, notFound, titles } from '../http/errors.js'
import { type ApiRequest, ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { mergedConf } from '../resources/merged-conf.js'
import { checkMesh, living } from '../resources/meshes.js'
import { rowsOfMesh } from '../resources/names.js'
import type { Resources } from '../resources/service.js'

const targetRefPolicies = allTypes.filter(isPluginPolicy)
/** Policies with one configuration for a whole proxy. */
const wholeProxy = targetRefPolicies.filter(({ policy }) => policy?.hasTo === false && !policy.hasRules)

/** What is configured of one proxy, seen from its policies. */
export function dataplaneRoutes(context: ApiContext, resources: Resources): readonly Route[] {
  const type = typeOf('Dataplane')
  const get = (
    tail: string,
    title: string,
    handle: (row: Row, request: ApiRequest) => Promise<unknown>,
    first?: ((mesh: string) => Promise<void>) | undefined,
  ): Route => ({
    method: 'GET',
    path: `/meshes/:mesh/dataplanes/:name/${tail}`,
    title,
    type,
    async handle(request) {
      const mesh = param(request, 'mesh')
      await checkMesh(context.store, context.mode, mesh)
      await first?.(mesh)
      const row = living(await context.store.read.get({ type: type.name, mesh, name: param(request, 'name') }))
      if (row === undefined) throw notFound(title)
      return ok(await handle(row, request))
    },
  })
  const matched = (types: typeof targetRefPolicies, dataplane: Row) => policiesOf(context, types, dataplane)
  return [
    get('policies', 'Could not get MatchedPolicies', async (row) => {
      const found = await matched(targetRefPolicies, row)
      const byType = new Map<string, JsonObject[]>()
      for (const policy of found) {
        const { spec, status, ...meta } = await resources.renderOne(policy)
        byType.set(policy.type, [...(byType.get(policy.type) ?? []), meta])
      }
      const items = byType.size === 0 ? [] : [{ type: 'dataplane', matchedPolicies: Object.fromEntries(byType) }]
      return { kind: 'SidecarDataplane', total: items.length, items }
    }),
    get('_policies', 'Could not retrieve Dataplane', async (row) => {
      await checkExclusive(context, row.mesh, '_policies')
      const found = await matched(wholeProxy, row)
      const kinds = [...new Set(found.map((policy) => policy.type))]
      return {
        policies: kinds.map((kind) => {
          const ofKind = found.filter((policy) => policy.type === kind)
          return {
            conf: mergedConf(ofKind),
            kind,
            origins: ofKind.map((policy) => ({ kri: kriOf(typeOf(kind), policy) ?? '' })),
          }
        }),
      }
    }),
    get(
      '_layout',
      'Could not retrieve Dataplane',
      async (row) => layoutOf(row, resources),
      (mesh) => checkExclusive(context, mesh, '_layout'),
    ),
    get(
      '_config',
      'Failed to fetch dataplane insight',
      async (row) => {
        const insight = living(await context.store.read.get({ ...row, type: 'DataplaneInsight' }))
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

/** In Kuma these are views of the newer, real services. */
async function checkExclusive({ store }: ApiContext, mesh: string, endpoint: string): Promise<void> {
  const row = living(await store.read.get({ type: 'Mesh', mesh: '', name: mesh }))
  const settings = row === undefined ? undefined : specJson(row).meshServices
  const mode = typeof settings === 'object' && settings !== null && 'mode' in settings ? settings.mode : undefined
  if (mode !== 'Exclusive') throw badRequest(`bad request: can't use ${endpoint} endpoint without meshService enabled`)
}

/** Those about a proxy, in dependency order of their types, then by name. */
async function policiesOf({ store }: ApiContext, types: typeof targetRefPolicies, dataplane: Row) {
  const proxy = { ...proxyStateOf(dataplane, undefined), origin: dataplane.origin }
  const found: Row[] = []
  for (const { name } of types)
    found.push(
      ...(await rowsOfMesh(store, name, dataplane.mesh)).filter(
        (row) => row.audience !== 'suspended' && policySelects(row, proxy),
      ),
    )
  return found
}

function layoutOf(row: Row, resources: Resources) {
  const kri = kriOf(typeOf(row.type), row) ?? ''
  const { networking } = specJson(row) as { readonly networking?: Readonly<Record<string, unknown>> }
  const listOf = (key: string) => {
    const list = networking?.[key]
    return Array.isArray(list) ? (list as readonly Readonly<Record<string, unknown>>[]) : []
  }
  const sectioned = (section: string) => `${kri}${section}`
  return {
    inbounds: listOf('inbound').map(({ port, name, protocol }) => ({
      kri: sectioned(String(name ?? port)),
      port,
      protocol: protocol ?? 'tcp',
      proxyResourceName: `self_inbound_${name ?? port}`,
    })),
    kri,
    labels: resources.shownLabels(row),
    outbounds: listOf('outbound').map(({ port, backendRef }) => ({
      port,
      ...(backendRef === undefined ? {} : { backendRef }),
    })),
  }
}
