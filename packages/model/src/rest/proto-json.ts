import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
  type UnknownField,
} from '@bufbuild/protobuf'
import { isReflectMessage, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { fieldOf, isJsonArray, isJsonObject, type Json, type JsonObject, sortedKeys } from '../kinds/json.js'
import type { Violation } from '../problems.js'
import { fromBase64, toBase64 } from './base64.js'
import { fieldNamed, isWellKnown, messageRemarks, unknownKey, wireFields } from './proto-fields.js'

export interface ProtoBytes {
  readonly bytes: Uint8Array
  readonly violations: readonly Violation[]
  /** Places in the JSON that the message has no field for. */
  readonly unknown: readonly string[]
}

/**
 * Bytes of a message from its JSON, maps sorted by key. Fields that we do not know come back from where `protoToJson`
 * put them, so that a control plane that reads and writes a newer one's resource loses nothing. The bytes mean
 * nothing if there are violations.
 */
export function protoFromJson(message: DescMessage, json: JsonObject): ProtoBytes {
  const remarks = messageRemarks(message, json, '')
  if (remarks.violations.length > 0) return { bytes: toBinary(message, create(message)), ...remarks }
  const read = fromJson(message, libraryJson(json), { ignoreUnknownFields: true })
  restoreUnknown(reflect(message, read), json)
  return { bytes: toBinary(message, read), ...remarks }
}

/** Sorted, because maps are written in the order in which they were read. */
function libraryJson(json: Json): JsonValue {
  if (isJsonArray(json)) return json.map(libraryJson)
  if (!isJsonObject(json)) return json
  return Object.fromEntries(
    sortedKeys(json).flatMap((key): [string, JsonValue][] =>
      key === unknownKey ? [] : [[key, libraryJson(fieldOf(json, key) ?? null)]],
    ),
  )
}

/**
 * Protobuf JSON of a message: fields in the order of their declaration, those that we do not know as base64 under
 * `@unknown` of the message that they are in. Throws if the bytes are not this message.
 */
export function protoToJson(message: DescMessage, bytes: Uint8Array): JsonObject {
  const read = fromBinary(message, bytes)
  const json = toJson(message, read)
  return isJsonObject(json) ? decorated(reflect(message, read), json) : {}
}

function decorated(message: ReflectMessage, json: JsonObject): JsonObject {
  const unknown = message.message.$unknown ?? []
  const fields = message.fields.flatMap((field): [string, Json][] => {
    const value = fieldOf(json, field.jsonName)
    return value === undefined ? [] : [[field.jsonName, decoratedField(message, field, value)]]
  })
  return Object.fromEntries([
    ...fields,
    ...(unknown.length === 0 ? [] : [[unknownKey, toBase64(wireForm(unknown))] as const]),
  ])
}

function decoratedField(message: ReflectMessage, field: DescField, json: Json): Json {
  const children = new Map(childrenOf(message, field))
  const child = children.get('')
  if (child !== undefined && isJsonObject(json)) return decorated(child, json)
  const inside = (value: Json, key: string): Json => {
    const element = children.get(key)
    return element !== undefined && isJsonObject(value) ? decorated(element, value) : value
  }
  if (children.size === 0) return json
  if (isJsonArray(json)) return json.map((value, index) => inside(value, String(index)))
  if (!isJsonObject(json)) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, inside(value, key)]))
}

function restoreUnknown(message: ReflectMessage, json: JsonObject): void {
  const unknown = fieldOf(json, unknownKey)
  const bytes = typeof unknown === 'string' ? fromBase64(unknown) : undefined
  if (bytes !== undefined) keepUnknown(message.message, bytes)
  for (const [key, value] of Object.entries(json)) {
    const field = fieldNamed(message.desc, key)
    if (field === undefined || value === null) continue
    for (const [element, child] of childrenOf(message, field)) {
      const inner =
        element === ''
          ? value
          : isJsonArray(value)
            ? value[Number(element)]
            : isJsonObject(value)
              ? fieldOf(value, element)
              : undefined
      if (isJsonObject(inner)) restoreUnknown(child, inner)
    }
  }
}

function keepUnknown(message: Message, bytes: Uint8Array): void {
  message.$unknown = [...wireFields(bytes)]
}

function wireForm(unknown: readonly UnknownField[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const { no, wireType, data } of unknown) writer.tag(no, wireType).raw(data)
  return writer.finish()
}

/** Messages directly in a field: under '' for the field itself, else under the index or key of the element. */
function* childrenOf(message: ReflectMessage, field: DescField): Iterable<[string, ReflectMessage]> {
  if (field.message === undefined || isWellKnown(field.message)) return
  switch (field.fieldKind) {
    case 'message':
      if (message.isSet(field)) yield ['', message.get(field)]
      return
    case 'list':
      if (field.listKind === 'message')
        for (const [index, element] of [...message.get(field)].entries())
          if (isReflectMessage(element)) yield [String(index), element]
      return
    case 'map':
      if (field.mapKind === 'message')
        for (const [key, element] of message.get(field)) if (isReflectMessage(element)) yield [String(key), element]
      return
  }
}
