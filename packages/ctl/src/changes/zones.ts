import {
  assignHostnames,
  audienceAt,
  audienceOf,
  displayNameLabel,
  displayNameOf,
  findType,
  type HostnameGenerator,
  hostnameGeneratorOf,
  isVisibleTo,
  type Labels,
  type NameableService,
  originLabel,
  zoneLabel,
} from '@holdfast/model'
import { isObject, type JsonObject, objectOf, textOf } from '../api.js'
import type { Change } from './change.js'
import type { Standing } from './standing.js'

/** A control plane that a change reaches, or not. */
export interface Place {
  /** A zone's name; '' for global. */
  readonly name: string
  readonly connected: boolean
  /** What a zone owns that is switched off is hidden from all others. */
  readonly enabled: boolean
}

/** One change, wherever it comes from. */
export type Step = Pick<Change, 'type' | 'mesh' | 'name' | 'before'> & {
  readonly outcome: 'created' | 'updated' | 'deleted'
  readonly after: JsonObject | undefined
}

/** What a change does at one control plane. */
export interface Effect {
  readonly place: Place
  readonly steps: readonly Step[]
  /** Names that are answered there from then on, and no more. */
  readonly namesAdded: readonly string[]
  readonly namesRemoved: readonly string[]
  /** Names that another service has from then on. */
  readonly namesMoved: readonly string[]
}

/** What there is now of services and of what names them. */
export interface Named {
  readonly services: readonly JsonObject[]
  readonly generators: readonly JsonObject[]
}

/** What becomes of every place: who is told of what, and which names change there. Pure. */
export function effectsOf(
  steps: readonly Step[],
  named: Named,
  places: readonly Place[],
  standing: Standing,
): readonly Effect[] {
  const hiddenNow = new Set(places.flatMap(({ name, enabled }) => (enabled ? [] : [name])))
  const [now, after] = [
    { ...named, hidden: hiddenNow },
    { ...applied(named, steps), hidden: hiddenBy(hiddenNow, steps) },
  ]
  return places.map((place) => {
    const [before, then] = [now, after].map((each) => namesAt(place, each, standing))
    const has = (names: ReadonlyMap<string, string> | undefined, name: string) => names?.get(name)
    return {
      place,
      steps: steps.filter((step) => reaches(step, place, standing)),
      namesAdded: [...(then?.keys() ?? [])].filter((name) => has(before, name) === undefined).sort(),
      namesRemoved: [...(before?.keys() ?? [])].filter((name) => has(then, name) === undefined).sort(),
      namesMoved: [...(then?.entries() ?? [])]
        .filter(([name, owner]) => has(before, name) !== undefined && has(before, name) !== owner)
        .map(([name]) => name)
        .sort(),
    }
  })
}

const ownerHere = ({ type }: Step, { mode, zone }: Standing): string =>
  mode === 'global' || !type.providedByZone ? '' : zone

function hiddenBy(now: ReadonlySet<string>, steps: readonly Step[]): ReadonlySet<string> {
  const then = new Set(now)
  for (const { type, name, after } of steps)
    if (type.name === 'Zone')
      if (after?.enabled === false) then.add(name)
      else then.delete(name)
  return then
}

function reaches(step: Step, { name }: Place, standing: Standing): boolean {
  const origin = ownerHere(step, standing)
  if (name === origin || (name === '' && standing.mode === 'global')) return true
  const item = step.after ?? step.before ?? {}
  const row = { labels: labelsOf(item), name: step.name, origin, spec: specOf(item) }
  return name === ''
    ? audienceAt('zone', step.type, row) === 'all'
    : isVisibleTo(step.type, origin, audienceAt('global', step.type, row), name)
}

function applied({ services, generators }: Named, steps: readonly Step[]): Named {
  const changed = (items: readonly JsonObject[], wanted: (step: Step) => boolean): readonly JsonObject[] => {
    const own = steps.filter(wanted)
    const gone = new Set(own.map(({ type, mesh, name }) => keyOf(type.name, mesh, name)))
    return [
      ...items.filter((item) => !gone.has(keyOf(textOf(item.type), textOf(item.mesh), textOf(item.name)))),
      ...own.flatMap(({ after }) => (after === undefined ? [] : [after])),
    ]
  }
  return {
    services: changed(services, ({ type }) => type.vipKind),
    generators: changed(generators, ({ type }) => type.name === 'HostnameGenerator'),
  }
}

/** Which service has each name at a zone; global answers none. */
function namesAt(
  { name: zone }: Place,
  { services, generators, hidden }: Named & { readonly hidden: ReadonlySet<string> },
  standing: Standing,
): ReadonlyMap<string, string> {
  if (zone === '') return new Map()
  const known = generators.flatMap((item) => generatorOf(item, zone, standing) ?? [])
  const nameable = services
    .filter((item) => !isHidden(originOf(item, standing), zone, hidden))
    .flatMap((item) => serviceOf(item, zone, standing) ?? [])
  const names = new Map<string, string>()
  for (const [service, { addresses }] of assignHostnames(nameable, known, zone))
    for (const { hostname } of addresses)
      names.set(
        hostname,
        keyOf(service.type, service.mesh, `${service.origin}/${displayNameOf(service.name, service.labels)}`),
      )
  return names
}

const isHidden = (origin: string, zone: string, hidden: ReadonlySet<string>): boolean =>
  origin !== zone && hidden.has(origin)

function generatorOf(item: JsonObject, zone: string, standing: Standing): HostnameGenerator | undefined {
  const origin = originOf(item, standing)
  // A zone's own generators name things in that zone only.
  if (origin !== '' && origin !== zone) return undefined
  return hostnameGeneratorOf({ name: textOf(item.name), origin, spec: specOf(item) }, createdAt(item))
}

function serviceOf(item: JsonObject, zone: string, standing: Standing): NameableService | undefined {
  const type = findType(textOf(item.type))
  const origin = originOf(item, standing)
  const labels = labelsOf(item)
  if (type === undefined) return undefined
  if (origin !== zone && !isVisibleTo(type, origin, audienceOf(type, labels, textOf(item.name), origin), zone))
    return undefined
  const name = origin === zone ? labels[displayNameLabel] || textOf(item.name) : textOf(item.name)
  return { type: type.name, mesh: textOf(item.mesh), name, labels, origin, createdAtMs: createdAt(item) }
}

const specOf = (item: JsonObject): Uint8Array => Buffer.from(JSON.stringify(item.spec ?? {}), 'utf8')

const keyOf = (type: string, mesh: string, name: string): string => `${type}/${mesh}/${name}`

/** What is new is the youngest: who has a name already keeps it. */
const createdAt = (item: JsonObject): number => Date.parse(textOf(item.creationTime)) || Number.MAX_SAFE_INTEGER

function labelsOf(item: JsonObject): Labels {
  return Object.fromEntries(
    Object.entries(isObject(item.labels) ? item.labels : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

/** Whose a resource is, as the control plane that shows it says. */
function originOf(item: JsonObject, { mode, zone }: Standing): string {
  const labels = labelsOf(item)
  if (mode === 'global') return labels[originLabel] === 'zone' ? (labels[zoneLabel] ?? '') : ''
  if (labels[originLabel] !== 'global') return zone
  return labels[zoneLabel] ?? ''
}

/** Zones as global's overview shows them. */
export const placeOf = (overview: JsonObject, connected: boolean): Place => ({
  name: textOf(overview.name),
  connected,
  enabled: objectOf(overview.zone).enabled !== false,
})
