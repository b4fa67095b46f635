import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'packages/kds/SPEC.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.md'))
    .map((f) => join('docs', f)),
]

test.each(pages)('every link of %s leads somewhere', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((m) => m[1] ?? '')
  const broken = targets.filter((t) => !/^https?:/.test(t) && !existsSync(join(root, dirname(page), t)))
  expect(broken).toEqual([])
})

test('README and package.json agree on the package manager', () => {
  const declared: { packageManager: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const said = new Set([...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/pnpm@[\d.]+/g)].map((m) => m[0]))
  expect([...said]).toEqual([declared.packageManager])
})
