import { z } from 'zod'
import { type Finding, refused, strict } from './finding.js'
import {
  canonicalJson,
  fieldOf,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  joinPath,
  jsonText,
  jsonTypeOf,
  sortedKeys,
} from './json.js'

/** A Go `int32`: whole numbers only. Ranges are for the semantic checks, so that all problems come at once. */
export const int32 = z.int32()
export const matchLabels = z.record(z.string(), z.string())

const leftOutWhenEmpty = new WeakSet<z.core.$ZodType>()
const writtenAs = new WeakMap<z.core.$ZodType, (value: Json) => Json>()

/** Gives a field the form in which Go writes its value, whatever form it came in: `1h` is written `1h0m0s`. */
export function written<T extends z.ZodType>(schema: T, form: (value: Json) => Json): T {
  writtenAs.set(schema, form)
  return schema
}

/** Marks a field that Go writes with `omitempty`: '' or [] is not written. Pointers are written whatever they hold. */
export function omitEmpty<T extends z.ZodType>(schema: T): T {
  leftOutWhenEmpty.add(schema)
  return schema
}

/**
 * Spec text as Kuma writes it: keys in the schema's order, unknown ones sorted behind them, defaults filled in, empty
 * fields left out. Works on the value as it was given, so nothing that the schema does not know gets lost.
 */
export function schemaText(schema: z.core.$ZodType | undefined, value: Json): string {
  const bare = schema === undefined ? undefined : unwrapped(schema)
  const form = bare === undefined ? undefined : writtenAs.get(bare)
  if (form !== undefined) return canonicalJson(form(value))
  if (bare instanceof z.ZodObject && isJsonObject(value)) return objectText(bare.def.shape, value)
  if (bare instanceof z.ZodArray && isJsonArray(value))
    return `[${value.map((each) => schemaText(bare.def.element, each)).join(',')}]`
  if (bare instanceof z.ZodRecord && isJsonObject(value))
    return `{${sortedKeys(value)
      .map((key) => `${jsonText(key)}:${schemaText(bare.def.valueType, fieldOf(value, key) ?? null)}`)
      .join(',')}}`
  return canonicalJson(value)
}

function objectText(shape: z.core.$ZodShape, value: JsonObject): string {
  const known = Object.entries(shape).flatMap(([key, field]) => {
    const given = fieldOf(value, key) ?? defaultOf(field)
    return given === undefined || (isOmitEmpty(field) && isEmpty(given))
      ? []
      : [`${jsonText(key)}:${schemaText(field, given)}`]
  })
  const unknown = sortedKeys(value).flatMap((key) =>
    Object.hasOwn(shape, key) ? [] : [`${jsonText(key)}:${canonicalJson(fieldOf(value, key) ?? null)}`],
  )
  return `{${[...known, ...unknown].join(',')}}`
}

/** Places of a value that the schema has no field for. They are kept; whoever wrote them may have meant another. */
export function unknownFields(schema: z.core.$ZodType, value: Json, base: string): readonly string[] {
  const bare = unwrapped(schema)
  if (bare instanceof z.ZodObject && isJsonObject(value)) {
    const shape: z.core.$ZodShape = bare.def.shape
    return Object.keys(value).flatMap((key) => {
      const field = Object.hasOwn(shape, key) ? shape[key] : undefined
      const at = joinPath(base, key)
      return field === undefined ? [at] : unknownFields(field, fieldOf(value, key) ?? null, at)
    })
  }
  if (bare instanceof z.ZodArray && isJsonArray(value))
    return value.flatMap((each, index) => unknownFields(bare.def.element, each, joinPath(base, index)))
  if (bare instanceof z.ZodRecord && isJsonObject(value))
    return Object.entries(value).flatMap(([key, each]) => unknownFields(bare.def.valueType, each, joinPath(base, key)))
  return []
}

