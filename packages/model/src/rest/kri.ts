import { portsOfService } from '../kinds/service-ports.js'
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
export function snisOf(type: TypeDescriptor, resource: Named & Pick<Resource, 'type' | 'spec'>): readonly Sni[] {
  const { mesh, name, labels } = resource
  const zone = labels[zoneLabel] ?? ''
  const namespace = zone === '' ? '' : (labels[namespaceLabel] ?? '')
  const parts = ['sni', type.shortName, mesh, zone, namespace, displayNameOf(name, labels)].filter(
    (part) => part !== '',
  )
  return (portsOfService(resource) ?? []).map(({ port, section }) => ({ port, sni: [...parts, section].join('.') }))
}
