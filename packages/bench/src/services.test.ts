import { meshServiceKind, parseBody, typeOf } from '@holdfast/model'
import { expect, test } from 'vitest'
import { changedServices, services } from './services.js'

const options = { seed: 7, zone: 'east', count: 2_000 }

test('the same seed gives the same services, another one gives others', () => {
  expect(services(options)).toEqual(services(options))
  expect(services({ ...options, seed: 8 })).not.toEqual(services(options))
})

test('every service is one that the API of its zone would take as it is', () => {
  const writer = { role: 'zone', zone: 'east', federated: true } as const
  const bodies = services(options).map(({ key, content }) =>
    parseBody(
      typeOf(key.type),
      {
        ...key,
        labels: { ...content.labels, 'kuma.io/origin': 'zone' },
        spec: JSON.parse(Buffer.from(content.spec).toString('utf8')),
      },
      { writer },
    ),
  )
  expect(bodies.filter((body) => body.outcome !== 'parsed' || body.body.warnings.length > 0)).toEqual([])
})

test('no two are the same, also in batches that follow each other', () => {
  const all = [...services(options), ...services({ ...options, from: options.count })]
  expect(new Set(all.map((put) => put.key.name)).size).toBe(all.length)
  expect(new Set(all.map((put) => `${put.namespace}/${put.displayName}`)).size).toBe(all.length)
})

test('most have one port, some have many; a few namespaces have most', () => {
  const all = services(options)
  const ports = all.map((put) => meshServiceKind.read(put.content.spec)?.ports?.length ?? 0)
  expect(ports.filter((count) => count === 1).length / all.length).toBeGreaterThan(0.7)
  expect(Math.max(...ports)).toBe(12)
  const namespaces = new Map<string, number>()
  for (const { namespace } of all) namespaces.set(namespace, (namespaces.get(namespace) ?? 0) + 1)
  const [largest = 0, second = 0] = [...namespaces.values()].sort((a, b) => b - a)
  expect((largest + second) / all.length).toBeGreaterThan(0.4)
})

test('a changed service is the same one with another spec', () => {
  const before = services({ ...options, count: 10 })
  const after = changedServices({ ...options, count: 10 })
  expect(after.map((put) => put.key)).toEqual(before.map((put) => put.key))
  expect(after.map((put) => put.content.labels)).toEqual(before.map((put) => put.content.labels))
  expect(
    after.filter((put, i) => Buffer.from(put.content.spec).equals(before[i]?.content.spec ?? Buffer.alloc(0))),
  ).toEqual([])
})
