import { meshServiceKind, parseBody, typeOf } from '@holdfast/model'
import { expect, test } from 'vitest'
import { documentOf, type LoadOptions, loadOf, shapes, stepOf } from './load.js'

const of = (shape: LoadOptions['shape'], seed = 7): LoadOptions => ({ shape, seed, zone: 'east', services: 100 })
const bytesOf = (puts: ReturnType<typeof loadOf>): number =>
  puts.reduce((sum, { content }) => sum + content.spec.length + JSON.stringify(content.labels).length, 0) / puts.length

test('the same seed gives the same load, and every document is one that the API of the zone takes', () => {
  const writer = { role: 'zone', zone: 'east', federated: true } as const
  for (const shape of shapes) {
    const text = (seed: number): string => JSON.stringify(loadOf(of(shape, seed)).map(documentOf))
    const [once, again, other] = [7, 7, 8].map(text)
    expect([once === again, once === other]).toEqual([true, false])
    for (const put of [...loadOf(of(shape)).slice(0, 30), ...stepOf(of(shape), 3)]) {
      const document = documentOf(put) as { readonly labels: object }
      const body = { ...document, labels: { ...document.labels, 'kuma.io/origin': 'zone' } }
      expect(parseBody(typeOf('MeshService'), body, { writer }).outcome).toBe('parsed')
    }
  }
})

test('big ones are ten times as big as small ones, and small ones have one port', () => {
  expect(bytesOf(loadOf(of('few-big')))).toBeGreaterThan(10 * bytesOf(loadOf(of('many-small'))))
  const ports = loadOf(of('many-small')).map(({ content }) => meshServiceKind.read(content.spec)?.ports?.length)
  expect(new Set(ports)).toEqual(new Set([1]))
})

test('a step changes a hundredth, and says what the step before has not said', () => {
  const first = new Map(loadOf(of('churny')).map((put) => [put.key.name, put.content.spec]))
  for (const step of [1, 2, 9]) {
    const changed = stepOf(of('churny'), step)
    expect(changed.length).toBe(1)
    for (const put of changed) expect(first.get(put.key.name)).not.toEqual(put.content.spec)
    expect(stepOf(of('churny'), step)).toEqual(changed)
  }
  expect(stepOf(of('churny'), 1)).not.toEqual(stepOf(of('churny'), 2))
})
