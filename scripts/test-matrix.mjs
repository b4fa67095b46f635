// Runs the tests on the supported Node releases as well: the npm package `node` carries their binaries, so nothing has
// to be installed by hand. The floor (the Node that runs this) is covered by `pnpm test`.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'

const releases = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22.23.3', '24.21.0']
const failed = []
for (const release of releases) {
  const found = spawnSync('npx', ['--yes', '-p', `node@${release}`, 'node', '-p', 'process.execPath'], {
    encoding: 'utf8',
  })
  const binary = found.stdout?.trim().split('\n').at(-1) ?? ''
  if (found.status !== 0 || binary === '') {
    console.error(`node ${release} could not be had: ${found.stderr ?? ''}`)
    failed.push(release)
    continue
  }
  console.log(`\n== Node ${release}`)
  const run = spawnSync(binary, ['node_modules/vitest/vitest.mjs', 'run'], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(binary)}:${process.env.PATH ?? ''}` },
  })
  if (run.status !== 0) failed.push(release)
}
console.log(failed.length === 0 ? `\nall pass on Node ${releases.join(', ')}` : `\nfailed on Node ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)
