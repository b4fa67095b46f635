import { hash } from 'node:crypto'
import { type DescribedType, describedTypes } from './described-types.js'
import { Problem } from './problems.js'
import { allTypes, type TypeDescriptor } from './type-table.js'

const byName = new Map(allTypes.map((type) => [type.name, type]))
const byPath = new Map(
  allTypes.flatMap((type) =>
    type.path === undefined
      ? []
      : [type.path, ...type.pathAliases].map((path): [string, TypeDescriptor] => [path, type]),
  ),
)

/** The descriptor of a type by its exact name, `undefined` if Holdfast does not know it. */
export const findType = (name: string): TypeDescriptor | undefined => byName.get(name)

/** The descriptor of a type that must exist. Throws a Problem `invalid` that names it otherwise. */
export function typeOf(name: string): TypeDescriptor {
  const type = byName.get(name)
  if (type === undefined)
    throw new Problem('invalid', `unknown resource type "${name}"; see /_resources for those there are`)
  return type
}

/** By the first path segment of the HTTP API, aliases included. */
export const typeOfPath = (path: string): TypeDescriptor | undefined => byPath.get(path)

/**
 * By any word a person may use for it, whatever the case: name, path, short name, kumactl's singular and plural.
 * A short name gives way to a full word.
 */
export function typeOfWord(word: string): TypeDescriptor | undefined {
  const wanted = word.toLowerCase()
  const words = (type: TypeDescriptor) => [
    type.name.toLowerCase(),
    type.path,
    ...type.pathAliases,
    ...type.singular,
    ...type.plural,
  ]
  return (
    allTypes.find((type) => words(type).includes(wanted)) ??
    allTypes.find((type) => type.shortName === wanted && wanted !== '')
  )
}

/** What global offers to Holdfast zones, in dependency order. */
export const typesSentDown: readonly TypeDescriptor[] = allTypes.filter(
  (type) => type.globalToZones || type.acrossZones,
)

/** What a zone offers to global, in dependency order. */
export const typesSentUp: readonly TypeDescriptor[] = allTypes.filter((type) => type.zoneToGlobal)

/** What plain Kuma peers may be asked for or told. */
export const typesSentDownToKuma: readonly TypeDescriptor[] = typesSentDown.filter((type) => !type.internal)

/** A type that takes part in cross-zone sync as one of the targetRef policies does. */
export const isPluginPolicy = (type: TypeDescriptor): boolean => type.policy?.plugin === true

/**
 * Identity of what two control planes mean by "all types": SHA-256 (hex) over what decides how a type is synced.
 * Words, paths and display names do not; a difference makes the peers exchange descriptors before they compare roots.
 */
export function typeSetHash(types: readonly DescribedType[] = describedTypes()): string {
  const lines = types.map((type) =>
    [
      type.name,
      type.scope,
      type.order,
      type.encoding,
      type.emptyStatus,
      type.hashed ? 'hashed' : 'plain',
      type.globalToZones ? 'down' : '-',
      type.zoneToGlobal ? 'up' : '-',
      type.acrossZones ? 'across' : '-',
      type.policy ? 'policy' : '-',
    ].join('\t'),
  )
  return hash('sha256', lines.sort().join('\n'))
}

/** Beyond every order of a known type, the same everywhere, and not the same for two types: a position names one row. */
const unknownOrdersFrom = 1_000_000_000

/** Place of a type in the dependency order. What we do not know comes last: nobody knows what refers to it. */
export const typeOrder = (name: string): number =>
  byName.get(name)?.order ?? unknownOrdersFrom + (Number.parseInt(hash('sha256', name).slice(0, 8), 16) >>> 3)