const isEmpty = (value: Json): boolean => value === '' || (isJsonArray(value) && value.length === 0)

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return unwrapped(schema.def.innerType)
  return schema
}

function isOmitEmpty(schema: z.core.$ZodType): boolean {
  if (leftOutWhenEmpty.has(schema)) return true
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return isOmitEmpty(schema.def.innerType)
  return false
}

function defaultOf(schema: z.core.$ZodType): Json | undefined {
  if (schema instanceof z.ZodOptional) return defaultOf(schema.def.innerType)
  // Defaults are written as literals in the schemas: they are JSON.
  return schema instanceof z.ZodDefault ? (schema.def.defaultValue as Json) : undefined
}

/**
 * What the schema says about a value, in the words of Kuma's schema validation. A value of another JSON type is
 * refused everywhere, for no Kuma can decode it; what only the schema asks for (required, enum, bounds) is for the API.
 */
export function schemaFindings(schema: z.ZodType, value: Json, base: string): readonly Finding[] {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return []
  return result.error.issues.flatMap((issue) => issueFindings(issue, value, base))
}

function issueFindings(issue: z.core.$ZodIssue, value: Json, base: string): readonly Finding[] {
  const path = joinPath(base, ...issue.path)
  const given = valueAt(value, issue.path)
  if (given === undefined) return [strict(path, 'in body is required')]
  switch (issue.code) {
    case 'invalid_type':
      return [refused(path, typeReason(issue.expected, given))]
    case 'invalid_union':
      return [refused(path, `in body must be of type integer or string: "${jsonTypeOf(given)}"`)]
    case 'invalid_value':
      return issue.values.some((each) => typeof each === typeof given)
        ? [strict(path, `in body should be one of [${issue.values.map(String).join(' ')}]`)]
        : [refused(path, `in body must be of type ${typeof issue.values[0]}: "${jsonTypeOf(given)}"`)]
    case 'too_small':
      return [strict(path, boundReason(issue.origin, issue.minimum, 'greater than or equal to', 'at least'))]
    case 'too_big':
      return issue.maximum === int32Max
        ? [refused(path, 'in body must be of type int32: "int64"')]
        : [strict(path, boundReason(issue.origin, issue.maximum, 'less than or equal to', 'at most'))]
    case 'invalid_format':
      if (issue.format === 'regex')
        return [strict(path, `in body should match '${String(issue.pattern).replace(/^\/|\/$/g, '')}'`)]
      return [
        refused(
          path,
          `in body must be of type ${issue.format === 'base64' ? 'byte' : issue.format}: ${JSON.stringify(given)}`,
        ),
      ]
    default:
      return [strict(path, issue.message)]
  }
}

const int32Max = 2_147_483_647

function typeReason(expected: string, given: Json): string {
  if (expected === 'int') return 'in body must be of type int32: "float64"'
  const word = expected === 'number' ? 'integer' : expected === 'record' ? 'object' : expected
  return `in body must be of type ${word}: "${jsonTypeOf(given)}"`
}

function boundReason(origin: string, bound: number | bigint, ofNumbers: string, ofLengths: string): string {
  if (origin === 'array') return `in body should have ${ofLengths} ${bound} items`
  if (origin === 'string') return `in body should be ${ofLengths} ${bound} chars long`
  return `in body should be ${ofNumbers} ${goNumber(Number(bound))}`
}

/** As Go's shortest form has it: with an exponent from a million on. */
function goNumber(value: number): string {
  if (Math.abs(value) < 1e6) return String(value)
  const [digits = '', exponent = ''] = value.toExponential().split('e+')
  return `${digits}e+${exponent.padStart(2, '0')}`
}

function valueAt(value: Json, path: readonly PropertyKey[]): Json | undefined {
  let at: Json | undefined = value
  for (const part of path) {
    if (isJsonArray(at) && typeof part === 'number') at = at[part]
    else if (isJsonObject(at)) at = fieldOf(at, String(part))
    else return undefined
  }
  return at
}
