import { meshExternalServiceKind } from '../kinds/mesh-external-service.js'
import { meshMultiZoneServiceKind } from '../kinds/mesh-multi-zone-service.js'
import { meshServiceKind } from '../kinds/mesh-service.js'
import { namespaceLabel, zoneLabel } from '../labels.js'
import { displayNameOf } from '../names.js'
import type { Resource } from '../resource.js'
import type { TypeDescriptor } from '../type-table.js'

type Named = Pick<Resource, 'mesh' | 'name' | 'labels'>

/** Kuma's resource identifier, the same in every control plane; `undefined` for types without a short name. */
export function kriOf(type: TypeDescriptor, { mesh, name, labels }: Named): string | undefined {
  if (type.shortName === '') return undefined
  const place = [type.scope === 'mesh' ? mesh : '', labels[zoneLabel] ?? '', labels[namespaceLabel] ?? '']
  return `kri_${[type.shortName, ...place, displayNameOf(name, labels)].join('_')}_`
}

export interface Sni {
  readonly port: number
  readonly sni: string
}

/** Server names of a service's ports, as proxies of other zones ask for them; none for other types. */
export function snisOf(type: TypeDescriptor, resource: Named & Pick<Resource, 'spec'>): readonly Sni[] {
  const { mesh, name, labels } = resource
  const zone = labels[zoneLabel] ?? ''
  const namespace = zone === '' ? '' : (labels[namespaceLabel] ?? '')
  const parts = ['sni', type.shortName, mesh, zone, namespace, displayNameOf(name, labels)].filter(
    (part) => part !== '',
  )
  return portsOf(type, resource.spec).map(({ port, section }) => ({ port, sni: [...parts, section].join('.') }))
}

function portsOf(
  type: TypeDescriptor,
  spec: Uint8Array,
): readonly { readonly port: number; readonly section: string }[] {
  if (type.name === 'MeshExternalService') {
    const match = meshExternalServiceKind.read(spec)?.match
    return match === undefined ? [] : [{ port: match.port, section: String(match.port) }]
  }
  const ports =
    type.name === 'MeshService'
      ? meshServiceKind.read(spec)?.ports
      : type.name === 'MeshMultiZoneService'
        ? meshMultiZoneServiceKind.read(spec)?.ports
        : undefined
  return (ports ?? []).map(({ name, port }) => ({ port, section: name || String(port) }))
}
