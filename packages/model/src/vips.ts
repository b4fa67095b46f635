import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import ipaddr from 'ipaddr.js'
import { emptyBytes } from './bytes.js'
import { Problem } from './problems.js'
import type { Vips } from './resource.js'

/**
 * Canonical bytes of VIPs, as they stand in the digest, in the store and on the wire
 * (`holdfast.kds.v1.ResourceExtension`): addresses of 4 or 16 bytes, IPv4 before IPv6 and each family in byte order,
 * then the generation unless 0. Nothing for none.
 */
export function encodeVips(vips: Vips | undefined): Uint8Array {
  if (vips === undefined) return emptyBytes
  const known = encoded.get(vips)
  if (known !== undefined) return known
  const bytes = encodedAnew(vips)
  encoded.set(vips, bytes)
  return bytes
}

/** One value is encoded for its check, for its digest entry and for what is written: for as long as somebody has it. */
const encoded = new WeakMap<Vips, Uint8Array>()

function encodedAnew(vips: Vips): Uint8Array {
  const writer = new BinaryWriter()
  for (const bytes of vips.addresses.map(addressBytes).sort(byFamilyThenBytes))
    writer.tag(1, WireType.LengthDelimited).bytes(bytes)
  if (vips.generation !== 0) writer.tag(2, WireType.Varint).uint64(vips.generation)
  return writer.finish()
}

const byFamilyThenBytes = (a: Uint8Array, b: Uint8Array): number => a.length - b.length || Buffer.compare(a, b)

/** The reverse of `encodeVips`; empty bytes are `undefined`. Throws a Problem `invalid` for anything else. */
export function decodeVips(bytes: Uint8Array): Vips | undefined {
  if (bytes.length === 0) return undefined
  const addresses: string[] = []
  let generation = 0
  try {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag()
      if (field === 1 && wireType === WireType.LengthDelimited) addresses.push(addressText(reader.bytes()))
      else if (field === 2 && wireType === WireType.Varint) generation = Number(reader.uint64())
      else throw new Problem('invalid', `not VIPs: unknown field ${field}`)
    }
  } catch (error) {
    throw error instanceof Problem ? error : new Problem('invalid', 'not VIPs: not protobuf', { cause: error })
  }
  return { addresses, generation }
}

/** 4 or 16 bytes of an address. Throws a Problem `invalid` for anything but dotted IPv4 or plain IPv6. */
export function addressBytes(text: string): Uint8Array {
  // An IPv6 address is never asked whether it is an IPv4 one: the library answers that with an exception, at five times the
  // price of all the rest, and a sync asks for every service.
  const ipv4 = text.includes(':') ? undefined : ipv4Bytes(text)
  if (ipv4 !== undefined) return ipv4
  if (ipaddr.IPv6.isValid(text) && !text.includes('%')) return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray())
  throw new Problem('invalid', `"${text}" is not an IP address`)
}

const fourParts = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = fourParts.exec(text)?.slice(1).map(Number)
  return parts?.every((part) => part <= 255) === true ? Uint8Array.from(parts) : undefined
}

/** Canonical text: dotted IPv4, RFC 5952 for IPv6. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new Problem('invalid', `an address has 4 or 16 bytes, not ${bytes.length}`)
  return bytes.length === 4 ? bytes.join('.') : new ipaddr.IPv6([...bytes]).toRFC5952String()
}
