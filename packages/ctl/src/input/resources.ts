import {
  convertDocument,
  findType,
  isKubernetesDocument,
  type JsonObject,
  meshLabel,
  type Place,
  type PlacedMessage,
  parseBody,
  readDocuments,
  type SourceDocument,
  type TypeDescriptor,
  violationText,
  zoneLabel,
} from '@holdfast/model'
import type { Source } from './sources.js'

/** A resource to be applied, and where each of its parts stands. */
export interface InputResource {
  readonly type: TypeDescriptor
  /** As the API takes it. */
  readonly object: JsonObject
  readonly place: (path: string) => Place
}

export interface Input {
  readonly resources: readonly InputResource[]
  /** Nothing is sent while there is one. */
  readonly problems: readonly PlacedMessage[]
  readonly warnings: readonly PlacedMessage[]
  readonly skipped: readonly { readonly kind: string; readonly count: number }[]
  /** Lists without an item, as `get` prints where there is nothing: nothing to do, and nobody's mistake. */
  readonly emptyLists: number
}

/**
 * Reads and checks everything: Holdfast resources and Kubernetes manifests, mixed, several documents in a file, lists
 * of either. What a control plane must decide (is this name taken, does the mesh exist) is left to it.
 * @param mesh where a resource lives that does not say it
 */
export function readResources(sources: readonly Source[], mesh: string): Input {
  const parts = sources.flatMap(({ file, text }) => {
    const { documents, problems } = readDocuments(text, file)
    return [{ ...nothing, problems }, ...documents.map((document) => readDocument(document, mesh))]
  })
  const read = joined(parts)
  return { ...read, problems: [...read.problems, ...duplicates(read.resources)] }
}

function readDocument(document: SourceDocument, mesh: string): Input {
  const { value } = document
  if (isKubernetesDocument(value)) {
    const { resources, problems, warnings, skipped } = convertDocument(document)
    return {
      ...nothing,
      problems,
      warnings,
      skipped,
      resources: resources.flatMap(({ object, place }) => {
        const type = findType('MeshService')
        return type === undefined ? [] : [{ type, object: inMesh(object, mesh), place: () => place }]
      }),
    }
  }
  // What `get -o yaml` prints of a list can be applied again.
  if (value.type === undefined && Array.isArray(value.items))
    return value.items.length === 0
      ? { ...nothing, emptyLists: 1 }
      : joined(value.items.map((item: unknown, index) => readObject(document, item, `items[${index}]`, mesh)))
  return readObject(document, value, '', mesh)
}

/** A Service lives in the mesh of its label, else where the command says. */
const inMesh = (object: JsonObject, mesh: string): JsonObject =>
  isObject(object.labels) && object.labels[meshLabel] !== undefined ? object : { ...object, mesh }

function readObject(document: SourceDocument, value: unknown, at: string, mesh: string): Input {
  const place = (path: string): Place => document.place(joinedPath(at, path))
  const problem = (path: string, message: string): Input => ({ ...nothing, problems: [{ ...place(path), message }] })
  if (!isObject(value)) return problem('', 'is not a resource: a resource is a map of fields')
  if (value.type === undefined) return problem('', 'says neither type (Holdfast) nor apiVersion and kind (Kubernetes)')
  const type = typeof value.type === 'string' ? findType(value.type) : undefined
  if (type === undefined)
    return problem(
      'type',
      `unknown type ${JSON.stringify(value.type)}; see /_resources of the control plane for those there are`,
    )
  const object = type.scope === 'mesh' && value.mesh === undefined ? { ...value, mesh } : value
  const zone = isObject(object.labels) ? object.labels[zoneLabel] : undefined
  // Whose zone it is, the control plane knows; everything else can be checked here.
  const writer = { role: 'zone', zone: typeof zone === 'string' ? zone : '', federated: false } as const
  const body = parseBody(type, object, { writer })
  switch (body.outcome) {
    case 'unreadable':
      return problem('', body.reason)
    case 'invalid':
      return {
        ...nothing,
        problems: body.violations.map((violation) => ({
          ...place(violation.path || fieldNamed(violation.message)),
          message: `${type.name}: ${violationText(violation)}`,
        })),
      }
    case 'parsed':
      return { ...nothing, resources: [{ type, object, place }] }
  }
}

/** Kuma's words about a field of the first level have no path: they begin with its name. */
const fieldNamed = (message: string): string => /^(\w+) in body /.exec(message)?.[1] ?? ''

/** One resource twice, in one file or in two: which of them is meant cannot be known. */
function duplicates(resources: readonly InputResource[]): readonly PlacedMessage[] {
  const first = new Map<string, Place>()
  return resources.flatMap(({ type, object, place }) => {
    const key = JSON.stringify([type.name, object.mesh, object.name])
    const before = first.get(key)
    if (before === undefined) {
      first.set(key, place(''))
      return []
    }
    return [
      {
        ...place('name'),
        message: `${type.name} ${JSON.stringify(object.name)} is already defined at ${before.file}:${before.line}`,
      },
    ]
  })
}

const joinedPath = (at: string, path: string): string =>
  at === '' ? path : path === '' || path.startsWith('[') ? `${at}${path}` : `${at}.${path}`

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const nothing: Input = { resources: [], problems: [], warnings: [], skipped: [], emptyLists: 0 }

function joined(parts: readonly Input[]): Input {
  const counts = new Map<string, number>()
  for (const { kind, count } of parts.flatMap(({ skipped }) => skipped))
    counts.set(kind, (counts.get(kind) ?? 0) + count)
  return {
    resources: parts.flatMap(({ resources }) => resources),
    problems: parts.flatMap(({ problems }) => problems),
    warnings: parts.flatMap(({ warnings }) => warnings),
    emptyLists: parts.reduce((sum, { emptyLists }) => sum + emptyLists, 0),
    skipped: [...counts].map(([kind, count]) => ({ kind, count })).sort((a, b) => (a.kind < b.kind ? -1 : 1)),
  }
}
