import { isJsonObject, type Json, parseJson } from './kinds/json.js'
import { syncLabel } from './labels.js'
import { globalOrigin, type Resource } from './resource.js'
import { isProducer } from './services/policy-role.js'
import type { TypeDescriptor } from './type-table.js'
import { allTypes } from './type-table.js'

/**
 * What two control planes must mean the same by, for a type to be synced: what a peer says of types that we do not know.
 * Words, paths and display names are not in it.
 */
export interface DescribedType {
  readonly name: string
  readonly scope: 'global' | 'mesh'
  readonly order: number
  /** `json`, or the type URL of its protobuf message. */
  readonly encoding: string
  readonly emptyStatus: string
  readonly hashed: boolean
  readonly globalToZones: boolean
  readonly zoneToGlobal: boolean
  readonly acrossZones: boolean
  /** Of the targetRef family: of a zone's own only those for clients of a service cross. */
  readonly policy: boolean
}

/** One peer describes so many at most, and so many that we do not know are kept of all peers together. */
export const describedTypesMax = 512
export const learnedTypesMax = 64
const nameMax = 64
const textMax = 256

export const describedType = (type: TypeDescriptor): DescribedType => ({
  name: type.name,
  scope: type.scope,
  order: type.order,
  encoding: type.encoding.kind === 'json' ? 'json' : type.encoding.typeUrl,
  emptyStatus: type.emptyStatus,
  hashed: type.hashed,
  globalToZones: type.globalToZones,
  zoneToGlobal: type.zoneToGlobal,
  acrossZones: type.acrossZones,
  policy: type.policy?.plugin === true,
})

/** All types that this program syncs. */
export const describedTypes = (): readonly DescribedType[] =>
  allTypes.filter((type) => type.globalToZones || type.zoneToGlobal || type.acrossZones).map(describedType)

/** What is wrong with a description that a peer has sent; nothing: it can be kept. It is untrusted input. */
export function* describedTypeProblems(type: DescribedType): Iterable<string> {
  if (!/^[A-Z][A-Za-z0-9]*$/.test(type.name) || type.name.length > nameMax)
    yield `its name must be letters and digits, a capital first, ${nameMax} at most`
  if (!Number.isSafeInteger(type.order) || type.order < 1 || type.order > 999_999)
    yield 'its order must be between 1 and 999999'
  if (type.encoding !== 'json' && !/^type\.googleapis\.com\/[A-Za-z0-9_.]+$/.test(type.encoding))
    yield 'its encoding must be json or a type URL'
  if (type.encoding.length > textMax || type.emptyStatus.length > textMax)
    yield `its encoding and its empty status have ${textMax} characters at most`
  if (type.emptyStatus !== '' && !isObjectText(type.emptyStatus)) yield 'its empty status must be a JSON object'
  if (!type.globalToZones && !type.zoneToGlobal && !type.acrossZones) yield 'it travels in no direction'
  if (type.acrossZones && !type.zoneToGlobal) yield 'it crosses zones without going up'
}

const isObjectText = (text: string): boolean => {
  const read = parseJson(text)
  return read.outcome === 'read' && isJsonObject(read.value)
}

/** In which ways two descriptions of one type differ, in words; '' if they are the same. */
export const differenceOf = (a: DescribedType, b: DescribedType): string =>
  (Object.keys(a) as readonly (keyof DescribedType)[])
    // The order is a place in a sequence, and only the control plane that keeps the type natively sorts by it.
    .filter((key) => key !== 'order' && a[key] !== b[key])
    .map((key) => `${key} ${JSON.stringify(b[key])} against ${JSON.stringify(a[key])}`)
    .join(', ')

/**
 * Who may see a resource of a type that this program does not know: nobody before it was described, and then those whom
 * its description names. What a zone owns is kept from the others unless it crosses zones.
 */
export function audienceOfRaw(
  type: DescribedType | undefined,
  row: Pick<Resource, 'labels' | 'origin' | 'spec'>,
): 'all' | 'none' {
  if (type === undefined || row.labels[syncLabel] === 'disabled') return 'none'
  const travels =
    row.origin === globalOrigin ? type.globalToZones : type.acrossZones && (!type.policy || isProducer(anyPolicy, row))
  return travels ? 'all' : 'none'
}

/** What its description does not say: it may have both lists. */
const anyPolicy = { hasTo: true, hasFrom: true }

/** What one peer has described of types that this program does not know: the spec of a `LearnedTypes`. */
export interface LearnedTypes {
  /** '' for global. */
  readonly peer: string
  /** Hash of everything that the peer syncs: while it is the same there is nothing new to say. */
  readonly typeSet: string
  /** Hash of our own at that time: a program that knows less now has more to learn of the same peer. */
  readonly against: string
  readonly types: readonly DescribedType[]
  /** Its descriptions that were not taken, and why: what it offers of them is refused. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[]
}

/** The reverse of what we have written ourselves; undefined for anything else. */
export function readLearnedTypes(spec: Uint8Array): LearnedTypes | undefined {
  const read = parseJson(Buffer.from(spec).toString('utf8'))
  if (read.outcome !== 'read' || !isJsonObject(read.value)) return undefined
  const { peer, typeSet, against, types, refused } = read.value
  if (typeof peer !== 'string' || typeof typeSet !== 'string' || typeof against !== 'string') return undefined
  if (!Array.isArray(types) || !Array.isArray(refused)) return undefined
  return {
    peer,
    typeSet,
    against,
    types: types.flatMap((type: Json) => readType(type) ?? []),
    refused: refused.flatMap((one: Json) =>
      isJsonObject(one) && typeof one.name === 'string' && typeof one.reason === 'string'
        ? [{ name: one.name, reason: one.reason }]
        : [],
    ),
  }
}

function readType(json: Json): DescribedType | undefined {
  if (!isJsonObject(json)) return undefined
  const text = (key: string): string => (typeof json[key] === 'string' ? json[key] : '')
  const type: DescribedType = {
    name: text('name'),
    scope: json.scope === 'mesh' ? 'mesh' : 'global',
    order: Number(json.order),
    encoding: text('encoding'),
    emptyStatus: text('emptyStatus'),
    hashed: json.hashed === true,
    globalToZones: json.globalToZones === true,
    zoneToGlobal: json.zoneToGlobal === true,
    acrossZones: json.acrossZones === true,
    policy: json.policy === true,
  }
  return [...describedTypeProblems(type)].length === 0 ? type : undefined
}
