import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface RedisBinary {
  readonly program: string
  /** Where its libraries are, if not where the system looks. */
  readonly libraries?: string | undefined
}

const cache = fileURLToPath(new URL('../../../.cache/redis', import.meta.url))
const debianPackages = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1']

/**
 * A Redis server to start: `redis-server` or `valkey-server` on the PATH, else Debian's packages, unpacked without root into
 * `.cache/redis`. Never skipped in silence.
 * @throws Error that says what was tried and what to do
 */
export function redisBinary(): RedisBinary {
  for (const name of ['redis-server', 'valkey-server'])
    for (const folder of (process.env.PATH ?? '').split(delimiter))
      if (existsSync(join(folder, name))) return { program: join(folder, name) }
  return unpacked() ?? download()
}

function unpacked(): RedisBinary | undefined {
  const program = join(cache, 'usr', 'bin', 'redis-server')
  if (!existsSync(program)) return undefined
  const lib = join(cache, 'usr', 'lib')
  const triplets = readdirSync(lib).filter((name) => name.includes('-linux-'))
  return { program, libraries: [lib, ...triplets.map((name) => join(lib, name))].join(':') }
}

function download(): RedisBinary {
  const work = `${cache}.${process.pid}`
  mkdirSync(join(work, 'lists', 'partial'), { recursive: true })
  const apt = ['-o', `Dir::State::Lists=${join(work, 'lists')}`, '-o', 'Debug::NoLocking=1']
  const steps: readonly (readonly [string, readonly string[]])[] = [
    ['apt-get', [...apt, 'update']],
    ['apt-get', [...apt, 'download', ...debianPackages]],
  ]
  const failures: string[] = []
  for (const [program, args] of steps) {
    const { status, stderr, error } = spawnSync(program, args, { cwd: work, encoding: 'utf8' })
    if (status !== 0) failures.push(`${program} ${args.at(-1)}: ${error?.message ?? stderr.trim()}`)
  }
  const archives = readdirSync(work).filter((name) => name.endsWith('.deb'))
  for (const archive of archives) spawnSync('dpkg-deb', ['-x', archive, join(work, 'root')], { cwd: work })
  if (existsSync(join(work, 'root')) && !existsSync(cache)) renameSync(join(work, 'root'), cache)
  rmSync(work, { recursive: true, force: true })
  const found = unpacked()
  if (found !== undefined) return found
  throw new Error(
    `these tests need a Redis server, and there is none: install redis-server or valkey-server. Debian's packages could not be had either (${failures.join('; ') || 'nothing was downloaded'})`,
  )
}
