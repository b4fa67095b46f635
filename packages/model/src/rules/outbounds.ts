import { dataplaneKind } from '../kinds/dataplane.js'
import { type Port, portsOfService } from '../kinds/service-ports.js'
import { displayNameLabel, type Labels, namespaceLabel, zoneLabel } from '../labels.js'
import type { Resource } from '../resource.js'
import { hasAll } from './proxy-target.js'
import { type Referable, ruleKey } from './resource-rules.js'

/** A port of a service that a proxy can reach. */
export interface Outbound extends Port {
  readonly kri: string
}

interface Wanted {
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly labels: Labels
  /** Undefined: all of them. */
  readonly port: number | undefined
}

/** Where a proxy can send to: its own outbounds; without any what it calls reachable; else every service of its mesh. */
export function outboundsOf(
  dataplane: Pick<Resource, 'labels' | 'spec'>,
  services: readonly Referable[],
): readonly Outbound[] {
  const wanted = wantedBy(dataplane)
  const found =
    wanted === undefined
      ? services.flatMap((service) => outboundsTo(service, undefined))
      : wanted.flatMap((each) =>
          services
            .filter((service) => isWanted(each, service, dataplane.labels))
            .flatMap((service) => outboundsTo(service, each.port)),
        )
  return [...new Map(found.map((each) => [each.kri, each])).values()].sort((a, b) => (a.kri < b.kri ? -1 : 1))
}

function wantedBy({ spec }: Pick<Resource, 'spec'>): readonly Wanted[] | undefined {
  const networking = dataplaneKind.read(spec)?.networking
  const own = (networking?.outbound ?? []).flatMap(({ backendRef }): readonly Wanted[] =>
    backendRef === undefined
      ? []
      : [
          {
            kind: backendRef.kind,
            name: backendRef.name,
            namespace: '',
            labels: backendRef.labels,
            port: backendRef.port,
          },
        ],
  )
  if (own.length > 0) return own
  return networking?.transparentProxying?.reachableBackends?.refs.map(({ kind, name, namespace, labels, port }) => ({
    kind,
    name,
    namespace,
    labels,
    port,
  }))
}

/** By labels, or by the name in the proxy's own zone and namespace. */
function isWanted({ kind, name, namespace, labels }: Wanted, service: Referable, own: Labels): boolean {
  if (service.type !== kind) return false
  if (Object.keys(labels).length > 0) return hasAll(service.labels, labels)
  return (
    (service.labels[displayNameLabel] ?? service.name) === name &&
    (service.labels[zoneLabel] ?? '') === (own[zoneLabel] ?? '') &&
    (service.labels[namespaceLabel] ?? '') === (namespace || (own[namespaceLabel] ?? ''))
  )
}

function outboundsTo(service: Referable, port: number | undefined): readonly Outbound[] {
  const ports = portsOfService(service) ?? []
  const named = ports.filter((each) => each.port === port || each.section === String(port))
  return (named.length > 0 ? named : ports).map((each) => ({ ...each, kri: ruleKey(service, each.section) }))
}
