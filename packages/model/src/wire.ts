import { hash } from 'node:crypto'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { emptyBytes, plainBytes, utf8 } from './bytes.js'
import { FieldWriter, fieldSize } from './field-writer.js'
import { exportLabels, type Labels, originLabel, sortedLabels, zoneLabel } from './labels.js'
import { Problem } from './problems.js'
import type { ExportedResource, Resource } from './resource.js'
import { typeOf } from './types.js'

/** Type URL of the Any in every `Resource` on a KDS stream. */
export const kumaResourceTypeUrl = 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource'

/** Content of a `kuma.mesh.v1alpha1.KumaResource`, opaque parts verbatim. */
export interface KumaResourceParts {
  readonly name: string
  /** '' for types of global scope. */
  readonly mesh: string
  readonly labels: Labels
  /** Type URL of the spec's Any, '' for JSON. */
  readonly typeUrl: string
  readonly spec: Uint8Array
  /** JSON of the status; `undefined`: none was sent. */
  readonly status?: Uint8Array | undefined
}

/**
 * Deterministic protobuf as Kuma writes it: meta (name, mesh unless '', labels sorted by key), spec, status.
 * Written by hand because a JavaScript object cannot keep the order: keys that look like numbers come first.
 */
export function encodeKumaResource({ name, mesh, labels, typeUrl, spec, status }: KumaResourceParts): Uint8Array {
  const [nameLength, meshLength] = [Buffer.byteLength(name), Buffer.byteLength(mesh)]
  const entries = sortedLabels(labels).map(([key, value]) => {
    const [keyLength, valueLength] = [Buffer.byteLength(key), Buffer.byteLength(value)]
    return { key, keyLength, value, valueLength, length: fieldSize(keyLength) + fieldSize(valueLength) }
  })
  const metaLength = entries.reduce(
    (sum, { length }) => sum + fieldSize(length),
    unlessEmpty(nameLength) + unlessEmpty(meshLength),
  )
  const [specLength, statusLength] = [anyLength(typeUrl, spec), status === undefined ? 0 : anyLength('', status)]
  const writer = new FieldWriter(
    fieldSize(metaLength) + fieldSize(specLength) + (status === undefined ? 0 : fieldSize(statusLength)),
  )
  writer.open(1, metaLength)
  if (nameLength > 0) writer.text(1, name, nameLength)
  if (meshLength > 0) writer.text(2, mesh, meshLength)
  for (const { key, keyLength, value, valueLength, length } of entries)
    writer.open(6, length).text(1, key, keyLength).text(2, value, valueLength)
  writeAny(writer.open(2, specLength), typeUrl, spec)
  if (status !== undefined) writeAny(writer.open(3, statusLength), '', status)
  return writer.finish()
}

const unlessEmpty = (length: number): number => (length === 0 ? 0 : fieldSize(length))

const anyLength = (typeUrl: string, value: Uint8Array): number =>
  unlessEmpty(Buffer.byteLength(typeUrl)) + unlessEmpty(value.length)

function writeAny(writer: FieldWriter, typeUrl: string, value: Uint8Array): void {
  if (typeUrl !== '') writer.text(1, typeUrl, Buffer.byteLength(typeUrl))
  if (value.length > 0) writer.bytes(2, value)
}

/**
 * Reads what `encodeKumaResource` writes, in any order of fields. Throws a Problem `invalid` if the bytes are not
 * protobuf or if name or spec are missing. Spec and status are kept verbatim, whatever is in them; further fields of
 * the envelope would be between the two ends of one hop and are passed over, as every Kuma does.
 */
export function decodeKumaResource(bytes: Uint8Array): KumaResourceParts {
  const found: { meta: Meta; spec?: AnyParts; status?: AnyParts } = { meta: { name: '', mesh: '', labels: new Map() } }
  readFields(plainBytes(bytes), (field, reader) => {
    if (field === 1) readMeta(reader.bytes(), found.meta)
    else if (field === 2) found.spec = readAny(reader.bytes())
    else if (field === 3) found.status = readAny(reader.bytes())
    else return false
    return true
  })
  const { meta, spec, status } = found
  if (meta.name === '') throw malformed('meta.name is missing')
  if (spec === undefined) throw malformed(`spec of ${meta.name} is missing`)
  return {
    name: meta.name,
    mesh: meta.mesh,
    labels: Object.fromEntries(meta.labels),
    typeUrl: spec.typeUrl,
    spec: spec.value,
    ...(status === undefined ? {} : { status: status.value }),
  }
}

