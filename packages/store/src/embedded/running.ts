import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLockFile } from './lock-file.js'

/** Where the embedded database of a data folder listens now; undefined if it does not run. */
export function runningEmbedded(dataDir: string): string | undefined {
  const lock = readLockFile(join(dataDir, 'postgres'))
  const file = join(dataDir, 'postgres.password')
  if (lock?.port === undefined || lock.status !== 'ready' || !existsSync(file) || !isAlive(lock.pid)) return undefined
  return `postgres://holdfast:${readFileSync(file, 'utf8').trim()}@127.0.0.1:${lock.port}/holdfast`
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, and belongs to somebody else: where we are root, the database runs as another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
