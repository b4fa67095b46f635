import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { z } from 'zod'
import { specKindOf } from '../kinds/kinds.js'
import type { TypeDescriptor } from '../type-table.js'

/** One field of a resource as a person may write it. */
export interface Field {
  readonly name: string
  /** `string`, `integer`, `list of objects`, `map of strings` …; bounds and choices stand beside it. */
  readonly type: string
  readonly required: boolean
  readonly choices: readonly string[]
  /** JSON of the value that is filled in; undefined where none is. */
  readonly default: string | undefined
  readonly minimum: number | undefined
  readonly maximum: number | undefined
  /** Fields of the object, or of each in the list or map. */
  readonly fields: readonly Field[]
}

const noBounds = { choices: [], default: undefined, minimum: undefined, maximum: undefined } as const

/** Fields beside the spec that a person may write. */
const metadataOf = (type: TypeDescriptor): readonly Field[] =>
  [
    { name: 'type', type: 'string', required: true, choices: [type.name] },
    ...(type.scope === 'mesh' ? [{ name: 'mesh', type: 'string', required: type.style === 'A' }] : []),
    { name: 'name', type: 'string', required: true },
    { name: 'labels', type: 'map of strings', required: false },
  ].map((field) => ({ ...noBounds, fields: [], ...field }))

/**
 * Every field of a type, from the schema that the API validates with; undefined for a type whose spec is kept without
 * being known.
 */
export function fieldsOf(type: TypeDescriptor): readonly Field[] | undefined {
  const spec = specKindOf(type)
  if (spec.kind === undefined) return undefined
  if (spec.format === 'protobuf') return [...metadataOf(type), ...messageFields(spec.kind.message, [])]
  const schema = z.toJSONSchema(spec.kind.schema, { io: 'input', unrepresentable: 'any', reused: 'inline' })
  const fields = schemaFields(schema as Schema, schema as Schema, 0)
  return [...metadataOf(type), { ...noBounds, name: 'spec', type: 'object', required: true, fields }]
}

interface Schema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
}

/** A schema may contain itself (filters within routes): so deep nobody asks. */
const depthMax = 24

function schemaFields(schema: Schema, root: Schema, depth: number): readonly Field[] {
  if (depth > depthMax) return []
  const own = resolved(schema, root)
  return Object.entries(own.properties ?? {}).map(([name, each]): Field => {
    const field = resolved(each, root)
    return {
      name,
      type: typeText(field, root),
      required: own.required?.includes(name) === true && field.default === undefined,
      choices: choicesOf(field, root),
      default: field.default === undefined ? undefined : JSON.stringify(field.default),
      minimum: bound(field.minimum),
      maximum: bound(field.maximum),
      fields: schemaFields(inner(field, root), root, depth + 1),
    }
  })
}

function resolved(schema: Schema, root: Schema): Schema {
  if (schema.$ref === undefined) return schema
  const { $ref, ...beside } = schema
  const name = $ref.split('/').at(-1) ?? ''
  return { ...($ref === '#' ? root : (root.$defs?.[name] ?? {})), ...beside }
}

/** What a list or a map is of. */
function inner(schema: Schema, root: Schema): Schema {
  if (schema.items !== undefined) return inner(resolved(schema.items, root), root)
  const { additionalProperties: values } = schema
  if (schema.properties === undefined && typeof values === 'object' && Object.keys(values).length > 0)
    return inner(resolved(values, root), root)
  return schema
}

function choicesOf(schema: Schema, root: Schema): readonly string[] {
  const own = inner(schema, root)
  if (own.const !== undefined) return [String(own.const)]
  return (own.enum ?? own.anyOf?.flatMap((each) => choicesOf(each, root)) ?? []).map(String)
}

/** Those of the integer type say nothing that a person would ask. */
const bound = (value: number | undefined): number | undefined =>
  value === undefined || Math.abs(value) >= 2_147_483_647 ? undefined : value

function typeText(schema: Schema, root: Schema, plural = false): string {
  const s = plural ? 's' : ''
  if (schema.items !== undefined) return `list${s} of ${typeText(resolved(schema.items, root), root, true)}`
  const { additionalProperties: values } = schema
  const isMap = schema.properties === undefined && typeof values === 'object' && Object.keys(values).length > 0
  if (isMap) return `map${s} of ${typeText(resolved(values as Schema, root), root, true)}`
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map((each) => typeText(resolved(each, root), root, plural)))].join(' or ')
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.join(' or ')
  return `${type ?? (schema.enum === undefined && schema.const === undefined ? 'value' : 'string')}${s}`
}

/** A message may contain itself; the second time it is only named. */
function messageFields(message: DescMessage, within: readonly string[]): readonly Field[] {
  if (within.includes(message.typeName)) return []
  const path = [...within, message.typeName]
  return message.fields.map((field) => ({
    ...noBounds,
    name: field.jsonName,
    type: protoType(field),
    required: false,
    choices: enumOf(field)?.values.map(({ name }) => name) ?? [],
    fields: isPlain(messageOf(field)) ? [] : messageFields(messageOf(field) as DescMessage, path),
  }))
}

const messageOf = (field: DescField): DescMessage | undefined =>
  'message' in field && field.message !== undefined ? field.message : undefined
const enumOf = (field: DescField) => ('enum' in field && field.enum !== undefined ? field.enum : undefined)

/** Written in JSON as one value. */
const written: Readonly<Record<string, string>> = {
  'google.protobuf.Duration': 'duration',
  'google.protobuf.Timestamp': 'time',
  'google.protobuf.Struct': 'object',
  'google.protobuf.Value': 'value',
  'google.protobuf.BoolValue': 'boolean',
  'google.protobuf.StringValue': 'string',
  'google.protobuf.BytesValue': 'string in base64',
  'google.protobuf.UInt32Value': 'integer',
  'google.protobuf.Int32Value': 'integer',
  'google.protobuf.DoubleValue': 'number',
}
const isPlain = (message: DescMessage | undefined): boolean => message === undefined || message.typeName in written

function protoType(field: DescField): string {
  const one = valueType(field)
  if (field.fieldKind === 'list') return `list of ${many(one)}`
  if (field.fieldKind === 'map') return `map of ${many(one)}`
  return one
}

const many = (type: string): string => (type.includes(' ') ? type : `${type}s`)

function valueType(field: DescField): string {
  const message = messageOf(field)
  if (message !== undefined) return written[message.typeName] ?? 'object'
  if (enumOf(field) !== undefined) return 'string'
  const scalar = 'scalar' in field ? field.scalar : undefined
  switch (scalar) {
    case ScalarType.BOOL:
      return 'boolean'
    case ScalarType.STRING:
      return 'string'
    case ScalarType.BYTES:
      return 'string in base64'
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return 'number'
    default:
      return 'integer'
  }
}
