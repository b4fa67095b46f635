// Prints what is in the programs that are shipped, as CycloneDX 1.6 JSON: every package of the lockfile that `holdfast` or
// `holdfastctl` needs to run, with its hash and who needs it. The same lockfile gives the same bytes.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { parse } = createRequire(join(root, 'packages/ctl/package.json'))('yaml')
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const lock = parse(readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8'))

/** `@a/b@1.0.0(peer@2.0.0)`: a package with what it was resolved with. */
const bare = (key) => key.replace(/\(.*$/s, '')
const nameOf = (key) => bare(key).replace(/(.)@.*$/, '$1')
const versionOf = (key) => bare(key).slice(nameOf(key).length + 1)
const purl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`

const needed = new Map()
const ours = new Map()

/** @returns references of what a list of dependencies is resolved to, after all of that was visited */
function resolved(dependencies) {
  return Object.entries(dependencies ?? {}).map(([name, version]) => {
    // An alias is resolved to the package itself.
    const key = /^(@[^/]+\/)?[^@/]+@/.test(bare(version)) ? version : `${name}@${version}`
    if (!needed.has(key)) {
      const snapshot = lock.snapshots[key]
      if (snapshot === undefined) throw new Error(`pnpm-lock.yaml has no ${key}: install first`)
      needed.set(key, [])
      needed.set(key, resolved({ ...snapshot.dependencies, ...snapshot.optionalDependencies }))
    }
    return purl(nameOf(key), versionOf(key))
  })
}

function visit(importer) {
  if (ours.has(importer)) return
  ours.set(importer, [])
  const { dependencies = {}, optionalDependencies = {} } = lock.importers[importer]
  const all = Object.entries({ ...dependencies, ...optionalDependencies })
  const links = all.filter(([, { version }]) => version.startsWith('link:'))
  const others = all.filter(([, { version }]) => !version.startsWith('link:'))
  for (const [, { version }] of links) visit(join(importer, version.slice('link:'.length)))
  ours.set(importer, [
    ...links.map(([, { version }]) => refOfOurs(join(importer, version.slice('link:'.length)))),
    ...resolved(Object.fromEntries(others.map(([name, { version }]) => [name, version]))),
  ])
}

const refOfOurs = (importer) => {
  const { name, version } = read(`${importer}/package.json`)
  return purl(name, version)
}

for (const program of ['packages/cp', 'packages/ctl']) visit(program)

function hashesOf(key) {
  const integrity = lock.packages[bare(key)]?.resolution?.integrity
  const [algorithm, hash] = integrity?.split(/-(.*)/s) ?? []
  if (algorithm !== 'sha512') throw new Error(`pnpm-lock.yaml has no SHA-512 of ${key}`)
  return [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }]
}

const byRef = (a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1)
const own = [...ours.keys()].map((importer) => {
  const { name, version, license } = read(`${importer}/package.json`)
  return {
    type: 'library',
    'bom-ref': purl(name, version),
    name,
    version,
    licenses: [{ license: { id: license } }],
    purl: purl(name, version),
  }
})
const foreign = new Map(
  [...needed.keys()].map((key) => {
    const [name, version] = [nameOf(key), versionOf(key)]
    const ref = purl(name, version)
    return [ref, { type: 'library', 'bom-ref': ref, name, version, hashes: hashesOf(key), purl: ref }]
  }),
)
const dependencies = new Map()
for (const [importer, refs] of ours) dependencies.set(refOfOurs(importer), refs)
for (const [key, refs] of needed) {
  const ref = purl(nameOf(key), versionOf(key))
  dependencies.set(ref, [...(dependencies.get(ref) ?? []), ...refs])
}
const { version } = read('packages/cp/package.json')
const body = {
  metadata: { component: { type: 'application', 'bom-ref': 'holdfast', name: 'holdfast', version } },
  components: [...own, ...foreign.values()].sort(byRef),
  dependencies: [
    { ref: 'holdfast', dependsOn: ['packages/cp', 'packages/ctl'].map(refOfOurs).sort() },
    ...[...dependencies].map(([ref, refs]) => ({ ref, dependsOn: [...new Set(refs)].sort() })),
  ].sort((a, b) => (a.ref < b.ref ? -1 : 1)),
}
const hex = createHash('sha256').update(JSON.stringify(body)).digest('hex')
// A UUID of the content (version 8: the bits are ours to choose).
const uuid = [
  hex.slice(0, 8),
  hex.slice(8, 12),
  `8${hex.slice(13, 16)}`,
  `8${hex.slice(17, 20)}`,
  hex.slice(20, 32),
].join('-')
const head = { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${uuid}`, version: 1 }
process.stdout.write(`${JSON.stringify({ ...head, ...body }, null, 2)}\n`)
