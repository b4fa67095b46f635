import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'packages/kds/SPEC.md'],
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

test('each known way to hurt a Kuma, or to be hurt by one, has the test that the documentation names', () => {
  const doc = readFileSync(join(root, 'docs/kuma-interop.md'), 'utf8')
  const from = doc.indexOf('## Ways to hurt a Kuma')
  const table = doc.slice(from, doc.indexOf('## ', from + 3))
  const rows = [...table.matchAll(/^\| (\d+) +\|.*$/gm)]
  expect(rows.map(([, no]) => Number(no))).toEqual(Array.from({ length: 35 }, (_, i) => i + 1))
  const missing = rows.filter(([row]) => {
    const named = [...row.matchAll(/\]\(\.\.\/([^)]+)\): "(.*?)"(?=; \[| +\|$)/g)]
    return (
      named.length === 0 ||
      named.some(([, file = '', name = '']) => !readFileSync(join(root, file), 'utf8').includes(`test('${name}'`))
    )
  })
  expect(missing.map(([row]) => row)).toEqual([])
})

test('each threat has the test that is named for it', () => {
  const doc = readFileSync(join(root, 'SECURITY.md'), 'utf8')
  const table = doc.slice(doc.indexOf('| threat '), doc.indexOf('## What it does not protect against'))
  const threats = table.trim().split('\n').slice(2)
  expect(threats.length).toBeGreaterThan(25)
  const unshown = threats.filter((line) => {
    const [, file = '', title = ''] = /\| \[[^\]]+\]\(([^)]+)\): "(.*)" +\|$/.exec(line) ?? []
    const text = file === '' ? '' : readFileSync(join(root, file), 'utf8')
    return title === '' || !["'", '"'].some((quote) => text.includes(`(${quote}${title}${quote}`))
  })
  expect(unshown).toEqual([])
})
