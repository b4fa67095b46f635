import { expect, test } from 'vitest'
import { placedText, readDocuments } from './documents.js'

const read = (text: string) => {
  const { documents, problems } = readDocuments(text, 'f')
  return { values: documents.map(({ value }) => value), problems: problems.map(placedText) }
}

test.each([
  ['', [], []],
  ['# nothing\n---\n---\n', [], []],
  ['a: 1\n---\n{"b": [2]}\n', [{ a: 1 }, { b: [2] }], []],
  ['{"a": {"b": 1}}', [{ a: { b: 1 } }], []],
  ['x: &x {a: 1}\ny: {<<: *x, b: 2}', [{ x: { a: 1 }, y: { a: 1, b: 2 } }], []],
  ['a: 1\na: 2\n---\nb: 1', [{ b: 1 }], ['f:2:1: Map keys must be unique']],
  ['a: b: c', [], ['f:1:4: Nested mappings are not allowed in compact mappings']],
  ['{"a": }x', [], expect.arrayContaining([expect.stringMatching(/^f:1:\d+: /)])],
  ['- 1', [], ['f:1:1: is not an object: a resource is a map of fields']],
  ['a: .nan', [], ['f:1:1: holds a value that JSON cannot say']],
  ['a: !secret b', [], ['f:1:4: Unresolved tag: !secret']],
])('%j', (text, values, problems) => {
  expect(read(text)).toEqual({ values, problems })
})

test('a small file cannot become a huge value', () => {
  const levels = [...'abcdefghi'].map(
    (name, i) =>
      `${name}: &${name} [${
        i === 0
          ? '"x"'
          : Array(10)
              .fill(`*${'abcdefghi'.charAt(i - 1)}`)
              .join()
      }]`,
  )
  const { values, problems } = read(levels.join('\n'))
  expect(values).toEqual([])
  expect(problems).toEqual(['f:1:1: Excessive alias count indicates a resource exhaustion attack'])
})

test.each([
  ['JSON', '{"x":', '[', ']', '}'],
  ['YAML', 'x: ', '{a: ', '}', ''],
])('ten thousand levels of %s are told as such', (_, before, open, close, after) => {
  const { values, problems } = read(`${before}${open.repeat(10_000)}1${close.repeat(10_000)}${after}`)
  expect(values).toEqual([])
  expect(problems.length).toBeGreaterThan(0)
  for (const problem of problems)
    expect(problem).toMatch(/^f:\d+:\d+: (is nested too deeply|nested deeper than 100 levels)/)
})

test('places of values, in YAML and in JSON', () => {
  const yaml = readDocuments('---\nx: 1\n---\nspec:\n  ports:\n    - port: 80\n    - port: 0\n  "a.b": 1\n', 'f')
    .documents[1]
  expect(yaml?.place('spec.ports[1].port')).toEqual({ file: 'f', document: 2, line: 7, column: 13 })
  expect(yaml?.place(['spec', 'ports', 0])).toEqual({ file: 'f', document: 2, line: 6, column: 7 })
  expect(yaml?.place('spec["a.b"]')).toEqual({ file: 'f', document: 2, line: 8, column: 10 })
  expect(yaml?.place('spec.ports[7].port')).toEqual({ file: 'f', document: 2, line: 6, column: 5 })
  expect(yaml?.place('')).toEqual({ file: 'f', document: 2, line: 4, column: 1 })
  const json = readDocuments('{\n "spec": {\n  "port": 0}}', 'f').documents[0]
  expect(json?.place('spec.port')).toEqual({ file: 'f', document: 1, line: 3, column: 11 })
})
