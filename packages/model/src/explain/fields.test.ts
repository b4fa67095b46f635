import { expect, test } from 'vitest'
import { allTypes } from '../type-table.js'
import { typeOf } from '../types.js'
import { type Field, fieldsOf } from './fields.js'

const at = (fields: readonly Field[] | undefined, path: string): Field | undefined =>
  path
    .split('.')
    .reduce<Field | undefined>(
      (found, name, index) => (index === 0 ? fields : found?.fields)?.find((field) => field.name === name),
      undefined,
    )

test('fields of a kind with a schema: types, choices, defaults, what is required', () => {
  const fields = fieldsOf(typeOf('MeshService'))
  expect(at(fields, 'spec.ports')?.type).toBe('list of objects')
  expect(at(fields, 'spec.ports.port')).toMatchObject({ type: 'integer', required: true })
  expect(at(fields, 'spec.state')).toMatchObject({
    type: 'string',
    choices: ['Available', 'Unavailable'],
    default: '"Unavailable"',
    required: false,
  })
  expect(at(fields, 'spec.selector.dataplaneTags')?.type).toBe('map of strings')
})

test('fields of a protobuf message, as JSON calls them', () => {
  const fields = fieldsOf(typeOf('Mesh'))
  expect(at(fields, 'mtls.enabledBackend')?.type).toBe('string')
  expect(at(fields, 'mtls.backends')?.type).toBe('list of objects')
  expect(at(fields, 'meshServices.mode')?.choices).toContain('Exclusive')
  expect(at(fieldsOf(typeOf('Zone')), 'enabled')?.type).toBe('boolean')
})

test('every type that has a schema can be explained, to an end', () => {
  const known = allTypes.filter((type) => fieldsOf(type) !== undefined)
  expect(known.length).toBeGreaterThan(30)
  for (const type of known) expect(fieldsOf(type)?.length, type.name).toBeGreaterThan(2)
})
