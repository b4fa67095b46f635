import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Offer, Unreadable } from '@holdfast/kds'
import {
  addressText,
  contentHash,
  decodeKumaResource,
  digestEntryLength,
  displayNameLabel,
  type ExportedResource,
  emptyBytes,
  encodeForGlobal,
  encodeForZone,
  encodeKumaResource,
  encodeVips,
  FieldWriter,
  fieldSize,
  findType,
  fromWire,
  hex,
  kumaResourceTypeUrl,
  kumaVersion,
  namespaceLabel,
  originLabel,
  Problem,
  parseWireKey,
  statusEntry,
  statusWithVips,
  type Vips,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { ResourceExtension, Resource as WireResource } from '@holdfast/proto'
import { countOf, malformed, named, required, shown } from './fields.js'

/** Who reads what is encoded: it decides version, extension and whether an empty status stands in for none. */
export type Dialect = 'holdfast' | 'kuma'

/** Which way resources go: it decides the origin label and whether a status travels. `status`: on its own channel. */
export type Hop = { readonly to: 'zone' } | { readonly to: 'global'; readonly zone: string; readonly status?: true }

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
  const said = dialect === 'kuma' ? kumaVersion(kumaResource) : version
  const key = wireKey(resource.mesh, resource.name)
  const [saidLength, keyLength] = [Buffer.byteLength(said), Buffer.byteLength(key)]
  const anyLength = fieldSize(kumaResourceTypeUrl.length) + fieldSize(kumaResource.length)
  const fields = new FieldWriter(fieldSize(saidLength) + fieldSize(anyLength) + fieldSize(keyLength))
    .text(1, said, saidLength)
    .open(2, anyLength)
    .text(1, kumaResourceTypeUrl, kumaResourceTypeUrl.length)
    .bytes(2, kumaResource)
    .text(3, key, keyLength)
    .finish()
  const beside = dialect === 'holdfast' ? besideBytes(resource, hop) : emptyBytes
  if (beside.length === 0) return fields
  return new BinaryWriter().raw(fields).tag(10001, WireType.LengthDelimited).bytes(beside).finish()
}

/** A `ResourceExtension`: VIPs, and what a receiver must know of a resource that it cannot read. */
function besideBytes(resource: ExportedResource, hop: Hop): Uint8Array {
  const vips = encodeVips(resource.vips)
  if (hop.to === 'zone') {
    const owner = resource.labels[zoneLabel]
    return owner === undefined
      ? vips
      : new BinaryWriter().raw(vips).tag(20, WireType.LengthDelimited).string(owner).finish()
  }
  if (hop.status !== true) return vips
  const { type, mesh, name: exportName, status = emptyBytes } = resource
  const entry = Buffer.from(statusEntry({ type, mesh, exportName, origin: hop.zone }, status), 'hex')
  return new BinaryWriter().raw(vips).tag(21, WireType.LengthDelimited).bytes(entry).finish()
}

const forKuma = (resource: ExportedResource, hop: Hop): Uint8Array =>
  hop.to === 'zone' ? encodeForZone(resource) : encodeForGlobal(toldWithVips(resource), hop.zone)

/** A Kuma global shows which addresses a zone has given its services, and reads them in their status. */
function toldWithVips(resource: ExportedResource): ExportedResource {
  const type = findType(resource.type)
  return type?.vipKind === true && resource.vips !== undefined
    ? { ...resource, status: statusWithVips(type, resource.status, resource.vips.addresses) }
    : resource
}

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

/** Resources of a message, apart: those that were read, and those that were not. */
export interface ReadOffers {
  readonly offers: readonly Offer[]
  readonly unreadable?: readonly Unreadable[]
}

/**
 * Reads the resources of a message. One that cannot be read is set apart under the name that stands beside its bytes,
 * and nothing else of the message is touched (ISO). Throws a Problem `invalid` if not even its name can be told.
 */
export function offersFromWire(type: string, wires: readonly WireResource[], hop: Hop, dialect: Dialect): ReadOffers {
  const offers: Offer[] = []
  const unreadable: Unreadable[] = []
  for (const [i, wire] of wires.entries())
    try {
      offers.push(offerFromWire(type, wire, hop, dialect))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!isKey(wire.name)) throw new Problem('invalid', `resources[${i}].${reason}`, { cause: error })
      unreadable.push(asUnreadable(wire, `cannot be read: ${reason}`, dialect))
    }
  return settled(offers, unreadable)
}

/**
 * Of what stands twice in one message nobody can tell which one is meant, unless both say the same: it is refused like what
 * cannot be read, and what was there stays.
 */
