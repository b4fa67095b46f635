import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Offer } from '@holdfast/kds'
import {
  addressText,
  contentHash,
  decodeKumaResource,
  type ExportedResource,
  encodeForGlobal,
  encodeForZone,
  encodeKumaResource,
  encodeVips,
  findType,
  fromWire,
  hex,
  kumaResourceTypeUrl,
  kumaVersion,
  originLabel,
  Problem,
  parseWireKey,
  type Vips,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { ResourceExtension, Resource as WireResource } from '@holdfast/proto'
import { countOf, malformed, named, required, shown } from './fields.js'

/** Who reads what is encoded: it decides version, extension and whether an empty status stands in for none. */
export type Dialect = 'holdfast' | 'kuma'

/** Which way resources go: it decides the origin label and whether a status travels. */
export type Hop = { readonly to: 'zone' } | { readonly to: 'global'; readonly zone: string }

/**
 * Encodes each offer once, however many zones it goes to: the bytes are kept as long as the offer itself. Offers towards
 * global are not kept, for there is only one global.
 */
export class OfferEncoder {
  readonly #kept: Record<Dialect, WeakMap<Offer, Uint8Array>> = { holdfast: new WeakMap(), kuma: new WeakMap() }
  #encodings = 0

  /** How many offers were really encoded, for budgets on counts. */
  get encodings(): number {
    return this.#encodings
  }

  /** Bytes of an `envoy.service.discovery.v3.Resource`. */
  encode(offer: Offer, hop: Hop, dialect: Dialect): Uint8Array {
    const kept = hop.to === 'zone' ? this.#kept[dialect].get(offer) : undefined
    if (kept !== undefined) return kept
    const bytes = encodeOffer(offer, hop, dialect)
    this.#encodings += 1
    if (hop.to === 'zone') this.#kept[dialect].set(offer, bytes)
    return bytes
  }
}

function encodeOffer({ version, resource }: Offer, hop: Hop, dialect: Dialect): Uint8Array {
  const kumaResource = dialect === 'kuma' ? forKuma(resource, hop) : forHoldfast(resource, hop)
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).string(dialect === 'kuma' ? kumaVersion(kumaResource) : version)
  writer.tag(2, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(kumaResourceTypeUrl)
  writer.tag(2, WireType.LengthDelimited).bytes(kumaResource)
  writer.join()
  writer.tag(3, WireType.LengthDelimited).string(wireKey(resource.mesh, resource.name))
  const vips = dialect === 'holdfast' ? encodeVips(resource.vips) : undefined
  if (vips !== undefined && vips.length > 0) writer.tag(10001, WireType.LengthDelimited).bytes(vips)
  return writer.finish()
}

const forKuma = (resource: ExportedResource, hop: Hop): Uint8Array =>
  hop.to === 'zone' ? encodeForZone(resource) : encodeForGlobal(resource, hop.zone)

/** Like `forKuma`, but a resource without a status is sent without one, and a type we do not know is passed on. */
function forHoldfast(resource: ExportedResource, hop: Hop): Uint8Array {
  if (hop.to === 'zone' && findType(resource.type) !== undefined) return encodeForZone(resource)
  return encodeKumaResource({
    name: resource.name,
    mesh: resource.mesh,
    typeUrl: resource.typeUrl,
    spec: resource.spec,
    labels: {
      ...resource.labels,
      ...(hop.to === 'zone' ? { [originLabel]: 'global' } : { [originLabel]: 'zone', [zoneLabel]: hop.zone }),
    },
    ...(hop.to === 'global' && resource.status !== undefined ? { status: resource.status } : {}),
  })
}

/**
 * Reads one `Resource`. Its version towards us is always the content hash: a Kuma's own version covers the bytes of one
 * hop (origin label and status included) and means nothing in any other place. Throws a Problem `invalid`.
 */
export function offerFromWire(path: string, type: string, wire: WireResource, hop: Hop, dialect: Dialect): Offer {
  const any = required(`${path}.resource`, wire.resource)
  if (any.typeUrl !== kumaResourceTypeUrl)
    throw malformed(`${path}.resource.type_url`, `must be "${kumaResourceTypeUrl}", not "${shown(any.typeUrl)}"`)
  const received = receivedResource(`${path}.resource`, type, any.value, hop)
  if (dialect === 'kuma') return { version: hex(contentHash(received)), resource: received }
  const key = wireKey(received.mesh, received.name)
  if (wire.name !== key) throw malformed(`${path}.name`, `must be "${key}" as in meta, not "${shown(wire.name)}"`)
  const vips = vipsFromWire(`${path}.vips`, wire.holdfast)
  return {
    version: named(`${path}.version`, wire.version),
    resource: vips === undefined ? received : { ...received, vips },
  }
}

/** Status travels up only: what a global sends to a zone in its place is a placeholder. */
function receivedResource(path: string, type: string, bytes: Uint8Array, hop: Hop): ExportedResource {
  try {
    const { status, ...parts } = decodeKumaResource(bytes)
    return fromWire(type, hop.to === 'global' && status !== undefined ? { ...parts, status } : parts)
  } catch (error) {
    throw error instanceof Problem ? malformed(path, `is ${error.message}`, error) : error
  }
}

function vipsFromWire(path: string, extension: ResourceExtension | undefined): Vips | undefined {
  if (extension === undefined) return undefined
  return {
    addresses: extension.vips.map((address, i) => {
      if (address.length !== 4 && address.length !== 16)
        throw malformed(`${path}[${i}]`, `must have 4 or 16 bytes, not ${address.length}`)
      return addressText(address)
    }),
    generation: countOf(`${path}.generation`, extension.vipGeneration),
  }
}

/** A wire key must name something. */
export function keyFromWire(path: string, key: string): string {
  if (parseWireKey(key).name === '') throw malformed(path, `must be name.mesh, not "${shown(key)}"`)
  return key
}
