import {
  type Dataplane_Networking,
  DataplaneInsightSchema,
  Dataplane_Networking_Gateway_GatewayType as GatewayType,
  Dataplane_Networking_Inbound_State as InboundState,
} from '@holdfast/proto'
import { dataplaneKind } from '../kinds/dataplane.js'
import { protoKind } from '../kinds/proto-kind.js'
import { serviceTag } from '../kinds/tags.js'
import { type Labels, zoneLabel } from '../labels.js'
import type { Resource } from '../resource.js'

export type ProxyStatus = 'online' | 'offline' | 'partiallyDegraded'
export type ProxyKind = 'standard' | 'gatewayBuiltin' | 'gatewayDelegated'

/** A Dataplane and its insight, as summaries count them. */
export interface ProxyState {
  readonly mesh: string
  readonly name: string
  readonly labels: Labels
  readonly status: ProxyStatus
  readonly kind: ProxyKind
  /** Tags of each inbound, or of the gateway. */
  readonly tags: readonly Labels[]
  /** What it serves by the tag `kuma.io/service`, each with its zone, by the tag or of the Dataplane ('' where nobody says). */
  readonly services: readonly { readonly name: string; readonly zone: string }[]
  /** `unknown` until it has told. */
  readonly kumaDp: string
  readonly envoy: string
  /** '' where it has no certificate. */
  readonly issuedBackend: string
  readonly supportedBackends: readonly string[]
}

type Stored = Pick<Resource, 'mesh' | 'name' | 'labels' | 'spec'>

const insightKind = protoKind(DataplaneInsightSchema, () => [])

/** What a Dataplane says of itself. */
export interface DeclaredProxy extends Pick<ProxyState, 'mesh' | 'name' | 'labels' | 'kind' | 'tags' | 'services'> {
  /** What it is while it is connected. */
  readonly whileConnected: ProxyStatus
}

/** What the DataplaneInsight beside it tells. */
export interface ToldOfProxy extends Pick<ProxyState, 'kumaDp' | 'envoy' | 'issuedBackend' | 'supportedBackends'> {
  readonly isConnected: boolean
}

const nothingTold: ToldOfProxy = {
  isConnected: false,
  kumaDp: 'unknown',
  envoy: 'unknown',
  issuedBackend: '',
  supportedBackends: [],
}

export function declaredProxyOf({ mesh, name, labels, spec }: Stored): DeclaredProxy {
  const networking = dataplaneKind.read(spec)?.networking
  const tags = tagsOf(networking)
  return {
    mesh,
    name,
    labels,
    whileConnected: statusOf(networking),
    kind: kindOf(networking),
    tags,
    services: tags.flatMap((each) => {
      const service = each[serviceTag]
      return service === undefined ? [] : [{ name: service, zone: each[zoneLabel] ?? labels[zoneLabel] ?? '' }]
    }),
  }
}

export function toldOfProxy({ spec }: Pick<Resource, 'spec'>): ToldOfProxy {
  const told = insightKind.read(spec)
  const subscriptions = told?.subscriptions ?? []
  const version = subscriptions.at(-1)?.version
  return {
    isConnected: subscriptions.some(
      ({ connectTime, disconnectTime }) => connectTime !== undefined && disconnectTime === undefined,
    ),
    kumaDp: version?.kumaDp?.version || nothingTold.kumaDp,
    envoy: version?.envoy?.version || nothingTold.envoy,
    issuedBackend: told?.mTLS?.issuedBackend ?? '',
    supportedBackends: told?.mTLS?.supportedBackends ?? [],
  }
}

/** Both together; undefined: nothing was told. */
export function proxyStateFrom(
  { whileConnected, ...declared }: DeclaredProxy,
  told: ToldOfProxy = nothingTold,
): ProxyState {
  const { isConnected, ...rest } = told
  return { ...declared, ...rest, status: isConnected ? whileConnected : 'offline' }
}

/** Bytes that are no Dataplane count as a proxy that is offline. */
export const proxyStateOf = (dataplane: Stored, insight: Pick<Resource, 'spec'> | undefined): ProxyState =>
  proxyStateFrom(declaredProxyOf(dataplane), insight === undefined ? undefined : toldOfProxy(insight))

type Networking = Dataplane_Networking | undefined

const kindOf = (networking: Networking): ProxyKind =>
  networking?.gateway === undefined
    ? 'standard'
    : networking.gateway.type === GatewayType.BUILTIN
      ? 'gatewayBuiltin'
      : 'gatewayDelegated'

const tagsOf = (networking: Networking): readonly Labels[] =>
  networking?.gateway === undefined
    ? (networking?.inbound ?? []).filter(({ state }) => state !== InboundState.Ignored).map(({ tags }) => tags)
    : [networking.gateway.tags]

/** Of one that is connected. A gateway has nothing that could be not ready. */
function statusOf(networking: Networking): ProxyStatus {
  if (networking?.gateway !== undefined) return 'online'
  const inbounds = networking?.inbound ?? []
  const listeners = networking?.listeners ?? []
  const ready =
    inbounds.filter(({ health, state }) => health?.ready !== false && state !== InboundState.NotReady).length +
    listeners.filter(({ state }) => state === InboundState.Ready).length
  if (ready === 0) return 'offline'
  return ready < inbounds.length + listeners.length ? 'partiallyDegraded' : 'online'
}
