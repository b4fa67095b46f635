import { addressOfTagged as addressOf, proxyInsightOf, specJson, typeOf } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { badRequest, notFound, titles } from '../http/errors.js'
import { listRequestOf, nextPage } from '../http/list-query.js'
import { type ApiRequest, ok, param, type Route, templateOf } from '../http/route.js'
import { globalInsight, globalInsights } from '../insights/global-insight.js'
import { meshInsight } from '../insights/mesh-insight.js'
import type { EstateReader } from '../insights/reader.js'
import {
  type InsightEnvelope,
  noService,
  type ServiceType,
  serviceInsight,
  servicesOf,
  serviceTypes,
} from '../insights/service-insight.js'
import type { ApiContext } from '../options.js'
import { checkMesh } from '../resources/meshes.js'
import { allRows } from '../resources/names.js'
import { readOnlyReason } from '../resources/permissions.js'
import { timeText } from '../resources/render.js'
import { isZoneConnected } from '../sync/sync-json.js'

/** `/mesh-insights`, `/service-insights`, `/global-insight`: computed when somebody asks. */
export function insightRoutes(context: ApiContext, estates: EstateReader): readonly Route[] {
  return [
    ...meshInsightRoutes(context, estates),
    ...serviceInsightRoutes(context, estates),
    {
      method: 'GET',
      path: '/global-insight',
      title: titles.insights,
      handle: async () => ok(globalInsight(await estates.read(), await zonesOnline(context))),
    },
    {
      method: 'GET',
      path: '/global-insights',
      title: titles.insights,
      handle: async () => ok(globalInsights(await estates.read())),
    },
  ]
}

/** A federated zone tells nothing of whole meshes, for it sees a part of them. */
function meshInsightRoutes(context: ApiContext, estates: EstateReader): readonly Route[] {
  const type = typeOf('MeshInsight')
  const path = `/${type.path}`
  const all = async () => {
    if (context.mode === 'federated') return []
    const estate = await estates.read()
    return estate.meshes.map((mesh) => meshInsight(mesh, estate))
  }
  return [
    {
      method: 'GET',
      path,
      title: titles.list,
      type,
      async handle(request) {
        const list = listRequestOf(request, path)
        const found = (await all()).filter(({ name }) => name.includes(list.nameContains ?? ''))
        // They carry no labels, so a filter on one finds nothing.
        const items = Object.keys(list.labels).length > 0 ? [] : found
        return ok({
          total: items.length,
          items: items.slice(list.offset, list.offset + list.size),
          next: nextPage(request, list, items.length),
        })
      },
    },
    {
      method: 'GET',
      path: `${path}/:name`,
      title: titles.get,
      type,
      async handle(request) {
        const found = (await all()).find(({ name }) => name === param(request, 'name'))
        if (found === undefined) throw notFound(titles.get)
        return ok(found)
      },
    },
    ...writesRefused(context, type.name, `${path}/:name`),
  ]
}

interface Told {
  readonly mesh: string
  readonly name: string
  readonly serviceType: ServiceType
  readonly json: Readonly<Record<string, unknown>>
}

function serviceInsightRoutes(context: ApiContext, estates: EstateReader): readonly Route[] {
  const type = typeOf('ServiceInsight')
  const listRoute = (path: string): Route => ({
    method: 'GET',
    path,
    title: titles.list,
    type,
    async handle(request) {
      const mesh = path.includes(':mesh') ? param(request, 'mesh') : undefined
      if (mesh !== undefined) await checkMesh(context.store, context.mode, mesh)
      const list = listRequestOf(request, templateOf(path))
      const wanted = wantedTypes(request)
      const found = (await told(context, estates, mesh)).filter(
        ({ name, serviceType }) =>
          name.includes(list.nameContains ?? '') && (wanted.length === 0 || wanted.includes(serviceType)),
      )
      return ok({
        total: found.length,
        items: found.slice(list.offset, list.offset + list.size).map(({ json }) => json),
        next: nextPage(request, list, found.length),
      })
    },
  })
  const itemPath = `/meshes/:mesh/${type.path}/:name`
  return [
    listRoute(`/${type.path}`),
    listRoute(`/meshes/:mesh/${type.path}`),
    {
      method: 'GET',
      path: itemPath,
      title: titles.get,
      type,
      async handle(request) {
        const mesh = param(request, 'mesh')
        await checkMesh(context.store, context.mode, mesh)
        const name = param(request, 'name')
        const all = await told(context, estates, mesh)
        const found = all.find((each) => each.name === name)
        if (found !== undefined) return ok(found.json)
        // Kuma keeps one object for a mesh that has services, and none for one without.
        const row = (await estates.read()).meshes.find((each) => each.name === mesh)
        if (all.length === 0 || row === undefined) throw notFound(titles.get)
        return ok(noService(name, envelopeOf(row, (await estates.read()).atMs)))
      },
    },
    ...writesRefused(context, type.name, itemPath),
  ]
}

