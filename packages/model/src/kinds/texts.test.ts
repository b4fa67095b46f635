import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { typeOf } from '../types.js'
import type { Json } from './json.js'
import { encodeJsonSpec, jsonFindings } from './spec.js'

interface Text {
  readonly type: string
  readonly given: Json
  readonly text: string
}

/** What a real 2.14.3 was given, and what it then showed. */
const texts = readFileSync(new URL('../../testdata/spec-texts.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Text)

const encoded = (type: string, spec: Json): string => Buffer.from(encodeJsonSpec(typeOf(type), spec)).toString()

/** Kuma forgets what it has no field for; it is kept here, at the end. */
const without = (spec: Json, key: string): Json =>
  Object.fromEntries(Object.entries(spec as object).filter(([each]) => each !== key))

test.each(texts.map(({ type, given, text }) => [type, given, text] as const))(
  '%s %j is written as Kuma writes it',
  (type, given, text) => {
    expect(jsonFindings(typeOf(type), given).filter(({ level }) => level !== 'warning')).toEqual([])
    expect(encoded(type, without(given, 'foo'))).toBe(text)
  },
)

test('what was written is written again as it is, for every kind', () => {
  for (const { type, text } of texts) expect(encoded(type, JSON.parse(text) as Json)).toBe(text)
  expect(new Set(texts.map(({ type }) => type)).size).toBeGreaterThan(10)
})
