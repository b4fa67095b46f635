// Packs what `holdfast` and `holdfastctl` need as npm tarballs into a folder (`pnpm pack:all --out FOLDER`); with `--check` it
// installs them in an empty folder, by npm and with nothing of this checkout in sight, and runs both programs there: a
// global on its embedded database, a mesh, a read of it. Needs a build (`pnpm build`).
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined)
const check = process.argv.includes('--check')
const out = option('--out') ?? mkdtempSync(join(tmpdir(), 'holdfast-pack-'))
const startTimeoutMs = 120_000

const manifestOf = (folder) => JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
const byName = new Map(readdirSync(join(root, 'packages')).map((folder) => [manifestOf(folder).name, folder]))

/** Both programs and everything of ours that they are made of, each once. */
function publishable() {
  const found = new Set()
  const add = (name) => {
    if (found.has(name) || !byName.has(name)) return
    found.add(name)
    for (const each of Object.keys(manifestOf(byName.get(name)).dependencies ?? {})) add(each)
  }
  add('@holdfast/cp')
  add('@holdfast/ctl')
  return [...found].sort()
}

/**
 * What one tarball is made of. What is published is the program alone: no tests, no maps that point at sources that are not
 * there, exact versions of each other, and the migrations beside the store that runs them.
 */
function staged(name, versions, stages) {
  const folder = byName.get(name)
  const stage = join(stages, folder)
  cpSync(join(root, 'packages', folder, 'dist'), join(stage, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(test\.(js|d\.ts)(\.map)?|tsbuildinfo|map)$/.test(path),
  })
  if (name === '@holdfast/store')
    cpSync(join(root, 'migrations'), join(stage, 'dist', 'migrations'), { recursive: true })
  const { devDependencies: _, exports, dependencies = {}, ...rest } = manifestOf(folder)
  // Other files that a package says it has, such as the pages of the GUI.
  for (const file of rest.files ?? [])
    if (file !== 'dist') cpSync(join(root, 'packages', folder, file), join(stage, file), { recursive: true })
  const manifest = {
    ...rest,
    engines: { node: manifestOfRoot.engines.node },
    exports: Object.fromEntries(
      Object.entries(exports).map(([path, { '@holdfast/source': __, ...conditions }]) => [path, conditions]),
    ),
    dependencies: Object.fromEntries(
      Object.entries(dependencies).map(([other, version]) => [other, versions.get(other) ?? version]),
    ),
  }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'))
  return stage
}

/** All of them in one run of npm, which takes long to start. */
function packed(names, versions) {
  const stages = mkdtempSync(join(tmpdir(), 'holdfast-stage-'))
  try {
    const folders = names.map((name) => staged(name, versions, stages))
    const args = ['pack', ...folders, '--json', '--ignore-scripts', '--offline', '--pack-destination', out]
    const said = JSON.parse(execFileSync('npm', args, { cwd: stages, encoding: 'utf8' }))
    return new Map(said.map(({ name, filename }) => [name, join(out, filename)]))
  } finally {
    rmSync(stages, { recursive: true })
  }
}

const manifestOfRoot = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

mkdirSync(out, { recursive: true })
const names = publishable()
const versions = new Map(names.map((name) => [name, manifestOf(byName.get(name)).version]))
const tarballs = packed(names, versions)
console.log(`packed ${names.length} packages into ${out}`)

/** Installs and runs them where nothing else is. */
async function tryThem() {
  const place = mkdtempSync(join(tmpdir(), 'holdfast-installed-'))
  const files = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]))
  writeFileSync(
    join(place, 'package.json'),
    JSON.stringify({ name: 'somebody', private: true, dependencies: files, overrides: files }, null, 2),
  )
  let server
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: place, stdio: 'inherit' })
    const bin = (name) => join(place, 'node_modules', '.bin', name)
    const run = (name, ...args) => execFileSync(bin(name), args, { cwd: place, encoding: 'utf8' })
    if (run('holdfast', '--version').trim() !== versions.get('@holdfast/cp')) throw new Error('another version runs')
    const ports = join(place, 'ports.json')
    const zero = ['--api-port', '0', '--kds-port', '0', '--diagnostics-port', '0']
    server = spawn(
      bin('holdfast'),
      ['global', '--init', '--data-dir', join(place, 'data'), '--ports-file', ports, ...zero],
      {
        cwd: place,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    const ended = new Promise((resolve) => server.once('exit', resolve))
    const url = await Promise.race([
      apiOf(ports),
      ended.then((status) => Promise.reject(new Error(`global ended: ${status}`))),
    ])
    writeFileSync(join(place, 'mesh.yaml'), 'type: Mesh\nname: shop\n')
    run('holdfastctl', '--url', url, 'apply', '-f', 'mesh.yaml')
    const meshes = JSON.parse(run('holdfastctl', '--url', url, 'get', 'meshes', '-o', 'json'))
    const found = meshes.items.map(({ name }) => name).sort()
    if (found.join() !== 'default,shop') throw new Error(`the meshes are ${found.join()}`)
    server.kill('SIGTERM')
    const status = await ended
    if (status !== 0) throw new Error(`global ended with ${status}`)
    console.log(`installed in an empty folder: ${found.length} meshes served, stopped cleanly`)
  } finally {
    server?.kill('SIGKILL')
    rmSync(place, { recursive: true, force: true })
    if (option('--out') === undefined) rmSync(out, { recursive: true, force: true })
  }
}

async function apiOf(ports) {
  const endMs = performance.now() + startTimeoutMs
  while (performance.now() < endMs) {
    const said = existsSync(ports) ? JSON.parse(readFileSync(ports, 'utf8')) : {}
    if (said.api !== undefined && said.state !== 'starting') return `http://127.0.0.1:${said.api}`
    await sleep(100)
  }
  throw new Error(`global was not ready within ${startTimeoutMs} ms`)
}

if (check) await tryThem()
