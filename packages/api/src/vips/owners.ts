import type { Owner } from '@holdfast/store'

/** An owner as this API writes it: `zone` is null for what global owns. */
export interface OwnerJson {
  readonly kind: string
  readonly mesh: string
  readonly zone: string | null
  readonly namespace: string
  readonly name: string
}

export const ownerJson = (owner: Owner): OwnerJson => ({
  kind: owner.kind,
  mesh: owner.mesh,
  zone: owner.origin === '' ? null : owner.origin,
  namespace: owner.namespace,
  name: owner.displayName,
})

/** Text that is equal exactly for equal owners, and sorts as people expect. */
export const ownerKey = (owner: Owner): string =>
  [owner.kind, owner.mesh, owner.origin, owner.namespace, owner.displayName].join('\u0000')

/** For sentences. */
export const ownerText = (owner: Owner): string => {
  const where = owner.origin === '' ? 'global' : `zone ${owner.origin}`
  const name = owner.namespace === '' ? owner.displayName : `${owner.namespace}/${owner.displayName}`
  return `${owner.kind} "${name}" in mesh "${owner.mesh}" of ${where}`
}

/** IPv4 before IPv6, each in text order: two lists are equal exactly if they name the same addresses. */
export const sortedAddresses = (addresses: readonly string[]): readonly string[] =>
  [...addresses].sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')) || (a < b ? -1 : a > b ? 1 : 0))
