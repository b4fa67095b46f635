import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/**
 * The rooms, from the ground up: a room may use those above it in this list, and only those named beside it.
 * Global and zone never know each other; pure rooms (`pure`) touch no file, socket, clock or chance.
 */
const rooms: Record<string, { readonly uses: readonly string[]; readonly pure?: true }> = {
  proto: { uses: [] },
  model: { uses: ['proto'], pure: true },
  identity: { uses: ['model'], pure: true },
  vip: { uses: ['model'], pure: true },
  kds: { uses: ['model'], pure: true },
  tracing: { uses: [], pure: true },
  deadline: { uses: [] },
  store: { uses: ['model', 'identity', 'vip', 'kds', 'tracing'] },
  transport: { uses: ['proto', 'model', 'identity', 'kds'] },
  bus: { uses: [] },
  peer: { uses: ['model', 'identity', 'kds', 'vip', 'tracing', 'store', 'transport'] },
  global: { uses: ['model', 'identity', 'kds', 'vip', 'tracing', 'store', 'transport', 'peer'] },
  zone: { uses: ['model', 'identity', 'kds', 'vip', 'tracing', 'store', 'transport', 'peer'] },
  api: { uses: ['deadline', 'model', 'identity', 'vip', 'kds', 'tracing', 'store'] },
  gui: { uses: [] },
  dns: { uses: ['deadline', 'model', 'vip', 'kds', 'store'] },
  cp: {
    uses: [
      'deadline',
      'model',
      'identity',
      'kds',
      'vip',
      'tracing',
      'store',
      'transport',
      'bus',
      'peer',
      'global',
      'zone',
      'api',
      'gui',
      'dns',
    ],
  },
  conformance: { uses: ['proto', 'model', 'transport'] },
  ctl: { uses: ['deadline', 'model', 'identity', 'conformance'] },
  testkit: { uses: ['proto', 'model', 'kds', 'vip', 'store', 'transport'] },
  sim: { uses: ['model', 'vip', 'kds', 'store'] },
  demo: { uses: ['model', 'identity', 'store', 'testkit'] },
  bench: { uses: ['model', 'kds', 'store', 'transport', 'peer', 'global', 'zone', 'dns', 'api', 'testkit'] },
  faults: { uses: ['deadline', 'identity', 'store', 'testkit', 'bench'] },
}

/** What a pure room may take from Node: hashing and bytes, nothing that waits, reads or guesses. */
const pureBuiltins = new Set(['node:crypto', 'node:buffer', 'node:util'])
const impure =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bsetTimeout\(|\bsetInterval\(|\bprocess\.|\brandomUUID\(|\brandomBytes\(|\bperformance\.now\(/

const packages = fileURLToPath(new URL('../../', import.meta.url))
const sources = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((f) => f.isFile() && f.name.endsWith('.ts') && !f.name.endsWith('.d.ts'))
    .map((f) => join(f.parentPath, f.name))
const imports = (text: string): string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((m) => m[1] ?? '')
const isTest = (file: string): boolean => /\.test\.ts$|\/testing\/|\/conformance\//.test(file)

test('every room is on the plan, and the plan has no room that is not there', () => {
  expect(readdirSync(packages).sort()).toEqual(Object.keys(rooms).sort())
})

test.each(Object.entries(rooms))('%s depends only on what it may', (room, { uses }) => {
  const allowed = new Set(uses)
  const strays = sources(join(packages, room, 'src')).flatMap((file) =>
    imports(readFileSync(file, 'utf8')).flatMap((target) => {
      const other = /^@holdfast\/([a-z]+)/.exec(target)?.[1]
      const reaches =
        other !== undefined && other !== room && !allowed.has(other) && !(isTest(file) && other === 'testkit')
      const climbs = target.startsWith('.') && !join(file, '..', target).startsWith(join(packages, room))
      return reaches || climbs ? [`${file.slice(packages.length)} imports ${target}`] : []
    }),
  )
  expect(strays).toEqual([])
  const declared: { dependencies?: Record<string, string> } = JSON.parse(
    readFileSync(join(packages, room, 'package.json'), 'utf8'),
  )
  const undeclared = Object.keys(declared.dependencies ?? {}).flatMap((d) => {
    const other = /^@holdfast\/([a-z]+)$/.exec(d)?.[1]
    return other !== undefined && !allowed.has(other) ? [d] : []
  })
  expect(undeclared).toEqual([])
})

test.each(Object.entries(rooms).filter(([, r]) => r.pure))('%s is pure: no I/O, no clock, no chance', (room) => {
  const strays = sources(join(packages, room, 'src'))
    .filter((file) => !isTest(file))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8')
      const builtins = imports(text).filter((t) => t.startsWith('node:') && !pureBuiltins.has(t))
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      const reads = impure.exec(code)
      return [...builtins, ...(reads === null ? [] : [reads[0]])].map(
        (what) => `${file.slice(packages.length)}: ${what}`,
      )
    })
  expect(strays).toEqual([])
})

test('nobody composes a signal of a timer that nothing else holds: its time may never come (packages/deadline)', () => {
  const strays = Object.keys(rooms)
    .flatMap((room) => sources(join(packages, room, 'src')))
    .filter((file) =>
      /AbortSignal\.any\([^)]*AbortSignal\.timeout/.test(readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')),
    )
  expect(strays).toEqual([])
})
