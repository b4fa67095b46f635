// Generates packages/proto/src/gen from protos/ with the pinned buf and protoc-gen-es, offline.
// `--check` generates into a temporary folder instead and fails if the committed code differs.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const committed = join(root, 'packages/proto/src/gen')
const bin = join(root, 'node_modules/.bin')

/** @param {string} out folder that is emptied and filled */
function generate(out) {
  const template = JSON.stringify({
    version: 'v2',
    clean: true,
    plugins: [{ local: 'protoc-gen-es', out, opt: ['target=ts', 'import_extension=js'] }],
  })
  const result = spawnSync(join(bin, 'buf'), ['generate', 'protos', '--template', template], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  })
  if (result.error) throw result.error
  if (result.status !== 0) throw new Error(`buf generate ended with status ${result.status}`)
}

/** @param {string} folder @returns {Map<string, string>} path within the folder → text */
function textsOf(folder) {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  )
}

if (process.argv.includes('--check')) {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-gen-'))
  try {
    generate(scratch)
    const wanted = textsOf(scratch)
    const kept = textsOf(committed)
    const differing = [...new Set([...wanted.keys(), ...kept.keys()])]
      .filter((p) => wanted.get(p) !== kept.get(p))
      .sort()
    for (const path of differing) console.error(`packages/proto/src/gen/${path} differs from what protos/ generate`)
    if (differing.length > 0) {
      console.error('run `pnpm generate` and commit the result')
      process.exitCode = 1
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
} else {
  generate(committed)
}
