import type { Resource } from '../resource.js'
import { meshExternalServiceKind } from './mesh-external-service.js'
import { meshMultiZoneServiceKind } from './mesh-multi-zone-service.js'
import { meshServiceKind } from './mesh-service.js'

/** A port of a service. */
export interface Port {
  readonly port: number
  /** Its name, or its number where it has none: how it is named in an identifier and in `sectionName`. */
  readonly section: string
  readonly protocol: string
}

/** Undefined for what is no service. */
export function portsOfService({ type, spec }: Pick<Resource, 'type' | 'spec'>): readonly Port[] | undefined {
  switch (type) {
    case 'MeshExternalService': {
      const match = meshExternalServiceKind.read(spec)?.match
      return match === undefined
        ? []
        : [{ port: match.port, section: String(match.port), protocol: match.protocol ?? 'tcp' }]
    }
    case 'MeshService':
      return (meshServiceKind.read(spec)?.ports ?? []).map(portOf)
    case 'MeshMultiZoneService':
      return (meshMultiZoneServiceKind.read(spec)?.ports ?? []).map(portOf)
    default:
      return undefined
  }
}

const portOf = ({
  port,
  name,
  appProtocol,
}: {
  readonly port: number
  readonly name?: string | undefined
  readonly appProtocol?: string | undefined
}): Port => ({ port, section: name || String(port), protocol: appProtocol || 'tcp' })
