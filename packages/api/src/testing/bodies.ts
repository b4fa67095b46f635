import { allTypes, type JsonObject, specSchema, type TypeDescriptor } from '@holdfast/model'
import type { Chance } from './chance.js'

/** Types that have fields of their own and may be written somewhere. */
export const writable = allTypes.filter(({ path, internal, readOnly }) => path !== undefined && !internal && !readOnly)

const texts = [
  'a',
  'web',
  'x-a',
  'default',
  '/v1',
  'spiffe://a/b',
  '10.0.0.1',
  'example.com',
  '5xx',
  'tcp',
  'http',
  '',
  'é"\\',
]
const durations = ['1s', '90s', '0', '1h', '1.5ms', '-1s', 'x']
const numbers = [0, 1, 2, 80, 100, 443, 65_535, 65_536, -1, 1.5, 2 ** 31, 2 ** 53]

/**
 * A value that a JSON Schema allows, more or less: mostly of the right types, with fields that it does not know now and
 * then. Deep parts are left out sooner than shallow ones.
 */
export function sample(schema: JsonObject, chance: Chance, depth = 0): unknown {
  const { anyOf, enum: words, type, properties, required, items, additionalProperties, minItems } = schema
  if (Array.isArray(anyOf)) return sample(chance.one(anyOf) as JsonObject, chance, depth)
  if (Array.isArray(words)) return chance.one(words)
  switch (type) {
    case 'object': {
      const known = Object.entries((properties ?? {}) as Readonly<Record<string, JsonObject>>)
      const must = Array.isArray(required) ? required : []
      const fields = known.flatMap(([key, field]): [string, unknown][] =>
        must.includes(key) || chance.isLucky(0.55 / (1 + depth / 4)) ? [[key, sample(field, chance, depth + 1)]] : [],
      )
      const isMap = typeof additionalProperties === 'object' && additionalProperties !== null
      const more: [string, unknown][] =
        isMap && chance.isLucky(0.7)
          ? [
              [
                chance.one(['a', 'kuma.io/service', 'team']),
                sample(additionalProperties as JsonObject, chance, depth + 1),
              ],
            ]
          : chance.isLucky(0.05)
            ? [['unknownField', { z: [1, 'a'], a: null }]]
            : []
      return Object.fromEntries([...fields, ...more])
    }
    case 'array': {
      const least = typeof minItems === 'number' ? minItems : 0
      const count = Math.max(least, depth > 8 ? 0 : chance.below(3))
      return Array.from({ length: count }, () => sample((items ?? {}) as JsonObject, chance, depth + 1))
    }
    case 'integer':
    case 'number':
      return chance.isLucky(0.9) ? chance.one([1, 2, 80, 100]) : chance.one(numbers)
    case 'boolean':
      return chance.isLucky(0.5)
    case 'string':
      return chance.isLucky(0.4) ? chance.one(durations) : chance.one(texts)
    default:
      return chance.one<unknown>([1, 'a', { b: 1, a: [] }, null])
  }
}

export const urlOf = ({ scope, path }: TypeDescriptor, name: string, mesh = 'default'): string =>
  `${scope === 'mesh' ? `/meshes/${mesh}` : ''}/${path}/${name}`

/** A body for a type, as its author would send it. */
export function bodyOf(type: TypeDescriptor, name: string, labels: JsonObject, chance: Chance): JsonObject {
  const made = sample(specSchema(type), chance) as JsonObject
  const metadata = { type: type.name, ...(type.scope === 'mesh' ? { mesh: 'default' } : {}), name, labels }
  return type.style === 'B' ? { ...metadata, spec: made } : { ...made, ...metadata }
}
