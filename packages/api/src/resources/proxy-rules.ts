import {
  allTypes,
  invariant,
  isPluginPolicy,
  type MatchedPolicy,
  matchedPolicies,
  type Referables,
  referredTypes,
  runningGateway,
  type TargetedProxy,
  targetedProxy,
  typeOf,
} from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import { rowsOfMesh } from './names.js'

/** In the order in which a Kuma proxy goes through them, which is the order in which Kuma shows them. */
const appliedFirst: readonly string[] = [
  'MeshHTTPRoute',
  'MeshTCPRoute',
  'MeshTLS',
  'MeshLoadBalancingStrategy',
  'MeshPassthrough',
  'MeshAccessLog',
  'MeshTrace',
  'MeshFaultInjection',
  'MeshRateLimit',
  'MeshTimeout',
  'MeshTrafficPermission',
  'MeshHealthCheck',
  'MeshCircuitBreaker',
  'MeshRetry',
  'MeshMetric',
]
const place = (name: string): number => {
  const at = appliedFirst.indexOf(name)
  return at === -1 ? appliedFirst.length : at
}

/** All targetRef policies. */
export const policyTypes: readonly string[] = allTypes
  .filter(isPluginPolicy)
  .map(({ name }) => name)
  .sort((a, b) => place(a) - place(b))
/** Those of which a proxy has one as a whole. */
export const wholeProxyTypes: readonly string[] = policyTypes.filter((name) => {
  const { policy } = typeOf(name)
  return policy?.hasTo === false && !policy.hasRules
})
export const routeTypes: readonly string[] = ['MeshHTTPRoute', 'MeshTCPRoute']

export interface PoliciesOfType {
  readonly type: string
  readonly policies: readonly MatchedPolicy[]
}

/** What policies say about one proxy, with all that is needed to tell it. */
export interface ProxyPolicies {
  readonly proxy: TargetedProxy
  /** In the order of the types that were asked for; those of which none is about the proxy are left out. */
  readonly matched: readonly PoliciesOfType[]
  readonly routes: readonly Row[]
  /** What items refer to. */
  readonly referables: Referables
  /** The row of a policy, or of what one refers to. */
  readonly rowOf: (resource: Pick<Row, 'type' | 'name'>) => Row
}

const nobody: TargetedProxy = { name: '', labels: {}, origin: '', gateway: 'none', gatewayTags: {}, inbounds: [] }

/** Of a Dataplane, or of the proxy `target`. Reads as many lists as there are types asked for, and those of what they refer to. What is suspended has no say. */
export async function policiesOfProxy(
  store: ControlPlaneStore,
  dataplane: Row,
  types: readonly string[],
  target: TargetedProxy = targetedProxy(dataplane) ?? nobody,
): Promise<ProxyPolicies> {
  const { mesh } = dataplane
  const read = new Map<string, readonly Row[]>()
  const rowsOf = async (type: string): Promise<readonly Row[]> => {
    const known = read.get(type)
    if (known !== undefined) return known
    const rows =
      type === 'Mesh'
        ? [await store.read.get({ type, mesh: '', name: mesh })].filter((row) => row !== undefined && !row.deleted)
        : await rowsOfMesh(store, type, mesh)
    const served = (rows as readonly Row[]).filter(({ audience }) => audience !== 'suspended')
    read.set(type, served)
    return served
  }
  const proxy = target.gateway === 'builtin' ? runningGateway(target, await rowsOf('MeshGateway')) : target
  const routes = await rowsOf('MeshHTTPRoute')
  const matched: PoliciesOfType[] = []
  for (const type of types) {
    const policies = matchedPolicies(await rowsOf(type), proxy, routes)
    if (policies.length > 0) matched.push({ type, policies })
  }
  for (const type of referredTypes(matched.flatMap(({ policies }) => policies))) await rowsOf(type)
  const rows = new Map([...read.values()].flat().map((row) => [keyText(row), row]))
  return {
    proxy,
    matched,
    routes,
    referables: (type) => read.get(type) ?? [],
    rowOf: (resource) => {
      const row = rows.get(keyText(resource))
      invariant(row !== undefined, `${resource.type} ${resource.name} was read`)
      return row
    },
  }
}

const keyText = ({ type, name }: Pick<Row, 'type' | 'name'>): string => `${type}\u0000${name}`
