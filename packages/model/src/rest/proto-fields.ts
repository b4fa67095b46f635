import {
  type DescField,
  type DescMessage,
  type DescOneof,
  fromJson,
  ScalarType,
  type UnknownField,
} from '@bufbuild/protobuf'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { isJsonArray, isJsonObject, type Json, type JsonObject, joinPath, jsonTypeOf } from '../kinds/json.js'
import type { Violation } from '../problems.js'
import { base64Reason, fromBase64 } from './base64.js'

/** Key under which the JSON of a message carries fields of it that we do not know: base64 of their wire form. */
export const unknownKey = '@unknown'

/** Messages whose JSON is not an object of their fields. */
export const isWellKnown = (message: DescMessage): boolean => message.typeName.startsWith('google.protobuf.')

/** By either of its names, as protobuf JSON has it. */
export const fieldNamed = (message: DescMessage, key: string): DescField | undefined =>
  message.fields.find(({ jsonName, name }) => jsonName === key || name === key)

export interface JsonRemarks {
  readonly violations: readonly Violation[]
  /** Places that no field of the message corresponds to. */
  readonly unknown: readonly string[]
}

const none: JsonRemarks = { violations: [], unknown: [] }
const wrong = (path: string, message: string): JsonRemarks => ({ violations: [{ path, message }], unknown: [] })

const together = (remarks: readonly JsonRemarks[]): JsonRemarks => ({
  violations: remarks.flatMap(({ violations }) => violations),
  unknown: remarks.flatMap(({ unknown }) => unknown),
})

/** Everything that keeps a JSON object from being the message, field by field; the library itself stops at the first. */
export const messageRemarks = (message: DescMessage, json: JsonObject, path: string): JsonRemarks =>
  together([
    ...message.oneofs.map((group) => groupRemarks(group, json, path)),
    ...Object.entries(json).map(([key, value]) => {
      const at = joinPath(path, key)
      if (key === unknownKey) return unknownRemarks(value, at)
      const field = fieldNamed(message, key)
      if (field === undefined) return { violations: [], unknown: [at] }
      return value === null ? none : fieldRemarks(message, field, value, at)
    }),
  ])

/** Of some fields a message has one at most; the library counts one that is null as well. */
function groupRemarks({ fields }: DescOneof, json: JsonObject, path: string): JsonRemarks {
  const set = Object.keys(json).filter((key) => fields.some(({ jsonName, name }) => jsonName === key || name === key))
  const [, second] = set
  if (second === undefined) return none
  return wrong(joinPath(path, second), `only one may be set of ${fields.map(({ jsonName }) => jsonName).join(', ')}`)
}

function unknownRemarks(value: Json, at: string): JsonRemarks {
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined
  if (bytes === undefined) return wrong(at, base64Reason)
  try {
    wireFields(bytes)
    return none
  } catch {
    return wrong(at, 'must be fields of a protobuf message in their wire form, in base64')
  }
}

/** The fields in a piece of a message. Throws if the bytes are none. */
export function wireFields(bytes: Uint8Array): readonly UnknownField[] {
  const found: UnknownField[] = []
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag()
    found.push({ no, wireType, data: reader.skip(wireType, no) })
  }
  return found
}

function fieldRemarks(message: DescMessage, field: DescField, value: Json, at: string): JsonRemarks {
  switch (field.fieldKind) {
    case 'list':
      if (!isJsonArray(value)) return wrong(at, typeReason('array', value))
      return together(
        value.map((each, index) => valueRemarks(message, field, each, joinPath(at, index), (json) => [json])),
      )
    case 'map':
      if (!isJsonObject(value)) return wrong(at, typeReason('object', value))
      return together(
        Object.entries(value).map(([key, each]) =>
          valueRemarks(message, field, each, `${at}[${JSON.stringify(key)}]`, (json) => ({ [key]: json })),
        ),
      )
    case 'message':
    case 'enum':
    case 'scalar':
      return valueRemarks(message, field, value, at, (json) => json)
  }
}

type Field = Exclude<DescField, never>

/** One value of a field: the field itself, or an element of it, which `inField` puts back where it belongs. */
function valueRemarks(
  message: DescMessage,
  field: Field,
  value: Json,
  at: string,
  inField: (value: Json) => Json,
): JsonRemarks {
  if (field.message !== undefined && !isWellKnown(field.message))
    return isJsonObject(value) ? messageRemarks(field.message, value, at) : wrong(at, typeReason('object', value))
  if (isBytes(field) && !(typeof value === 'string' && fromBase64(value) !== undefined)) return wrong(at, base64Reason)
  try {
    fromJson(message, JSON.parse(JSON.stringify({ [field.jsonName]: inField(value) })))
    return none
  } catch {
    return wrong(at, leafReason(field, value))
  }
}

const isBytes = ({ scalar, message }: Field): boolean =>
  scalar === ScalarType.BYTES || message?.typeName === 'google.protobuf.BytesValue'

const typeReason = (expected: string, given: Json): string =>
  `in body must be of type ${expected}: "${jsonTypeOf(given)}"`

/** What a value should have been. Never the value itself: it may be a secret. */
function leafReason(field: Field, given: Json): string {
  if (field.enum !== undefined)
    return `in body should be one of [${field.enum.values.map(({ name }) => name).join(' ')}]`
  const wrapped = field.message?.fields.length === 1 ? field.message.fields[0]?.scalar : undefined
  const scalar = field.scalar ?? wrapped
  if (scalar !== undefined) return scalarReason(scalar, given)
  switch (field.message?.typeName) {
    case 'google.protobuf.Duration':
      return 'must be a duration in seconds such as "10s" or "0.5s"'
    case 'google.protobuf.Timestamp':
      return 'must be a time such as "2026-01-31T12:00:00Z"'
    default:
      return typeReason('object', given)
  }
}

function scalarReason(scalar: ScalarType, given: Json): string {
  switch (scalar) {
    case ScalarType.BOOL:
      return typeReason('boolean', given)
    case ScalarType.STRING:
      return typeReason('string', given)
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return 'must be a whole number from 0 to 4294967295'
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeReason('number', given)
    default:
      return 'must be a whole number'
  }
}
