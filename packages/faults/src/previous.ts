import { execFile, execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const buildTimeoutMs = 1_800_000
/** Where there is no tag: the commit before secrets were sealed in the database, five migrations or so ago. */
const withoutTag = '391f96bc7ab1'

/** The last tag, or what stands in for one. */
export function previousRef(): string {
  try {
    const args = ['describe', '--tags', '--abbrev=0']
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return withoutTag
  }
}

/**
 * Builds another version of the program in a folder of its own, once.
 * @returns a function that answers where its program is; it throws with what git, the installation or the compiler said
 */
export function previousVersion(
  ref: string,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (text: string) => void },
): () => Promise<string> {
  let built: Promise<string> | undefined
  const build = async (): Promise<string> => {
    const git = (args: readonly string[]) => run('git', [...args], { cwd: root, signal })
    const commit = (await git(['rev-parse', '--short=12', `${ref}^{commit}`])).stdout.trim()
    const folder = join(tmpdir(), `holdfast-previous-${commit}`)
    const program = join(folder, 'packages/cp/dist/main.js')
    if (existsSync(program)) return program
    say(`building ${ref} (${commit})`)
    rmSync(folder, { recursive: true, force: true })
    await git(['clone', '--quiet', '--shared', '--no-checkout', root, folder])
    const there = { cwd: folder, signal, timeout: buildTimeoutMs, maxBuffer: 64 * 1024 * 1024 }
    await run('git', ['checkout', '--quiet', commit], there)
    const pnpm = ['--yes', 'pnpm@10.34.9']
    await run('npx', [...pnpm, 'install', '--frozen-lockfile', '--prefer-offline'], there)
    await run('npx', [...pnpm, 'exec', 'tsc', '-b', 'packages/cp'], there)
    return program
  }
  return () => {
    built ??= build()
    return built
  }
}
