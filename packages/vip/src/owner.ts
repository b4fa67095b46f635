import { prefixedBytes } from '@holdfast/model'

/**
 * Who owns an address. Not a row id, not a stored name, not arrival order: what a service is called by the people who run
 * it, and where it lives.
 */
export interface Owner {
  readonly kind: string
  readonly mesh: string
  /** Zone name, '' for global. */
  readonly origin: string
  readonly namespace: string
  readonly displayName: string
}

/** Unambiguous bytes of an owner: what its preferred address is a hash of. Frozen: a change would move nothing that
 * stands, but a lost ledger would come back with other addresses. */
export const ownerBytes = ({ kind, mesh, origin, namespace, displayName }: Owner): Uint8Array =>
  prefixedBytes(kind, mesh, origin, namespace, displayName)

/** One line for messages. */
export const ownerWords = ({ kind, mesh, origin, namespace, displayName }: Owner): string =>
  `${kind} "${displayName}"${namespace === '' ? '' : ` in namespace ${namespace}`} of mesh ${mesh} (${origin === '' ? 'global' : `zone ${origin}`})`

/** Unambiguous text, usable as a key: no part can contain the separator. */
export const ownerText = ({ kind, mesh, origin, namespace, displayName }: Owner): string =>
  `${kind}\u0000${mesh}\u0000${origin}\u0000${namespace}\u0000${displayName}`

export const sameOwner = (a: Owner, b: Owner): boolean => ownerText(a) === ownerText(b)

export function compareOwners(a: Owner, b: Owner): number {
  const [x, y] = [ownerText(a), ownerText(b)]
  return x < y ? -1 : x > y ? 1 : 0
}
