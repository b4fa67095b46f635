import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { z } from 'zod'
import type { TypeDescriptor } from '../type-table.js'
import { isJsonObject, type Json, type JsonObject } from './json.js'
import { specKindOf } from './kinds.js'

/**
 * JSON Schema (2020-12) of what an author writes of a type beyond the metadata: its `spec`, or the fields beside the
 * metadata. Made of what bodies are checked against, so the two cannot differ. Fields that are not named are kept.
 */
export function specSchema(type: TypeDescriptor): JsonObject {
  const known = specKindOf(type)
  if (known.format === 'protobuf') {
    if (known.kind === undefined)
      return { type: 'object', description: 'Kept as it comes: protobuf in base64 under @spec.' }
    return messageSchema(known.kind.message, [])
  }
  if (known.kind === undefined) return { type: 'object' }
  const { $schema, ...schema } = z.toJSONSchema(known.kind.schema, { io: 'input', unrepresentable: 'any' })
  return tidied(schema as Json) as JsonObject
}

const int32 = { minimum: -2_147_483_648, maximum: 2_147_483_647 }

/** Bounds that only say how a number is kept become its format; that other fields may be there goes without saying. */
function tidied(value: Json): Json {
  if (Array.isArray(value)) return value.map(tidied)
  if (!isJsonObject(value)) return value
  const { minimum, maximum, ...rest } = value
  const isInt32 = value.type === 'integer' && maximum === int32.maximum
  const isInteger =
    value.type === 'integer' && (isInt32 || minimum === Number.MIN_SAFE_INTEGER || maximum === Number.MAX_SAFE_INTEGER)
  const bounds = {
    ...(minimum === undefined || minimum === int32.minimum || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum }),
    ...(maximum === undefined || maximum === int32.maximum || maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }),
  }
  const entries = Object.entries({ ...rest, ...(isInteger && isInt32 ? { format: 'int32' } : {}), ...bounds })
  return Object.fromEntries(
    entries.flatMap(([key, each]): [string, Json][] =>
      key === 'additionalProperties' && isJsonObject(each) && Object.keys(each).length === 0
        ? []
        : [[key, tidied(each)]],
    ),
  )
}

/** A message in protobuf's JSON. `within`: messages around it, for one that holds itself. */
function messageSchema(message: DescMessage, within: readonly DescMessage[]): JsonObject {
  const known = wellKnown[message.typeName]
  if (known !== undefined) return known
  if (within.includes(message)) return { type: 'object' }
  return {
    type: 'object',
    properties: Object.fromEntries(
      message.fields.map((field) => [field.jsonName, fieldSchema(field, [...within, message])] as const),
    ),
  }
}

const wellKnown: Readonly<Record<string, JsonObject>> = {
  'google.protobuf.Duration': { type: 'string', format: 'duration', description: 'Seconds, such as "10s" or "0.5s".' },
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Struct': { type: 'object' },
  'google.protobuf.Value': {},
  'google.protobuf.BoolValue': { type: 'boolean' },
  'google.protobuf.StringValue': { type: 'string' },
  'google.protobuf.BytesValue': { type: 'string', format: 'byte' },
  'google.protobuf.UInt32Value': { type: 'integer', format: 'int32', minimum: 0 },
  'google.protobuf.Int32Value': { type: 'integer', format: 'int32' },
  'google.protobuf.DoubleValue': { type: 'number' },
}

function fieldSchema(field: DescField, within: readonly DescMessage[]): JsonObject {
  const one = (): JsonObject =>
    field.message !== undefined
      ? messageSchema(field.message, within)
      : field.enum !== undefined
        ? enumSchema(field.enum)
        : scalarSchema(field.scalar)
  switch (field.fieldKind) {
    case 'list':
      return { type: 'array', items: one() }
    case 'map':
      return { type: 'object', additionalProperties: one() }
    default:
      return one()
  }
}

const enumSchema = ({ values }: DescEnum): JsonObject => ({ type: 'string', enum: values.map(({ name }) => name) })

function scalarSchema(scalar: ScalarType | undefined): JsonObject {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: 'boolean' }
    case ScalarType.STRING:
      return { type: 'string' }
    case ScalarType.BYTES:
      return { type: 'string', format: 'byte' }
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' }
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', format: 'int32', minimum: 0 }
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', format: 'int32' }
    default:
      return { type: 'string', format: 'int64' }
  }
}