const envelopeOf = (mesh: Row, atMs: number): InsightEnvelope => ({
  mesh: mesh.name,
  creationTime: timeText(mesh.createdAtMs),
  modificationTime: timeText(atMs),
})

/** What a Kuma global has sent about a mesh is what its zones show; where nothing was sent, what can be seen from here. */
async function told(context: ApiContext, estates: EstateReader, mesh: string | undefined): Promise<readonly Told[]> {
  const estate = await estates.read()
  // What global keeps is for its Kuma zones, and a few seconds old; here it is computed.
  const sent = context.mode === 'global' ? [] : await allRows(context.store, 'ServiceInsight')
  const fromGlobal = sent.filter((row) => mesh === undefined || row.mesh === mesh).flatMap(expanded)
  const toldOf = new Set(sent.map((row) => row.mesh))
  const seen = estate.meshes
    .filter(({ name }) => (mesh === undefined || name === mesh) && !toldOf.has(name))
    .flatMap((row) =>
      servicesOf(estate.proxiesOf(row.name)).map(
        (service): Told => ({
          mesh: row.name,
          name: service.name,
          serviceType: service.type,
          json: serviceInsight(service, envelopeOf(row, estate.atMs)),
        }),
      ),
    )
  const text = ({ mesh: of, name }: Told) => `${of}\u0000${name}`
  return [...fromGlobal, ...seen].sort((a, b) => (text(a) < text(b) ? -1 : 1))
}

/** One object of a mesh, with a service in each of its entries. */
function expanded(row: Row): readonly Told[] {
  const services = specJson(row).services
  if (typeof services !== 'object' || services === null) return []
  return Object.entries(services as Readonly<Record<string, Readonly<Record<string, unknown>>>>).map(
    ([name, { dataplanes, ...service }]): Told => {
      const counts = dataplanes as Readonly<Record<string, number>> | undefined
      const total = (counts?.online ?? 0) + (counts?.offline ?? 0)
      const serviceType = serviceTypes.find((each) => each === service.serviceType) ?? 'internal'
      return {
        mesh: row.mesh,
        name,
        serviceType,
        json: {
          type: row.type,
          mesh: row.mesh,
          name,
          creationTime: timeText(row.createdAtMs),
          modificationTime: timeText(row.modifiedAtMs),
          labels: { 'kuma.io/origin': 'global' },
          ...service,
          dataplanes: total === 0 ? {} : { ...counts, total },
          ...(serviceType === 'internal' ? { addressPort: addressOf(name) } : {}),
        },
      }
    },
  )
}

function wantedTypes({ query }: ApiRequest): readonly ServiceType[] {
  const words = (query.get('type') ?? '').split(',').flatMap((word) => {
    const wanted = word.trim().toLowerCase()
    return wanted === '' ? [] : [wanted]
  })
  return words.map((word) => {
    const known = serviceTypes.find((type) => type === word)
    if (known === undefined) throw badRequest('bad request: unsupported service type')
    return known
  })
}

async function zonesOnline(context: ApiContext) {
  const { store, sync, nowMs, mode, zoneName } = context
  const sessions = await store.sessions.list()
  const met = mode === 'global' ? [...new Set(sessions.map(({ peer }) => peer))] : sessions.length > 0 ? [zoneName] : []
  const online = met.filter((name) =>
    mode === 'global'
      ? isZoneConnected(name, sync, sessions, nowMs())
      : sync.peers().some(({ connected }) => connected),
  )
  // Insights of zone proxies begin as those of other proxies do, with the subscriptions.
  const ofType = async (type: string) => {
    const rows = await allRows(store, type)
    return { online: rows.filter((row) => proxyInsightOf(row).isOnline).length, total: rows.length }
  }
  return {
    controlPlanes: { online: online.length, total: met.length },
    zoneEgresses: await ofType('ZoneEgressInsight'),
    zoneIngresses: await ofType('ZoneIngressInsight'),
  }
}

const writesRefused = ({ mode }: ApiContext, name: string, path: string): readonly Route[] => {
  const type = typeOf(name)
  return (['PUT', 'DELETE'] as const).map((method) => ({
    method,
    path,
    title: titles.readOnly,
    type,
    refused: readOnlyReason(type, mode),
    handle: () => Promise.resolve(ok({})),
  }))
}
