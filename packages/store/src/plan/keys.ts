import type { ResourceKey } from '@holdfast/model'
import { ownerText } from '@holdfast/vip'
import type { Family, Owner, Scope } from './types.js'

export { ownerText, ownerWords } from '@holdfast/vip'

/** Text forms of compound keys, for maps. No part contains a NUL: names and labels are checked on the way in. */
export const keyText = ({ type, mesh, name }: ResourceKey): string => `${type}\u0000${mesh}\u0000${name}`

export const sameKey = (a: ResourceKey, b: ResourceKey): boolean =>
  a.type === b.type && a.mesh === b.mesh && a.name === b.name

export const ledgerText = (owner: Owner, scope: Scope, family: Family): string =>
  `${ownerText(owner)}\u0000${scope}\u0000${family}`

export const addressKeyText = (scope: Scope, family: Family, address: string): string =>
  `${scope}\u0000${family}\u0000${address}`

export const pairText = (a: string, b: string): string => `${a}\u0000${b}`

/** What makes a live row unique at its origin. */
export const displayText = (row: {
  readonly type: string
  readonly mesh: string
  readonly origin: string
  readonly namespace: string
  readonly displayName: string
}): string => `${row.type}\u0000${row.mesh}\u0000${row.origin}\u0000${row.namespace}\u0000${row.displayName}`

/** The owner that a service's addresses are booked under. */
export const ownerOf = (row: {
  readonly type: string
  readonly mesh: string
  readonly origin: string
  readonly namespace: string
  readonly displayName: string
}): Owner => ({
  kind: row.type,
  mesh: row.mesh,
  origin: row.origin,
  namespace: row.namespace,
  displayName: row.displayName,
})

export const originWords = (origin: string): string => (origin === '' ? 'global' : `zone ${origin}`)

/** Order of code units: the same on every machine, unlike a locale's. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
