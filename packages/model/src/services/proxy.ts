import {
  DataplaneInsightSchema,
  Dataplane_Networking_Inbound_State as InboundState,
  Mesh_MeshServices_Mode as Mode,
} from '@holdfast/proto'
import { dataplaneKind } from '../kinds/dataplane.js'
import { meshKind } from '../kinds/mesh.js'
import { protoKind } from '../kinds/proto-kind.js'
import { protocolTag } from '../kinds/tags.js'
import type { Labels } from '../labels.js'
import type { Resource } from '../resource.js'

/** A Dataplane, as far as services are concerned. */
export interface ServingProxy {
  readonly mesh: string
  readonly name: string
  readonly labels: Labels
  readonly createdAtMs: number
  readonly inbounds: readonly Inbound[]
}

export interface Inbound {
  readonly port: number
  /** '' where it has none. */
  readonly name: string
  /** As it stands, whether we know it or not; '' where nothing is said. */
  readonly protocol: string
  readonly isReady: boolean
  readonly tags: Labels
}

/** Reads a stored Dataplane; `undefined` for bytes that are none. */
export function proxyOf(
  { mesh, name, labels, spec }: Pick<Resource, 'mesh' | 'name' | 'labels' | 'spec'>,
  createdAtMs: number,
): ServingProxy | undefined {
  const read = dataplaneKind.read(spec)
  if (read === undefined) return undefined
  const inbounds = (read.networking?.inbound ?? []).map(
    ({ port, name: inbound, protocol, state, health, tags }): Inbound => ({
      port,
      name: inbound,
      protocol: protocol || (tags[protocolTag] ?? ''),
      // `health` is what proxies of before 2.14 report.
      isReady: state === InboundState.Ready && health?.ready !== false,
      tags,
    }),
  )
  return { mesh, name, labels, createdAtMs, inbounds }
}

/** What a proxy's insight tells: whether it is connected, and who has issued its certificate. */
export interface ProxyInsight {
  readonly isOnline: boolean
  /** '' where it has none. */
  readonly issuedBackend: string
}

const insightKind = protoKind(DataplaneInsightSchema, () => [])

export function proxyInsightOf({ spec }: Pick<Resource, 'spec'>): ProxyInsight {
  const read = insightKind.read(spec)
  return {
    isOnline: (read?.subscriptions ?? []).some(
      ({ connectTime, disconnectTime }) => connectTime !== undefined && disconnectTime === undefined,
    ),
    issuedBackend: read?.mTLS?.issuedBackend ?? '',
  }
}

/** What a mesh decides about the services in it. */
export interface MeshRules {
  /** `meshServices.mode` is not Disabled, which is its default. */
  readonly generatesServices: boolean
  /** Backend of its mTLS; '' where that is off. */
  readonly enabledBackend: string
}

export function meshRulesOf({ spec }: Pick<Resource, 'spec'>): MeshRules {
  const read = meshKind.read(spec)
  return {
    generatesServices: (read?.meshServices?.mode ?? Mode.Disabled) !== Mode.Disabled,
    enabledBackend: read?.mtls?.enabledBackend ?? '',
  }
}
