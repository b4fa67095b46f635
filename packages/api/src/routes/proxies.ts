import type { StaticAction } from '@holdfast/identity'
import { displayNameLabel, envLabel, namespaceLabel, Problem, problemOf, typeOf } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { checkAction } from '../http/access.js'
import { ApiError, notFound } from '../http/errors.js'
import { type Answer, type ApiRequest, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { checkMesh, living } from '../resources/meshes.js'
import type { ProxyQuestion } from '../sync/sync-view.js'

const failedTitle = 'Could not execute admin operation'

/** Each type of proxy, with what Kuma says of one that is not there. */
const proxies = [
  { type: typeOf('Dataplane'), path: '/meshes/:mesh/dataplanes/:name', missing: 'Could not get dataplane resource' },
  { type: typeOf('ZoneIngress'), path: '/zoneingresses/:name', missing: 'Could not get zone ingress resource' },
  { type: typeOf('ZoneEgress'), path: '/zoneegresses/:name', missing: 'Could not get zone egress resource' },
] as const

/** What Kuma asks of who wants to see it; the right to read the mesh is asked besides. */
const actions: Readonly<Record<ProxyQuestion['kind'], StaticAction>> = {
  xds: 'viewConfigDump',
  stats: 'viewStats',
  clusters: 'viewClusters',
}

/**
 * `…/xds`, `…/stats`, `…/clusters` of a proxy: what its Envoy says of itself. A zone asks its own proxies; global asks the
 * zone that a proxy is of, over whatever that zone understands.
 */
export const proxyRoutes = (context: ApiContext): readonly Route[] =>
  proxies.flatMap(({ type, path, missing }) =>
    (['xds', 'stats', 'clusters'] as const).map(
      (kind): Route => ({
        method: 'GET',
        path: `${path}/${kind}`,
        title: failedTitle,
        type,
        async handle(request) {
          checkAction(context, actions[kind], request.actor, 'cannot access envoy proxy info')
          const mesh = type.scope === 'mesh' ? param(request, 'mesh') : ''
          if (mesh !== '') await checkMesh(context.store, context.mode, mesh)
          const row = living(await context.store.read.get({ type: type.name, mesh, name: param(request, 'name') }))
          if (row === undefined) throw notFound(missing)
          const question = questionOf(kind, row, request, context.mode === 'global')
          try {
            const bytes = await asked(context, row, question, request.signal)
            const contentType = kind === 'xds' || question.format === 'json' ? 'application/json' : 'text/plain'
            return { status: 200, body: undefined, raw: { contentType, bytes } } satisfies Answer
          } catch (error) {
            // A proxy that cannot be asked is the answer to this question, not a failure of ours: 400, as a Kuma global.
            const problem = problemOf(error)
            if (problem.kind === 'internal') throw error
            throw new ApiError('invalid', failedTitle, problem.message, problem.violations, error)
          }
        },
      }),
    ),
  )

function asked(
  { mode, zoneName, sync, askProxy }: ApiContext,
  row: Row,
  question: ProxyQuestion,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (mode === 'global') {
    if (row.origin === '')
      throw new Problem('invalid', `${row.type} ${row.name} is of no zone: nobody runs it, and nobody can be asked`)
    if (sync.askProxy === undefined) throw new Problem('unavailable', `zone ${row.origin} cannot be asked from here`)
    return sync.askProxy(row.origin, question, signal)
  }
  if (row.origin !== zoneName)
    throw new Problem('invalid', `${row.type} ${row.name} resides in zone ${row.origin}: ask there, or at global`)
  if (askProxy === undefined) throw new Problem('unavailable', 'this zone asks no proxies')
  return askProxy(question, signal)
}

function questionOf(kind: ProxyQuestion['kind'], row: Row, { query }: ApiRequest, atGlobal: boolean): ProxyQuestion {
  return {
    kind,
    resourceType: row.type,
    name: atGlobal ? nameInZone(row) : row.name,
    mesh: row.mesh,
    format: query.get('format') === 'json' ? 'json' : 'text',
    includeEds: isTrue(query.get('include_eds')),
    // Only what was used, unless somebody says otherwise.
    usedOnly: query.get('usedonly') === null || query.get('usedonly') === '' || isTrue(query.get('usedonly')),
  }
}

/** Global knows a proxy by its hashed name, its zone by the plain one, on Kubernetes with the namespace behind it. */
function nameInZone({ name, labels }: Row): string {
  const plain = labels[displayNameLabel] || name
  const namespace = labels[namespaceLabel] ?? ''
  return labels[envLabel] === 'kubernetes' && namespace !== '' ? `${plain}.${namespace}` : plain
}

/** What Go's strconv takes for true. */
const isTrue = (value: string | null): boolean => /^(1|t|true)$/i.test(value ?? '')