function settled(offers: readonly Offer[], unreadable: readonly Unreadable[]): ReadOffers {
  const byKey = new Map<string, Offer>()
  const refused = new Map(unreadable.map((one) => [one.key, one]))
  for (const offer of offers) {
    const { version, resource } = offer
    const key = wireKey(resource.mesh, resource.name)
    const before = byKey.get(key)
    byKey.set(key, offer)
    if (before === undefined || before.version === version || refused.has(key)) continue
    const { vips } = resource
    const reason = 'stands twice in one message, and not with the same content'
    const owner = resource.labels[zoneLabel]
    const origin = owner === undefined ? {} : { origin: owner }
    refused.set(key, { key, reason, version, ...origin, ...(vips === undefined ? {} : { vips }) })
  }
  const kept = [...byKey].flatMap(([key, offer]) => (refused.has(key) ? [] : [offer]))
  return refused.size === 0 ? { offers: kept } : { offers: kept, unreadable: [...refused.values()] }
}

/** What stands beside the bytes, as far as it can be believed. */
function asUnreadable(wire: WireResource, reason: string, dialect: Dialect): Unreadable {
  const base = { key: wire.name, reason }
  if (dialect === 'kuma') return { ...base, version: kumaVersion(wire.resource?.value ?? emptyBytes) }
  const { holdfast } = wire
  const vips = readableVips(holdfast)
  return {
    ...base,
    version: wire.version,
    ...(holdfast === undefined || holdfast.origin === '' ? {} : { origin: holdfast.origin }),
    ...(vips === undefined ? {} : { vips }),
    ...(holdfast?.statusEntry.length === digestEntryLength ? { statusEntry: hex(holdfast.statusEntry) } : {}),
  }
}

function readableVips(extension: ResourceExtension | undefined): Vips | undefined {
  try {
    return vipsFromWire('vips', extension)
  } catch {
    return undefined
  }
}

/**
 * Reads one `Resource`. Its version towards us is always the content hash: a Kuma's own version covers the bytes of one
 * hop (origin label and status included) and means nothing in any other place. Throws a Problem `invalid`.
 */
function offerFromWire(type: string, wire: WireResource, hop: Hop, dialect: Dialect): Offer {
  const any = required('resource', wire.resource)
  if (any.typeUrl !== kumaResourceTypeUrl)
    throw malformed('resource.type_url', `must be "${kumaResourceTypeUrl}", not "${shown(any.typeUrl)}"`)
  const received = storable(receivedResource('resource', type, any.value, hop))
  if (dialect === 'kuma') return { version: hex(contentHash(received)), resource: received }
  const key = wireKey(received.mesh, received.name)
  if (wire.name !== key) throw malformed('name', `must be "${key}" as in meta, not "${shown(wire.name)}"`)
  const vips = vipsFromWire('vips', wire.holdfast)
  return {
    version: named('version', wire.version),
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

/** Longer ones would not fit into an index of PostgreSQL together. */
const keyBytesMax = 1_024
const placeLabelBytesMax = 512

/** What no PostgreSQL can store would fail the transaction of everything that comes with it, for ever. */
function storable(resource: ExportedResource): ExportedResource {
  const { mesh, name, labels, typeUrl } = resource
  if (!isKey(wireKey(mesh, name))) throw malformed('resource.meta.name', `must be at most ${keyBytesMax} bytes of text`)
  if (hasNul(typeUrl)) throw malformed('resource.spec.type_url', 'has a NUL character in it')
  for (const [label, value] of Object.entries(labels))
    if (hasNul(label) || hasNul(value))
      throw malformed(`resource.meta.labels["${shown(label)}"]`, 'has a NUL character in it')
  for (const label of [displayNameLabel, namespaceLabel])
    if (Buffer.byteLength(labels[label] ?? '') > placeLabelBytesMax)
      throw malformed(`resource.meta.labels["${label}"]`, `must be at most ${placeLabelBytesMax} bytes`)
  return resource
}

const hasNul = (text: string): boolean => text.includes('\u0000')

function vipsFromWire(path: string, extension: ResourceExtension | undefined): Vips | undefined {
  if (extension === undefined || (extension.vips.length === 0 && extension.vipGeneration === 0n)) return undefined
  return {
    addresses: extension.vips.map((address, i) => {
      if (address.length !== 4 && address.length !== 16)
        throw malformed(`${path}[${i}]`, `must have 4 or 16 bytes, not ${address.length}`)
      return addressText(address)
    }),
    generation: countOf(`${path}.generation`, extension.vipGeneration),
  }
}

const isKey = (key: string): boolean =>
  parseWireKey(key).name !== '' && !hasNul(key) && Buffer.byteLength(key) <= keyBytesMax

/** A wire key must name something. */
export function keyFromWire(path: string, key: string): string {
  if (!isKey(key)) throw malformed(path, `must be name.mesh of at most ${keyBytesMax} bytes, not "${shown(key)}"`)
  return key
}
