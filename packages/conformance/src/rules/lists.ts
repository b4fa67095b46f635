import {
  decodeKumaResource,
  displayNameLabel,
  findType,
  hashedName,
  type KumaResourceParts,
  kumaResourceTypeUrl,
  kumaVersion,
  namespaceLabel,
  originLabel,
  type TypeDescriptor,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { DeltaDiscoveryResponse, Resource } from '@holdfast/proto'
import { broken, kept, some, undecided, type Verdict } from '../report.js'

const utf8Text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** One resource of a response, as far as it could be read. */
export interface Seen {
  readonly type: string
  readonly key: string
  readonly version: string
  readonly bytes: Uint8Array
  readonly parts: KumaResourceParts | undefined
  /** What keeps it from being read. */
  readonly problem: string | undefined
}

export const seenIn = (responses: readonly DeltaDiscoveryResponse[]): readonly Seen[] =>
  responses.flatMap(({ typeUrl, resources }) => resources.map((resource) => seen(typeUrl, resource)))

function seen(type: string, { name, version, resource }: Resource): Seen {
  const bytes = resource?.value ?? new Uint8Array()
  const base = { type, key: name, version, bytes }
  if (resource === undefined) return { ...base, parts: undefined, problem: 'has no content' }
  if (resource.typeUrl !== kumaResourceTypeUrl)
    return { ...base, parts: undefined, problem: `has type URL "${resource.typeUrl}"` }
  try {
    return { ...base, parts: decodeKumaResource(bytes), problem: undefined }
  } catch (error) {
    return { ...base, parts: undefined, problem: (error as Error).message }
  }
}

/** What is wrong with one resource, in words; `undefined` where nothing is. */
type Look = (seen: Seen, parts: KumaResourceParts, type: TypeDescriptor | undefined) => string | undefined

/** Looks at every resource that can be read. */
function each(all: readonly Seen[], look: Look): Verdict {
  const readable = all.flatMap((one) => (one.parts === undefined ? [] : [{ one, parts: one.parts }]))
  if (readable.length === 0) return undecided('no resource was received')
  const wrong = readable.flatMap(({ one, parts }) => {
    const problem = look(one, parts, findType(one.type))
    return problem === undefined ? [] : [`${one.type} ${one.key} ${problem}`]
  })
  return wrong.length === 0 ? kept(`all of ${readable.length} resources`) : broken(some(wrong))
}

export function readable(all: readonly Seen[]): Verdict {
  if (all.length === 0) return undecided('no resource was received')
  const wrong = all.flatMap(({ type, key, problem }) => (problem === undefined ? [] : [`${type} ${key} ${problem}`]))
  return wrong.length === 0 ? kept(`all of ${all.length} resources`) : broken(some(wrong))
}

export const keysMatch = (all: readonly Seen[]): Verdict => each(all, keyProblem)

const keyProblem: Look = ({ key }, { mesh, name }) =>
  key === wireKey(mesh, name) ? undefined : `is ${wireKey(mesh, name)} inside`

export function noDuplicates(all: readonly Seen[]): Verdict {
  if (all.length === 0) return undecided('no resource was received')
  const counts = new Map<string, number>()
  for (const { type, key } of all) counts.set(`${type} ${key}`, (counts.get(`${type} ${key}`) ?? 0) + 1)
  const twice = [...counts].flatMap((count) => keyTwice(count) ?? [])
  return twice.length === 0 ? kept(`${counts.size} different keys`) : broken(some(twice))
}

const keyTwice = ([key, count]: readonly [string, number]): string | undefined =>
  count > 1 ? `${key} comes ${count} times` : undefined

/** A spec that is missing ends a real zone's stream; one of a plain type that is no JSON, too; a nil one its process. */
export const specsFit = (all: readonly Seen[]): Verdict => each(all, specProblem)

const specProblem: Look = (_, { typeUrl, spec, status }, type) => {
  if (type === undefined) return undefined
  if (type.encoding.kind === 'protobuf')
    return typeUrl === type.encoding.typeUrl
      ? undefined
      : `has a spec of type URL "${typeUrl}", not "${type.encoding.typeUrl}"`
  const noJson = jsonProblem(spec)
  if (noJson !== undefined) return `has a spec that is ${noJson}`
  const noStatus = status === undefined ? undefined : jsonProblem(status)
  return noStatus === undefined ? undefined : `has a status that is ${noStatus}`
}

function jsonProblem(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return 'empty'
  try {
    JSON.parse(utf8Text(bytes))
    return undefined
  } catch {
    return 'no JSON'
  }
}

/** A zone drops, and acknowledges, whatever it could have made itself and does not come from global by its label. */
export const originIsGlobal = (all: readonly Seen[]): Verdict => each(all, originProblem)

function originProblem(_: Seen, { labels }: KumaResourceParts): string | undefined {
  const origin = labels[originLabel]
  if (origin === 'global') return undefined
  return origin === undefined ? `has no ${originLabel}` : `has ${originLabel}: ${origin}`
}

export const namesHashed = (all: readonly Seen[]): Verdict => each(all, nameProblem)

const nameProblem: Look = (_, { mesh, name, labels }, type) => {
  if (type === undefined || !type.hashed) return undefined
  const shown = labels[displayNameLabel]
  if (shown === undefined) return `has no ${displayNameLabel}`
  const extras = [labels[zoneLabel], labels[namespaceLabel]].filter((extra) => extra !== undefined)
  const wanted = hashedName(mesh, shown, ...extras)
  return name === wanted ? undefined : `should be called ${wanted}`
}

/** Addresses and hostnames are each zone's own: global sends the status of a resource of which nothing is known. */
export const statusEmpty = (all: readonly Seen[]): Verdict => {
  const having = all.filter(({ type }) => findType(type)?.hasStatus === true)
  if (having.length === 0) return undecided('no resource of a type with a status was received')
  return each(having, statusProblem)
}

const statusProblem: Look = (_, { status }, type) => {
  const text = status === undefined ? '' : utf8Text(status)
  return text === '' || text === type?.emptyStatus ? undefined : `has status ${text.slice(0, 80)}`
}

const localSecrets =
  /^(envoy-admin-ca|admin-user-token|inter-cp-ca|user-token-revocations|user-token-signing-key.*|zone-token-signing-key.*)$/

/** Private keys of global and its users; of zone tokens only the public half. */
export const secretsStay = (all: readonly Seen[]): Verdict => {
  const secrets = all.filter(({ type }) => type === 'GlobalSecret')
  if (secrets.length === 0) return undecided('no GlobalSecret was received')
  return each(secrets, secretProblem)
}

const secretProblem: Look = (_, { name, spec }) => {
  if (localSecrets.test(name)) return 'is for global alone'
  const pem = Buffer.from(spec).toString('latin1')
  return name.startsWith('zone-token') && pem.includes('PRIVATE KEY')
    ? 'is a private key, of which zones need the public half'
    : undefined
}

export const clusterIdOnly = (all: readonly Seen[]): Verdict => {
  const configs = all.filter(({ type }) => type === 'Config')
  if (configs.length === 0) return undecided('no Config was received')
  return each(configs, configProblem)
}

const configProblem: Look = (_, { name }) =>
  name === 'kuma-cluster-id' ? undefined : 'is of global alone: kuma-cluster-id is all that zones need'

/** Kuma's own version of a resource. Any that is stable does. */
export const versionIsHash = (all: readonly Seen[]): Verdict => each(all, versionProblem)

const versionProblem: Look = ({ version, bytes }) => {
  if (version === '') return 'has no version'
  const wanted = kumaVersion(bytes)
  return version === wanted ? undefined : `has version ${version.slice(0, 12)}…, not ${wanted.slice(0, 12)}…`
}
