import type { MeshServiceSpec } from '../kinds/mesh-service.js'
import { isKnownProtocol, type ServicePort } from '../kinds/ports.js'
import { serviceTag } from '../kinds/tags.js'
import { type Labels, workloadLabel } from '../labels.js'
import { dns1035Problems } from '../name-rules.js'
import type { Inbound, ServingProxy } from './proxy.js'

/** Value of `kuma.io/managed-by` on services that a zone makes of its Dataplanes. */
export const generatorName = 'meshservice-generator'

/** What is wanted of a generated service; the rest of its spec is computed. */
export type WantedService = Required<Pick<MeshServiceSpec, 'selector' | 'ports'>>

/** What one Dataplane says about one service. */
export interface Contribution extends WantedService {
  readonly service: string
}

export interface Contributions {
  readonly contributions: readonly Contribution[]
  /** What nothing can be made of, in words for an operator. */
  readonly problems: readonly ContributionProblem[]
}

export interface ContributionProblem {
  readonly reason: 'InvalidName' | 'DuplicatePort'
  readonly service: string
  readonly message: string
}

/**
 * The services that a Dataplane makes, as Kuma's generator has them: one called like its label `kuma.io/workload`, with
 * a port for each inbound; without that label one for each `kuma.io/service` among its inbounds. Gateways, which have no
 * inbounds, make none.
 */
export function contributionsOf({ labels, inbounds }: ServingProxy): Contributions {
  const workload = labels[workloadLabel]
  if (workload !== undefined)
    return inbounds.length === 0
      ? nothing
      : contributed(workload, `label ${workloadLabel}`, inbounds, {
          dataplaneLabels: { matchLabels: { [workloadLabel]: workload } },
        })
  const services = new Map<string, Inbound[]>()
  for (const inbound of inbounds) {
    const service = inbound.tags[serviceTag]
    if (service === undefined) continue
    const of = services.get(service) ?? []
    services.set(service, of)
    of.push(inbound)
  }
  const all = [...services].map(([service, of]) =>
    contributed(service, `tag ${serviceTag}`, of, { dataplaneTags: { [serviceTag]: service } }),
  )
  return {
    contributions: all.flatMap(({ contributions }) => contributions),
    problems: all.flatMap(({ problems }) => problems),
  }
}

const nothing: Contributions = { contributions: [], problems: [] }

function contributed(
  service: string,
  where: string,
  inbounds: readonly Inbound[],
  selector: MeshServiceSpec['selector'],
): Contributions {
  const [invalid] = dns1035Problems(service)
  if (invalid !== undefined) {
    const message = `${where}: no MeshService can be called ${JSON.stringify(service)}: ${invalid}`
    return { contributions: [], problems: [{ reason: 'InvalidName', service, message }] }
  }
  const { ports, doubled } = portsOf(inbounds)
  return {
    contributions: [{ service, selector, ports }],
    problems:
      doubled.length === 0
        ? []
        : [
            {
              reason: 'DuplicatePort',
              service,
              message: `several inbounds have port ${doubled.join(', ')}, and the service has it once; give each inbound a port of its own`,
            },
          ],
  }
}

/** A port for each inbound, in their order. Kuma repeats a port that several inbounds have; no client could use that. */
function portsOf(inbounds: readonly Inbound[]): {
  readonly ports: ServicePort[]
  readonly doubled: readonly number[]
} {
  const ports = new Map<string, ServicePort>()
  const doubled = new Set<number>()
  for (const { port, name, protocol } of inbounds) {
    const appProtocol = protocol !== '' && isKnownProtocol(protocol) ? protocol.toLowerCase() : 'tcp'
    const key = `${port}/${appProtocol}`
    if (ports.has(key)) doubled.add(port)
    else ports.set(key, { name: name || String(port), port, targetPort: port, appProtocol })
  }
  return { ports: [...ports.values()], doubled: [...doubled] }
}

export interface Agreed {
  readonly wanted: WantedService
  /** Dataplanes that say something else; the service does not follow them. */
  readonly dissenters: readonly ServingProxy[]
}

/**
 * What a service is, if its Dataplanes do not all say the same: as it stands as long as one of them agrees with that,
 * else as the oldest says. So a new version of a service that opens another port, rolled out proxy by proxy, changes
 * it once, with the last proxy of the old version.
 * @param from oldest first, at least one
 */
export function agreedService(
  from: readonly { readonly proxy: ServingProxy; readonly contribution: Contribution }[],
  existing: Pick<MeshServiceSpec, 'selector' | 'ports'> | undefined,
): Agreed | undefined {
  const stands = existing === undefined ? undefined : sameness(existing)
  const first = from.find(({ contribution }) => sameness(contribution) === stands) ?? from[0]
  if (first === undefined) return undefined
  const { selector, ports } = first.contribution
  const chosen = sameness(first.contribution)
  return {
    wanted: { selector, ports },
    dissenters: from.flatMap(({ proxy, contribution }) => (sameness(contribution) === chosen ? [] : [proxy])),
  }
}

/** Equal texts, equal services. Order and names of ports count, as in Kuma. */
const sameness = ({ selector, ports = [] }: Pick<MeshServiceSpec, 'selector' | 'ports'>): string =>
  JSON.stringify([
    Object.entries(selector.dataplaneLabels?.matchLabels ?? {}),
    Object.entries(selector.dataplaneTags ?? {}),
    selector.dataplaneRef?.name,
    ports.map(({ name, port, targetPort, appProtocol }) => [name, port, targetPort, appProtocol]),
  ])

/** Oldest first: by creation, then by name. */
export const byAge = (a: ServingProxy, b: ServingProxy): number =>
  a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Labels of Dataplanes that their service gets as well, of those that an operator allows: what all of them agree on. */
export function propagatedLabels(proxies: readonly ServingProxy[], allowed: readonly string[]): Labels {
  const [first, ...others] = proxies
  if (first === undefined) return {}
  return Object.fromEntries(
    allowed.flatMap((key): [string, string][] => {
      const value = first.labels[key]
      return value !== undefined && others.every(({ labels }) => labels[key] === value) ? [[key, value]] : []
    }),
  )
}
