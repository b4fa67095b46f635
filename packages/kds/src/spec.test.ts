import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const spec = readFileSync(join(root, 'SPEC.md'), 'utf8')
const rows = spec
  .split('\n')
  .filter((line) => /^\| (?!id|---)/.test(line))
  .map((line) => line.split(' | '))

test('every rule of SPEC.md names a test, and every test that it names exists', () => {
  const sources = readdirSync(join(root, 'src'))
    .filter((file) => file.endsWith('.test.ts') && file !== 'spec.test.ts')
    .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
  const problems = rows.flatMap(([id = '', , , tests = '']) => {
    const quoted = [...tests.matchAll(/"([^"]+)"/g)].map((m) => m[1] ?? '')
    const golden = [...tests.matchAll(/([a-z-]+\.txt)/g)].map((m) => m[1] ?? '')
    return [
      ...(quoted.length + golden.length === 0 ? [`${id}: no test`] : []),
      ...quoted
        .filter((name) => !sources.some((s) => s.includes(`'${name}'`)))
        .map((name) => `${id}: no test "${name}"`),
      ...golden.filter((file) => !existsSync(join(root, 'testdata', file))).map((file) => `${id}: no ${file}`),
    ]
  })
  expect(problems).toEqual([])
  expect(rows.length).toBeGreaterThan(30)
})

test('every golden conversation stands in SPEC.md', () => {
  expect(readdirSync(join(root, 'testdata')).filter((file) => !spec.includes(file))).toEqual([])
})
