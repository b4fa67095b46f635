import { allTypes, type TypeDescriptor, typeOfWord } from '@holdfast/model'
import { usageError } from '../io.js'

/** A type by any word a person may use. Throws a usage error that lists the words. */
export function typeOfArgument(word: string): TypeDescriptor & { readonly path: string } {
  const type = typeOfWord(word)
  if (type?.path !== undefined) return { ...type, path: type.path }
  const words = allTypes
    .flatMap(({ path, singular }) => (path === undefined ? [] : singular.slice(0, 1)))
    .sort()
    .join(', ')
  throw usageError(`unknown TYPE "${word}"; there are ${words} (plurals and short names as well)`)
}

/** Where a type is listed: within a mesh, or everywhere. */
export const listPath = (
  type: { readonly scope: 'global' | 'mesh'; readonly path: string },
  mesh: string | undefined,
): string =>
  type.scope === 'global' || mesh === undefined ? `/${type.path}` : `/meshes/${encodeURIComponent(mesh)}/${type.path}`
