import {
  allTypes,
  findType,
  type JsonObject,
  labelsOf,
  originLabel,
  placedText,
  readDocuments,
  systemNamespaceDefault,
  universalObject,
  withOwner,
  zoneLabel,
} from '@holdfast/model'
import { type Api, ApiFailure, isObject, objectsOf, textOf } from '../api.js'
import { readSources } from '../input/sources.js'
import { CliError, type Io, usageError } from '../io.js'

/** Everything that was read of a Kuma control plane. */
export interface KumaRead {
  /** For people: where it was read. */
  readonly what: string
  /** '' for a global. */
  readonly zone: string
  readonly objects: readonly JsonObject[]
  /** What an operator should know of how it was read. */
  readonly warnings: readonly string[]
}

export interface ReadOptions {
  /** Names of types that are left out. */
  readonly without: readonly string[]
  /** The zone that it is, where it does not say so itself; `global` for a global. */
  readonly as: string | undefined
  readonly systemNamespace: string | undefined
}

interface KumaType {
  readonly name: string
  readonly path: string
}

/** Reads a running Kuma, global or zone, through its HTTP API. All that cannot be read is told at once. */
export async function readRunning(api: Api, options: ReadOptions): Promise<KumaRead> {
  const server = await api.server()
  if (server.product === '') throw new CliError(`${api.url} is no control plane: its / does not say what it is`)
  if (server.holdfast !== undefined)
    throw new CliError(`${api.url} is Holdfast ${server.holdfast} already; say with --from where Kuma is`)
  const zone = options.as === undefined ? await zoneOf(api) : zoneNamed(options.as)
  const types = await typesOf(api)
  const problems: string[] = []
  const objects: JsonObject[] = []
  for (const { name, path } of types.filter((type) => !options.without.includes(type.name)))
    try {
      const { items } = await api.list(`/${path}`)
      // A list may leave out what its path says.
      objects.push(...items.map((item) => ({ type: name, ...item }) as JsonObject))
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      problems.push(`${name}: ${error.message}${hintOf(error, name)}`)
    }
  if (problems.length > 0) throw new CliError(`not everything can be read at ${api.url}\n${problems.join('\n')}`)
  return {
    what: `${server.product} ${server.version}, ${zone === '' ? 'global' : `zone ${zone}`}, at ${api.url}`,
    zone,
    objects,
    warnings: [],
  }
}

const hintOf = (error: CliError, type: string): string =>
  error instanceof ApiFailure && (error.httpStatus === 401 || error.httpStatus === 403)
    ? `\n  or leave them out with --without ${type}`
    : ''

/** What it is, from its own configuration. */
async function zoneOf(api: Api): Promise<string> {
  const config = await api.get('/config').catch((error: unknown) => {
    if (!(error instanceof ApiFailure)) throw error
    throw new CliError(
      `${api.url} does not tell its configuration, so it is not known whether it is a global or a zone: say --from-zone NAME or --from-zone global\n${error.message}`,
    )
  })
  if (config.mode === 'global') return ''
  const { zone } = objectAt(config.multizone)
  const name = objectAt(zone).name
  if (config.mode === 'zone' && typeof name === 'string' && name !== '') return name
  throw new CliError(
    `${api.url} says neither that it is a global nor which zone it is (mode ${JSON.stringify(config.mode)}): say --from-zone NAME or --from-zone global`,
  )
}

const objectAt = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {})

const zoneNamed = (word: string): string => (word === 'global' ? '' : word)

/** The types that it serves; a Kuma too old to list them is asked for those that we know. */
async function typesOf(api: Api): Promise<readonly KumaType[]> {
  const listed = await api.find('/_resources')
  if (listed === undefined)
    return allTypes.flatMap(({ name, path, internal }) => (path === undefined || internal ? [] : [{ name, path }]))
  return objectsOf(listed.resources).flatMap((each) => {
    const [name, path] = [textOf(each.name), textOf(each.path)]
    return name === '' || path === '' ? [] : [{ name, path }]
  })
}

/** Reads what `kumactl export` has printed, in either of its formats. */
export async function readExport(io: Io, file: string, options: ReadOptions): Promise<KumaRead> {
  const [source] = await readSources(io, [file])
  const { documents, problems } = readDocuments(source?.text ?? '', file)
  if (documents.length === 0 && problems.length === 0)
    throw new CliError(`${file}: there is nothing in it; is it what kumactl export has printed?`)
  const said = problems.map(placedText)
  const zone = options.as === undefined ? '' : zoneNamed(options.as)
  const objects = documents.flatMap((document) => {
    const object = universalObject(document.value, options.systemNamespace ?? systemNamespaceDefault)
    const problem = (message: string): readonly JsonObject[] => {
      said.push(placedText({ ...document.place(''), message }))
      return []
    }
    if (object === undefined) return problem('is no object of Kuma’s')
    if (typeof object.type !== 'string')
      return problem('says neither type nor apiVersion and kind: is it what kumactl export prints?')
    return [object]
  })
  if (said.length > 0) throw new CliError(`not everything in it can be read\n${said.join('\n')}`)
  const zones = objects.flatMap((object) => (object.type === 'Zone' ? [textOf(object.name)] : []))
  const named = [...new Set([...zones, ...(zone === '' ? [] : [zone])])]
  const owned = objects.map((object) => {
    const type = findType(textOf(object.type))
    return type === undefined ? object : withOwner(type, object, named, zone)
  })
  if (zone === '' && options.as === undefined) {
    const copy = owned.find(
      (object) => labelsOf(object)[originLabel] === 'global' && labelsOf(object)[zoneLabel] !== undefined,
    )
    if (copy !== undefined)
      throw usageError(
        `${file} is of a zone, for it has ${textOf(copy.type)} ${JSON.stringify(copy.name)}, a copy of zone ${labelsOf(copy)[zoneLabel]}'s: say which zone it is with --from-zone`,
      )
  }
  return {
    what: `${file}, an export of ${zone === '' ? 'a global' : `zone ${zone}`}`,
    zone,
    objects: owned.filter((object) => !options.without.includes(textOf(object.type))),
    warnings: exportWarnings(owned),
  }
}

/** `kumactl export` asks for one page of each type and says nothing of the rest. */
function exportWarnings(objects: readonly JsonObject[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { type, mesh } of objects) {
    const key = mesh === undefined ? textOf(type) : `${textOf(type)} of mesh ${textOf(mesh)}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts]
    .filter(([, count]) => count === 100)
    .map(
      ([what]) =>
        `there are exactly 100 ${what}: kumactl export leaves out what comes after the first 100; --from reads all of them`,
    )
}
