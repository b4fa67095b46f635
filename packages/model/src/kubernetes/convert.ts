import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kinds/json.js'
import { zoneLabel } from '../labels.js'
import { violationText } from '../problems.js'
import { parseBody } from '../rest/parse.js'
import { typeOf } from '../types.js'
import { type Path, type Place, type PlacedMessage, readDocuments, type SourceDocument } from './documents.js'
import { type ConvertedService, convertService } from './service.js'

/** A resource as the HTTP API takes it, and where it came from. */
export interface ConvertedResource {
  readonly object: JsonObject
  readonly place: Place
}

export interface Conversion {
  readonly resources: readonly ConvertedResource[]
  /** Nothing is to be applied while there is one. */
  readonly problems: readonly PlacedMessage[]
  readonly warnings: readonly PlacedMessage[]
  /** Objects of kinds that have no counterpart in a mesh, by kind and sorted. */
  readonly skipped: readonly { readonly kind: string; readonly count: number }[]
}

/** Kubernetes says `kind` and `apiVersion` where Kuma's universal form says `type`. */
export const isKubernetesDocument = (value: Json): boolean =>
  isJsonObject(value) &&
  typeof value.kind === 'string' &&
  typeof value.apiVersion === 'string' &&
  value.type === undefined

/** Converts every Service of a Kubernetes manifest, YAML or JSON, `List`s included. */
export function convertKubernetes(text: string, options: { readonly file: string }): Conversion {
  const { documents, problems } = readDocuments(text, options.file)
  const converted = joined(documents.map(convertDocument))
  return { ...converted, problems: [...problems, ...converted.problems, ...duplicates(converted.resources)] }
}

/** What was passed over, in one line; `undefined` if nothing was. */
export const skippedText = ({ skipped }: Pick<Conversion, 'skipped'>): string | undefined =>
  skipped.length === 0
    ? undefined
    : `skipped ${skipped.map(({ kind, count }) => `${count} ${kind}`).join(', ')}: only Services become MeshServices`

/** Converts one document of a file, of whatever kind. */
export const convertDocument = (document: SourceDocument): Conversion => convertObject(document, document.value, [])

function convertObject(document: SourceDocument, value: Json, at: Path): Conversion {
  const problem = (message: string): Conversion => ({
    ...nothing,
    problems: [{ ...document.place(at), message }],
  })
  if (!isJsonObject(value) || !isKubernetesDocument(value))
    return problem('is not a Kubernetes object: it needs apiVersion and kind')
  const { apiVersion, kind, items } = value
  if ((kind === 'List' || kind === 'ServiceList') && apiVersion === 'v1') {
    if (!isJsonArray(items)) return problem(`a ${kind} needs items`)
    return joined(
      items.map((item, index) => {
        // Items of a typed list do not repeat what they are.
        const typed = kind === 'ServiceList' && isJsonObject(item) ? { apiVersion, kind: 'Service', ...item } : item
        return convertObject(document, typed, [...at, 'items', index])
      }),
    )
  }
  if (kind === 'Service' && apiVersion === 'v1') return placed(document, at, convertService(value))
  if (String(apiVersion).startsWith('kuma.io/'))
    return problem(
      `${String(kind)} of ${String(apiVersion)} is not converted: write it in universal form (type, mesh, name, spec)`,
    )
  return { ...nothing, skipped: [{ kind: String(kind), count: 1 }] }
}

function placed(document: SourceDocument, at: Path, service: ConvertedService): Conversion {
  const place = (path: Path): Place => document.place([...at, ...path])
  const remarks = (of: ConvertedService['problems']): readonly PlacedMessage[] =>
    of.map(({ path, message }) => ({ ...place(path), message }))
  const invalid = service.object === undefined ? [] : violationsOf(service.object)
  return {
    ...nothing,
    resources: service.object === undefined || invalid.length > 0 ? [] : [{ object: service.object, place: place([]) }],
    problems: [
      ...remarks(service.problems),
      ...invalid.map((violation) => ({
        ...place(sourcePath(violation.path, service)),
        message: `Service as MeshService: ${violationText(violation)}`,
      })),
    ],
    warnings: remarks(service.warnings),
  }
}

/** What the API of the zone would say, so that nothing is printed that cannot be applied. */
function violationsOf(object: JsonObject) {
  const zone = isJsonObject(object.labels) ? object.labels[zoneLabel] : undefined
  const writer = { role: 'zone', zone: typeof zone === 'string' ? zone : '', federated: false } as const
  const result = parseBody(typeOf('MeshService'), object, { writer })
  return result.outcome === 'invalid' ? result.violations : []
}

/** Where in the Service the reason for a violation of the MeshService stands. */
function sourcePath(path: string, { sourcePorts }: ConvertedService): Path {
  const [, index, field] = /^spec\.ports\[(\d+)\](?:\.(\w+))?/.exec(path) ?? []
  if (index !== undefined)
    return ['spec', 'ports', sourcePorts[Number(index)] ?? 0, ...(field === undefined ? [] : [field])]
  if (path.startsWith('labels')) {
    const key = /^labels\["(.*)"\]$/.exec(path)?.[1] ?? ''
    return key === 'kuma.io/display-name' ? ['metadata', 'name'] : ['metadata', 'labels', key]
  }
  return ['metadata', 'name']
}

function duplicates(resources: readonly ConvertedResource[]): readonly PlacedMessage[] {
  const seen = new Map<string, Place>()
  return resources.flatMap(({ object, place }) => {
    const key = JSON.stringify([object.mesh, object.name])
    const first = seen.get(key)
    seen.set(key, first ?? place)
    return first === undefined
      ? []
      : [{ ...place, message: `Service ${JSON.stringify(object.name)} is already defined in line ${first.line}` }]
  })
}

const nothing: Conversion = { resources: [], problems: [], warnings: [], skipped: [] }

function joined(parts: readonly Conversion[]): Conversion {
  const counts = new Map<string, number>()
  for (const { kind, count } of parts.flatMap(({ skipped }) => skipped))
    counts.set(kind, (counts.get(kind) ?? 0) + count)
  return {
    resources: parts.flatMap(({ resources }) => resources),
    problems: parts.flatMap(({ problems }) => problems),
    warnings: parts.flatMap(({ warnings }) => warnings),
    skipped: [...counts].map(([kind, count]) => ({ kind, count })).sort((a, b) => (a.kind < b.kind ? -1 : 1)),
  }
}
