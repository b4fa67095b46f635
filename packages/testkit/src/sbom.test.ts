import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const printed = (): string =>
  execFileSync(process.execPath, ['scripts/sbom.mjs'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 24 })

interface Bom {
  readonly components: readonly {
    readonly 'bom-ref': string
    readonly name: string
    readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
  }[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

test('the SBOM has all that the two programs need, nothing of the tests, and is the same each time', () => {
  const text = printed()
  expect(printed()).toBe(text)
  const { components, dependencies } = JSON.parse(text) as Bom
  const names = new Set(components.map(({ name }) => name))
  for (const room of ['cp', 'ctl', 'api', 'store', 'transport']) {
    const manifest = JSON.parse(readFileSync(`${root}packages/${room}/package.json`, 'utf8'))
    for (const name of Object.keys(manifest.dependencies ?? {})) expect(names, room).toContain(name)
  }
  for (const name of ['vitest', '@holdfast/testkit', '@biomejs/biome']) expect(names).not.toContain(name)
  const refs = new Set([...components.map((component) => component['bom-ref']), 'holdfast'])
  expect(dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]).filter((ref) => !refs.has(ref))).toEqual([])
  const unproven = components.filter(
    ({ name, hashes = [] }) => !name.startsWith('@holdfast/') && !/^[0-9a-f]{128}$/.test(hashes[0]?.content ?? ''),
  )
  expect(unproven).toEqual([])
})
