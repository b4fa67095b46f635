import { zoneLabel } from '../labels.js'
import { globalOrigin } from '../resource.js'
import type { Viewer } from '../rest/render.js'
import { generateHostname, type HostnameGenerator, type NameableService } from './generator.js'

/** In the shape in which Kuma's API shows them. Types, not interfaces: they are JSON. */
export type HostnameAddress = {
  readonly hostname: string
  readonly origin: 'HostnameGenerator'
  readonly hostnameGeneratorRef: { readonly coreName: string }
}
export type HostnameCondition = {
  readonly type: 'Generated'
  readonly status: 'True' | 'False'
  readonly reason: 'Generated' | 'TemplateError' | 'Collision'
  readonly message: string
}
export type HostnameGeneratorStatus = {
  readonly hostnameGeneratorRef: { readonly coreName: string }
  readonly conditions: readonly HostnameCondition[]
}

/** Names of one service, and what each generator that selects it came to; both in the order of the generators' names. */
export interface ServiceHostnames {
  readonly addresses: readonly HostnameAddress[]
  readonly hostnameGenerators: readonly HostnameGeneratorStatus[]
}

/**
 * The names that a zone serves: one service per kind, mesh and name. Generators of the zone come first, then older
 * ones, then by name; services likewise by age and name; who comes first holds the name, and who comes later is told
 * by whom it is held. The result has an entry for every service.
 */
export function assignHostnames<Service extends NameableService>(
  services: readonly Service[],
  generators: readonly HostnameGenerator[],
  zone: string,
): ReadonlyMap<Service, ServiceHostnames> {
  const ordered = [...services].sort(byAge)
  const holders = new Map<string, Service>()
  const results = new Map(services.map((service): [Service, Result[]] => [service, []]))
  const zonesFirst = [...generators].sort(
    (a, b) => Number(b.origin === zone) - Number(a.origin === zone) || byAge(a, b),
  )
  for (const generator of zonesFirst)
    for (const service of ordered) {
      const rendered = generateHostname(generator, service, { zone, isOwn: service.origin === zone })
      if (rendered === undefined) continue
      const result = results.get(service)
      if (rendered.outcome === 'failed') {
        result?.push({ generator: generator.name, condition: failed('TemplateError', rendered.reason) })
        continue
      }
      const key = JSON.stringify([service.type, service.mesh, rendered.text])
      const holder = holders.get(key) ?? service
      holders.set(key, holder)
      result?.push(
        holder.name === service.name
          ? { generator: generator.name, hostname: rendered.text, condition: generated }
          : {
              generator: generator.name,
              condition: failed('Collision', `Hostname collision with ${holder.type}: ${holder.name}`),
            },
      )
    }
  return new Map(services.map((service) => [service, shown(results.get(service) ?? [])]))
}

interface Result {
  readonly generator: string
  readonly hostname?: string
  readonly condition: HostnameCondition
}

const generated: HostnameCondition = { type: 'Generated', status: 'True', reason: 'Generated', message: '' }
const failed = (reason: 'TemplateError' | 'Collision', message: string): HostnameCondition => ({
  type: 'Generated',
  status: 'False',
  reason,
  message,
})

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const byAge = (
  a: { readonly createdAtMs: number; readonly name: string },
  b: { readonly createdAtMs: number; readonly name: string },
): number => a.createdAtMs - b.createdAtMs || compare(a.name, b.name)

function shown(results: readonly Result[]): ServiceHostnames {
  const sorted = [...results].sort((a, b) => compare(a.generator, b.generator))
  return {
    addresses: sorted.flatMap(({ generator, hostname }): HostnameAddress[] =>
      hostname === undefined
        ? []
        : [{ hostname, origin: 'HostnameGenerator', hostnameGeneratorRef: { coreName: generator } }],
    ),
    hostnameGenerators: sorted.map(({ generator, condition }) => ({
      hostnameGeneratorRef: { coreName: generator },
      conditions: [condition],
    })),
  }
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
