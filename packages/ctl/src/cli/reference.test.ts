import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { jsonShapes } from './json-shapes.js'
import { referenceText } from './reference.js'
import { table } from './table.js'

// Every command's file is loaded and transformed here, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 180_000 })
const sources = fileURLToPath(new URL('../', import.meta.url))

test('docs/reference/cli.md is what the program has', async () => {
  const file = join(sources, '../../../docs/reference/cli.md')
  const text = await referenceText()
  if (process.env.HOLDFAST_GOLDEN === 'write') {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  expect(readFileSync(file, 'utf8'), 'renew it with HOLDFAST_GOLDEN=write').toBe(text)
})

test('what is said of JSON is said of commands that there are and that print it', async () => {
  for (const words of Object.keys(jsonShapes)) {
    const entry = table.find((each) => each.words === words)
    expect(entry, words).toBeDefined()
    expect((await entry?.load())?.outputs, words).toContain('json')
  }
})

/** Time is not counted here, for it depends on the machine: what is loaded is. */
test('a bare command loads commander, the table and nothing that is heavy', () => {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    const text = readFileSync(file, 'utf8')
    for (const [, isType, target = ''] of text.matchAll(
      /^import (type )?[^'"]*?['"]([^'"]+)['"]|^\} from ['"]([^'"]+)['"]/gm,
    )) {
      if (isType !== undefined || target === '') continue
      if (target.startsWith('.')) visit(join(dirname(file), target.replace(/\.js$/, '.ts')))
      else packages.add(target)
    }
  }
  visit(join(sources, 'main.ts'))
  expect([...packages].filter((name) => !name.startsWith('node:'))).toEqual(['commander'])
  expect(seen.size).toBeLessThan(12)
})