interface Meta {
  name: string
  mesh: string
  readonly labels: Map<string, string>
}

interface AnyParts {
  readonly typeUrl: string
  readonly value: Uint8Array
}

function readMeta(bytes: Uint8Array, meta: Meta): void {
  readFields(bytes, (field, reader) => {
    if (field === 1) meta.name = reader.string()
    else if (field === 2) meta.mesh = reader.string()
    else if (field === 6) meta.labels.set(...readEntry(reader.bytes()))
    else return false
    return true
  })
}

function readEntry(bytes: Uint8Array): [string, string] {
  const entry: [string, string] = ['', '']
  readFields(bytes, (field, reader) => {
    if (field !== 1 && field !== 2) return false
    entry[field - 1] = reader.string()
    return true
  })
  return entry
}

function readAny(bytes: Uint8Array): AnyParts {
  let typeUrl = ''
  let value = emptyBytes
  readFields(bytes, (field, reader) => {
    if (field === 1) typeUrl = reader.string()
    else if (field === 2) value = reader.bytes()
    else return false
    return true
  })
  return { typeUrl, value }
}

function readFields(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  try {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag()
      // Every field that is read is length-delimited; another wire type under its number is another field.
      if (wireType !== WireType.LengthDelimited || !read(field, reader)) reader.skip(wireType, field)
    }
  } catch (error) {
    throw error instanceof Problem ? error : malformed('not protobuf', error)
  }
}

const malformed = (reason: string, cause?: unknown): Problem =>
  new Problem('invalid', `not a KumaResource: ${reason}`, { cause })

/** What arrived, in export form: labels without those of the last hop. */
export const fromWire = (type: string, parts: KumaResourceParts): ExportedResource => ({
  type,
  mesh: parts.mesh,
  name: parts.name,
  labels: exportLabels(parts.labels),
  typeUrl: parts.typeUrl,
  spec: parts.spec,
  ...(parts.status === undefined ? {} : { status: parts.status }),
})

/** What is kept, in export form. `skipPrefixes`: labels that the origin is configured to keep to itself. */
export const toExported = (
  resource: Resource,
  options: { readonly status?: Uint8Array | undefined; readonly skipPrefixes?: readonly string[] } = {},
): ExportedResource => ({
  type: resource.type,
  mesh: resource.mesh,
  name: resource.exportName,
  labels: exportLabels(resource.labels, options),
  typeUrl: resource.typeUrl,
  spec: resource.spec,
  ...(options.status === undefined ? {} : { status: options.status }),
  ...(resource.vips === undefined ? {} : { vips: resource.vips }),
})

/** KumaResource bytes as global sends them to zones: origin `global` whoever owns it, status never. */
export const encodeForZone = (resource: ExportedResource): Uint8Array =>
  encodeKumaResource({
    ...partsOf(resource),
    labels: { ...resource.labels, [originLabel]: 'global' },
    ...emptyStatusOf(resource),
  })

/** KumaResource bytes as a zone sends its own to global: origin `zone`, its name, and the status if there is one. */
export const encodeForGlobal = (resource: ExportedResource, zone: string): Uint8Array =>
  encodeKumaResource({
    ...partsOf(resource),
    labels: { ...resource.labels, [originLabel]: 'zone', [zoneLabel]: zone },
    ...emptyStatusOf(resource),
    ...(resource.status === undefined ? {} : { status: resource.status }),
  })

const partsOf = ({ name, mesh, typeUrl, spec }: ExportedResource) => ({ name, mesh, typeUrl, spec })

function emptyStatusOf(resource: ExportedResource): { readonly status?: Uint8Array } {
  const { hasStatus, emptyStatus } = typeOf(resource.type)
  return hasStatus ? { status: utf8(emptyStatus) } : {}
}

/** `Resource.version` towards plain Kuma peers: lowercase hex SHA-256 of the KumaResource's bytes. */
export const kumaVersion = (kumaResource: Uint8Array): string => hash('sha256', kumaResource, 'hex')
