import {
  displayNameOf,
  isHeadless,
  meshExternalServiceKind,
  meshMultiZoneServiceKind,
  meshServiceKind,
  type NameableService,
  type Resource,
} from '@holdfast/model'

export interface ServedPort {
  /** '' for one that cannot be asked for by name. */
  readonly name: string
  readonly port: number
}

/** A service as the data plane can ask for it: who it is, and where. */
export interface ServedService extends NameableService {
  /** Canonical text, IPv4 before IPv6; none for a headless service. */
  readonly addresses: readonly string[]
  /** Of its VIPs. */
  readonly generation: number
  readonly ports: readonly ServedPort[]
}

/** What a row of the store has to show. */
export interface ServableRow extends Resource {
  readonly createdAtMs: number
  readonly deleted: boolean
}

/**
 * What is served of a row; `undefined` for what is gone, what waits for its VIP, and what lives in a mesh that is gone
 * (suspended): no service is named or served without its VIP.
 */
export function servedOf(row: ServableRow): ServedService | undefined {
  if (row.deleted || !isServed(row)) return undefined
  const { type, mesh, name, labels, origin, createdAtMs, spec } = row
  return {
    type,
    mesh,
    name,
    labels,
    origin,
    createdAtMs,
    addresses: row.vips?.addresses ?? [],
    generation: row.vips?.generation ?? 0,
    ports: portsOf(type, spec),
  }
}

/** Whether what is there is answered. */
export const isServed = ({ audience, vips, labels }: Pick<Resource, 'audience' | 'vips' | 'labels'>): boolean =>
  audience !== 'suspended' && (vips !== undefined || isHeadless(labels))

function portsOf(type: string, spec: Uint8Array): readonly ServedPort[] {
  switch (type) {
    case 'MeshService':
      return (meshServiceKind.read(spec)?.ports ?? []).map(named)
    case 'MeshMultiZoneService':
      return (meshMultiZoneServiceKind.read(spec)?.ports ?? []).map(named)
    case 'MeshExternalService': {
      const match = meshExternalServiceKind.read(spec)?.match
      // It has one port without a name; its protocol names it best.
      return match === undefined ? [] : [{ name: match.protocol, port: match.port }]
    }
    default:
      return []
  }
}

const named = ({ name, port }: { readonly name?: string | undefined; readonly port: number }): ServedPort => ({
  name: name ?? '',
  port,
})

export const serviceKey = ({ type, mesh, name }: Pick<Resource, 'type' | 'mesh' | 'name'>): string =>
  `${type}\u0000${mesh}\u0000${name}`

/** For people: `MeshService web of zone east in mesh default`. */
export const serviceWords = ({ type, mesh, name, labels, origin }: Omit<NameableService, 'createdAtMs'>): string =>
  `${type} ${displayNameOf(name, labels)} of ${origin === '' ? 'global' : `zone ${origin}`} in mesh ${mesh}`
