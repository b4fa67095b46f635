import { expect, test } from 'vitest'
import { allTypes } from '../type-table.js'
import { typeOf } from '../types.js'
import { isJsonObject, type Json, type JsonObject } from './json.js'
import { specSchema } from './json-schema.js'
import { specKindOf } from './kinds.js'

const at = (schema: JsonObject, ...path: readonly string[]): Json =>
  path.reduce<Json>((value, key) => (isJsonObject(value) ? (value[key] ?? null) : null), schema)

test('what is checked is what is described', () => {
  const schema = specSchema(typeOf('MeshHTTPRoute'))
  const redirect = at(
    schema,
    ...['properties', 'to', 'items', 'properties', 'rules', 'items', 'properties', 'default', 'properties'],
    ...['filters', 'items', 'properties', 'requestRedirect', 'properties'],
  )
  expect(redirect).toMatchObject({
    scheme: { type: 'string', enum: ['http', 'https'] },
    port: { type: 'integer', minimum: 1, maximum: 65_535 },
    statusCode: { default: 302, enum: [301, 302, 303, 307, 308] },
  })
  expect(at(specSchema(typeOf('MeshService')), 'properties', 'ports', 'items', 'required')).toEqual(['port'])
  expect(
    at(specSchema(typeOf('Dataplane')), 'properties', 'networking', 'properties', 'inbound', 'items'),
  ).toMatchObject({
    properties: {
      port: { type: 'integer', minimum: 0 },
      state: { enum: ['Ready', 'NotReady', 'Ignored'] },
      tags: { type: 'object', additionalProperties: { type: 'string' } },
    },
  })
})

test('every kind that has fields has a schema, and none has what a reader of JSON Schema does not know', () => {
  for (const type of allTypes) {
    const schema = specSchema(type)
    expect([type.name, schema.type]).toEqual([type.name, 'object'])
    if (specKindOf(type).kind !== undefined && type.name !== 'Workload')
      expect([type.name, Object.keys(schema.properties ?? {}).length > 0]).toEqual([type.name, true])
    expect(JSON.stringify(schema)).not.toMatch(/"\$ref"|9007199254740991|-2147483648/)
  }
})
