import { zoneLabel } from '../labels.js'
import { globalOrigin } from '../resource.js'
import type { Viewer } from '../rest/render.js'
import { generateHostname, type HostnameGenerator, type NameableService } from './generator.js'
import { HostnameIndex, type ServiceHostnames } from './hostname-index.js'

/** The names of all these services at once, as `HostnameIndex` keeps them. The result has an entry for every service. */
export function assignHostnames<Service extends NameableService>(
  services: readonly Service[],
  generators: readonly HostnameGenerator[],
  zone: string,
): ReadonlyMap<Service, ServiceHostnames> {
  const index = new HostnameIndex(generators, zone)
  for (const service of services) index.put(service)
  return new Map(services.map((service) => [service, index.of(service) ?? { addresses: [], hostnameGenerators: [] }]))
}

/** A name, and whose it is. */
export interface Hostname {
  readonly hostname: string
  /** Of a service without a zone it is the service's own name, as in Kuma. */
  readonly zones: readonly { readonly name: string }[]
}

/**
 * Names under which a service can be known, sorted; who holds a name that two would have, only `assignHostnames` knows.
 * On global those that it has in its own zone and those that it has in all others, for global itself serves none.
 */
export function hostnamesOf(
  service: NameableService,
  generators: readonly HostnameGenerator[],
  viewer: Viewer,
): readonly Hostname[] {
  const zone = viewer.role === 'zone' ? viewer.zone : ''
  const rendered = generators.flatMap((generator) => {
    const viewpoints = viewer.role === 'zone' ? [service.origin === zone] : ownershipsSeenFromGlobal(generator, service)
    return viewpoints.map((isOwn) => generateHostname(generator, service, { zone, isOwn }))
  })
  const names = new Set(rendered.flatMap((each) => (each?.outcome === 'rendered' ? [each.text] : [])))
  const zones = [{ name: service.labels[zoneLabel] ?? service.name }]
  return [...names].sort(compare).map((hostname) => ({ hostname, zones }))
}

/** A zone's own generators are known in that zone only; there its services are own, everywhere else they are not. */
function ownershipsSeenFromGlobal(generator: HostnameGenerator, service: NameableService): readonly boolean[] {
  if (service.origin === globalOrigin) return [false]
  if (generator.origin === globalOrigin) return [true, false]
  return [generator.origin === service.origin]
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
