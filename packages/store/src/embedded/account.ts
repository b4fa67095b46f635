import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { Problem } from '@holdfast/model'
import { type Binaries, binariesIn } from './binaries.js'

/** As whom the database runs. PostgreSQL refuses root, in a container as anywhere. */
export type Account =
  | { readonly as: 'self' }
  | { readonly as: 'nobody'; readonly uid: number; readonly gid: number }
  /** A user namespace without a mapping: root outside, nobody to itself, and owner of root's files all the same. */
  | { readonly as: 'namespace' }

const nobody = { as: 'nobody', uid: 65_534, gid: 65_534 } as const

/** Command line that runs a program as the account. */
export const commandFor = (account: Account, program: string, args: readonly string[]) =>
  account.as === 'namespace'
    ? { program: 'unshare', args: ['--user', '--', program, ...args], ids: {} }
    : { program, args: [...args], ids: account.as === 'nobody' ? { uid: account.uid, gid: account.gid } : {} }

/**
 * The account for a data folder, and binaries that it can run: the current user, or for root the first that works of
 * `nobody`, a user namespace, `nobody` with a copy of the binaries.
 * @throws Problem `unavailable` when root can do neither
 */
export function chooseAccount(
  binaries: Binaries,
  dataDir: string,
): { readonly account: Account; readonly binaries: Binaries } {
  if (process.getuid?.() !== 0) return { account: { as: 'self' }, binaries }
  const reaches = canReach(nobody, dataDir)
  if (reaches && canRun(nobody, binaries)) return { account: nobody, binaries }
  if (canRun({ as: 'namespace' }, binaries)) return { account: { as: 'namespace' }, binaries }
  const copy = reaches ? copyOf(binaries) : undefined
  if (copy !== undefined && canRun(nobody, copy)) return { account: nobody, binaries: copy }
  throw new Problem(
    'unavailable',
    `PostgreSQL does not run as root, and uid ${nobody.uid} cannot use ${reaches ? binaries.root : dataDir}. ` +
      'Start Holdfast as another user, or choose a --data-dir that everybody may enter.',
  )
}

const canRun = (account: Account, binaries: Binaries): boolean => {
  const { program, args, ids } = commandFor(account, binaries.postgres, ['--version'])
  return spawnSync(program, args, { ...ids, stdio: 'ignore' }).status === 0
}

const canReach = (account: Account, folder: string): boolean => {
  const { program, args, ids } = commandFor(account, '/bin/sh', ['-c', 'test -x "$1"', 'sh', folder])
  return spawnSync(program, args, { ...ids, stdio: 'ignore' }).status === 0
}

/** A copy below the temporary folder, made once: a checkout in a private home cannot be entered by anyone else. */
function copyOf(binaries: Binaries): Binaries {
  const version = basename(dirname(dirname(dirname(dirname(binaries.root))))).replaceAll(/[^\w.@+-]/g, '')
  const target = join(tmpdir(), `holdfast-${version}-${process.getuid?.() ?? 'user'}`)
  if (!existsSync(target)) {
    const building = `${target}.${process.pid}`
    cpSync(binaries.root, building, { recursive: true, verbatimSymlinks: true })
    chmodSync(building, 0o755)
    try {
      renameSync(building, target)
    } catch (error) {
      // Another process was faster; its copy is as good.
      if (!existsSync(target)) throw error
    }
  }
  return binariesIn(target)
}

/** Makes a folder, and all in it, the account's. Cheap when it is already. */
export function giveTo(account: Account, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (process.getuid?.() !== 0) return
  const { uid, gid } = account.as === 'nobody' ? account : { uid: 0, gid: 0 }
  if (lstatSync(folder).uid === uid) return
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    lchownSync(join(entry.parentPath, entry.name), uid, gid)
  // Last, so that an interrupted change is taken up again.
  chownSync(folder, uid, gid)
}
