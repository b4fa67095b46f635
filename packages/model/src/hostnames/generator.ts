import { hostnameGeneratorKind } from '../kinds/hostname-generator.js'
import { displayNameLabel, type Labels, namespaceLabel, originLabel, zoneLabel } from '../labels.js'
import { subdomainProblems } from '../name-rules.js'
import { displayNameOf } from '../names.js'
import type { Origin, Resource } from '../resource.js'
import { compileTemplate, type Rendered, renderTemplate, type Template } from './template.js'

/** A HostnameGenerator, ready to be asked. */
export interface HostnameGenerator {
  /** As this control plane stores it. */
  readonly name: string
  readonly origin: Origin
  readonly createdAtMs: number
  /** Type of the services that it names. */
  readonly selects: string
  readonly matchLabels: Labels
  readonly template: Template
}

/** A service to be named. */
export interface NameableService extends Pick<Resource, 'type' | 'mesh' | 'name' | 'labels' | 'origin'> {
  readonly createdAtMs: number
}

/** Reads a stored HostnameGenerator; `undefined` for one that selects nothing that we know. */
export function hostnameGeneratorOf(
  { name, origin, spec }: Pick<Resource, 'name' | 'origin' | 'spec'>,
  createdAtMs: number,
): HostnameGenerator | undefined {
  const read = hostnameGeneratorKind.read(spec)
  const selectors = [
    ['MeshService', read?.selector?.meshService],
    ['MeshExternalService', read?.selector?.meshExternalService],
    ['MeshMultiZoneService', read?.selector?.meshMultiZoneService],
  ] as const
  const chosen = selectors.find(([, selector]) => selector !== undefined)
  if (read === undefined || chosen === undefined) return undefined
  const [selects, selector] = chosen
  const template = compileTemplate(read.template)
  return { name, origin, createdAtMs, selects, matchLabels: selector?.matchLabels ?? {}, template }
}

/** From where a service is seen: the zone, and whether the service is that zone's own. */
export interface Viewpoint {
  readonly zone: string
  readonly isOwn: boolean
}

/** The name that a generator gives to a service, seen from there; `undefined` if it does not select it. */
export function generateHostname(
  generator: HostnameGenerator,
  service: NameableService,
  { zone, isOwn }: Viewpoint,
): Rendered | undefined {
  if (generator.selects !== service.type) return undefined
  const { name, mesh } = service
  const displayName = displayNameOf(name, service.labels)
  const labels: Labels = {
    [displayNameLabel]: displayName,
    ...service.labels,
    [originLabel]: isOwn ? 'zone' : 'global',
  }
  const isSelected = Object.entries(generator.matchLabels).every(([key, value]) => labels[key] === value)
  if (!isSelected) return undefined
  const fields = {
    Name: name,
    DisplayName: displayName,
    Namespace: labels[namespaceLabel] ?? '',
    Mesh: mesh,
    Zone: labels[zoneLabel] ?? zone,
  }
  const rendered = renderTemplate(generator.template, fields, (key) => labels[key])
  if (rendered.outcome === 'failed') return rendered
  const [problem] = subdomainProblems(rendered.text)
  return problem === undefined
    ? rendered
    : {
        outcome: 'failed',
        reason: `template renders to "${rendered.text}" which is not a valid DNS name: ${problem}`,
      }
}
