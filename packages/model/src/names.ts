import { displayNameLabel, namespaceLabel, zoneLabel } from './labels.js'
import type { TypeDescriptor } from './type-table.js'

const alphabet = 'bcdfghjklmnpqrstvwxz2456789'
const suffixOfHexDigit = new Map(
  [...'0123456789abcdef'].map((digit): [string, string] => [
    digit,
    alphabet.charAt(digit.charCodeAt(0) % alphabet.length),
  ]),
)
/** 253, the longest name, less a dash and 16 characters of hash. */
const prefixBytesMax = 236

/**
 * Kuma's hashed name: `<name>-<16 characters>`, the same in every control plane but the origin. No separators are
 * hashed between the values, and the mapping is not injective; both are Kuma's and must stay bit-exact.
 * @param extras values of the zone and namespace labels, in this order, each only if the label is present
 */
export function hashedName(mesh: string, name: string, ...extras: readonly string[]): string {
  const digits = fnv1a64(Buffer.from([mesh, name, ...extras].join(''), 'utf8'))
  const suffix = [...digits].map((digit) => suffixOfHexDigit.get(digit) ?? '').join('')
  return `${shortened(name)}-${suffix}`
}

/** FNV-1a, 64 bits, as 16 hex digits. In two 32-bit halves: BigInt costs ten times as much for every name. */
export function fnv1a64(bytes: Uint8Array): string {
  let high = 0xcbf29ce4
  let low = 0x84222325
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0
    // The prime is 2^40 + 0x1b3, so the product is h * 0x1b3 plus h shifted by 40 bits.
    const product = low * 0x1b3
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 0x1_0000_0000) + (low << 8)) >>> 0
    low = product >>> 0
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

function shortened(name: string): string {
  const bytes = Buffer.from(name, 'utf8')
  if (bytes.length <= prefixBytesMax) return name
  let end = prefixBytesMax
  // Never half a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end).toString('utf8')
}

/** Name by which a person knows the resource: the label, else the stored name. */
export const displayNameOf = (name: string, labels: Readonly<Record<string, string>>): string =>
  labels[displayNameLabel] || name

/**
 * Name in export form: what every other control plane calls the resource. It depends on labels only, so a copy's
 * name can be recomputed and checked, and exporting a copy again changes nothing.
 */
export function exportName(
  type: Pick<TypeDescriptor, 'hashed'>,
  mesh: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): string {
  if (!type.hashed) return name
  const extras = [labels[zoneLabel], labels[namespaceLabel]].filter((value) => value !== undefined)
  return hashedName(mesh, displayNameOf(name, labels), ...extras)
}

/** Key of a resource within its type on the wire; it ends with a dot for types of global scope. */
export const wireKey = (mesh: string, name: string): string => `${name}.${mesh}`

/** Splits at the last dot, for names may contain dots and meshes may not. Without a dot it is a name without a mesh. */
export function parseWireKey(key: string): { readonly mesh: string; readonly name: string } {
  const dot = key.lastIndexOf('.')
  return dot < 0 ? { mesh: '', name: key } : { mesh: key.slice(dot + 1), name: key.slice(0, dot) }
}
