import { isPlainObject, type Json, joinPath } from '@holdfast/model'

export interface Difference {
  readonly path: string
  /** Undefined: it is not there. */
  readonly from: Json | undefined
  readonly to: Json | undefined
}

/** Most that are told of one resource; a person reads the first ones. */
export const differencesMax = 100

/** Where two JSON values differ, down to the smallest parts, in the order of the second. At most `differencesMax`. */
export function differences(from: Json | undefined, to: Json | undefined, path = ''): readonly Difference[] {
  const found: Difference[] = []
  collect(from, to, path, found)
  return found
}

function collect(from: Json | undefined, to: Json | undefined, path: string, found: Difference[]): void {
  if (found.length >= differencesMax) return
  if (isPlainObject(from) && isPlainObject(to)) {
    for (const key of new Set([...Object.keys(to), ...Object.keys(from)]))
      collect(own(from, key), own(to, key), joinPath(path, key), found)
    return
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    for (let i = 0; i < Math.max(from.length, to.length); i++) collect(from[i], to[i], joinPath(path, i), found)
    return
  }
  if (from !== to) found.push({ path, from, to })
}

const own = (value: { readonly [key: string]: Json }, key: string): Json | undefined =>
  Object.hasOwn(value, key) ? value[key] : undefined
