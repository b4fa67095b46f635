import { type Document, isNode, LineCounter, type ParsedNode, parseAllDocuments } from 'yaml'
import { isJsonObject, type JsonObject, parseJson } from '../kinds/json.js'
import { jsonOf } from '../rest/json-of.js'

/** Where something stands in a file; document, line and column count from 1. */
export interface Place {
  readonly file: string
  readonly document: number
  readonly line: number
  readonly column: number
}

/** Something to tell about a place in a file. */
export interface PlacedMessage extends Place {
  readonly message: string
}

export type Path = readonly (string | number)[]

/** One object of a file. */
export interface SourceDocument {
  readonly value: JsonObject
  /** Where the value at a path stands, or the nearest thing around it: `['spec', 'ports', 0]` or `spec.ports[0]`. */
  place(path: Path | string): Place
}

export interface Documents {
  readonly documents: readonly SourceDocument[]
  readonly problems: readonly PlacedMessage[]
}

/** `file:line:column: message`, as editors understand it. */
export const placedText = ({ file, line, column, message }: PlacedMessage): string =>
  `${file}:${line}:${column}: ${message}`

/**
 * Reads a file of YAML documents or of one JSON object. Every document that cannot be read is a problem with its
 * place; the others are returned all the same. Empty documents are passed over.
 */
export function readDocuments(text: string, file: string): Documents {
  // JSON is YAML, but a machine's megabytes of it need not be read as YAML.
  const json = /^\s*\{/.test(text) ? parseJson(text) : undefined
  if (json?.outcome === 'read' && isJsonObject(json.value)) {
    const whole = lazily(() => new YamlFile(text, file))
    return { documents: [{ value: json.value, place: (path) => whole().place(0, path) }], problems: [] }
  }
  return new YamlFile(text, file).documents()
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

type YamlDocument = Document.Parsed<ParsedNode>

class YamlFile {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #documents: readonly YamlDocument[]

  constructor(text: string, file: string) {
    this.#file = file
    // What is strange in a file is told with its place, not by the library on the terminal.
    const options = { lineCounter: this.#lines, prettyErrors: false, merge: true, logLevel: 'error' } as const
    const parsed = parseAllDocuments(text, options)
    this.#documents = Array.isArray(parsed) ? parsed : []
  }

  documents(): Documents {
    const documents: SourceDocument[] = []
    const problems: PlacedMessage[] = []
    for (const [index, document] of this.#documents.entries()) {
      const faults = [...document.errors, ...document.warnings]
      for (const { message, pos } of faults) problems.push({ ...this.#at(index, pos[0]), message: faultText(message) })
      if (faults.length > 0) continue
      const read = this.#read(document)
      if (typeof read === 'string') problems.push({ ...this.place(index, []), message: read })
      else if (read !== undefined) documents.push({ value: read, place: (path) => this.place(index, path) })
    }
    return { documents, problems }
  }

  /** The value, a reason why there is none, or `undefined` for an empty document. */
  #read(document: YamlDocument): JsonObject | string | undefined {
    const value = toValue(document)
    if (typeof value === 'string') return value
    if (value.js === null || value.js === undefined) return undefined
    const json = jsonOf(value.js)
    if (json.outcome === 'unreadable') return json.reason
    return isJsonObject(json.value) ? json.value : 'is not an object: a resource is a map of fields'
  }

  place(index: number, path: Path | string): Place {
    const document = this.#documents[index]
    const steps = typeof path === 'string' ? stepsOf(path) : path
    for (let length = steps.length; length >= 0; length--) {
      const node: unknown = length === 0 ? document?.contents : document?.getIn(steps.slice(0, length), true)
      if (isNode(node) && node.range) return this.#at(index, node.range[0])
    }
    return this.#at(index, document?.range[0] ?? 0)
  }

  #at(index: number, offset: number): Place {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.#file, document: index + 1, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

/** The reader recurses: what is nested without end runs it out of stack, once or more often. */
const faultText = (message: string): string =>
  /call stack/.test(message) ? 'is nested too deeply; no resource has that many levels' : message

/** Aliases are bounded, so that a small file cannot become a huge value. */
function toValue(document: YamlDocument): { readonly js: unknown } | string {
  try {
    return { js: document.toJS({ maxAliasCount: 100 }) }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** `spec.ports[0]["odd key"]` in steps. */
const stepsOf = (path: string): Path =>
  [...path.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(([, index, key, word]) =>
    index !== undefined ? Number(index) : (key?.replace(/\\(.)/g, '$1') ?? word ?? ''),
  )
