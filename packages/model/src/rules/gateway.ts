import { type MeshGateway, MeshGateway_Listener_Protocol as Protocol } from '@holdfast/proto'
import { meshGatewayKind } from '../kinds/proto-kind.js'
import type { Labels } from '../labels.js'
import type { PolicyResource } from './policy-spec.js'
import type { ProxyInbound, TargetedProxy } from './proxy-target.js'

/**
 * A builtin gateway with the MeshGateway that it runs: what is said to it is said to that one's listeners. Without one it
 * listens on nothing, and nothing is about it.
 */
export function runningGateway(proxy: TargetedProxy, gateways: readonly PolicyResource[]): TargetedProxy {
  if (proxy.gateway !== 'builtin') return proxy
  const best = bestOf(
    gateways.filter(({ origin }) => origin === '' || origin === proxy.origin),
    proxy.gatewayTags,
  )
  const spec = best === undefined ? undefined : meshGatewayKind.read(best.spec)
  if (best === undefined || spec === undefined) return { ...proxy, runs: undefined, inbounds: [] }
  return { ...proxy, runs: best, inbounds: listenersOf(spec, proxy.gatewayTags) }
}

/** The proxy that a MeshGateway is run by, as far as it says; undefined where it selects none. */
export function proxyOfGateway(gateway: PolicyResource): TargetedProxy | undefined {
  const [first] = meshGatewayKind.read(gateway.spec)?.selectors ?? []
  if (first === undefined) return undefined
  const { name, labels, origin } = gateway
  return { name, labels, origin, gateway: 'builtin', gatewayTags: first.match, inbounds: [] }
}

/** Whether a MeshGateway is meant for a proxy; one without selectors is for every builtin gateway. */
export function selectsGateway(gateway: PolicyResource, { gateway: kind, gatewayTags }: TargetedProxy): boolean {
  return kind === 'builtin' && rankOf(gateway, gatewayTags) !== undefined
}

/** `*`: any value, but one. */
export const hasTags = (has: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => (value === '*' ? has[key] !== undefined : has[key] === value))

interface Rank {
  readonly all: number
  readonly exact: number
}

function rankOf(gateway: PolicyResource, tags: Labels): Rank | undefined {
  const spec = meshGatewayKind.read(gateway.spec)
  if (spec === undefined) return undefined
  const ranks = (spec.selectors.length === 0 ? [{ match: {} }] : spec.selectors)
    .filter(({ match }) => hasTags(tags, match))
    .map(({ match }): Rank => {
      const values = Object.values(match)
      return { all: values.length, exact: values.filter((value) => value !== '*').length }
    })
  return ranks.sort(byRank).at(-1)
}

const byRank = (a: Rank, b: Rank): number => a.all - b.all || a.exact - b.exact

/** The one that says most of the proxy; of equals the first by name. */
function bestOf(gateways: readonly PolicyResource[], tags: Labels): PolicyResource | undefined {
  const ranked = gateways
    .flatMap((gateway) => {
      const rank = rankOf(gateway, tags)
      return rank === undefined ? [] : [{ gateway, rank }]
    })
    .sort((a, b) => byRank(b.rank, a.rank) || (a.gateway.name < b.gateway.name ? -1 : 1))
  return ranked[0]?.gateway
}

function listenersOf({ tags, conf }: MeshGateway, gatewayTags: Labels): readonly ProxyInbound[] {
  const byPort = new Map<string, ProxyInbound>()
  for (const listener of conf?.listeners ?? []) {
    const merged = { ...gatewayTags, ...tags, ...listener.tags }
    const key = JSON.stringify([listener.port, Object.entries(merged).sort()])
    byPort.set(key, {
      address: '',
      port: listener.port,
      section: String(listener.port),
      name: '',
      protocol: (Protocol[listener.protocol] ?? 'tcp').toLowerCase(),
      tags: merged,
    })
  }
  return [...byPort.values()]
}
