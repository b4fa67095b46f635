import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a running PostgreSQL writes into `postmaster.pid` of its data folder. */
export interface LockFile {
  readonly text: string
  readonly pid: number
  readonly port?: number | undefined
  /** `starting`, `stopping`, `ready`, `standby`; undefined before it has said so. */
  readonly status?: string | undefined
}

/** Undefined where there is none, or where it is being written just now. */
export function readLockFile(folder: string): LockFile | undefined {
  let text: string
  try {
    text = readFileSync(join(folder, 'postmaster.pid'), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const [pid, , , port, , , , status] = text.split('\n').map((line) => line.trim())
  const number = Number(pid)
  if (!Number.isInteger(number) || number <= 0) return undefined
  return {
    text,
    pid: number,
    ...(port === undefined || port === '' ? {} : { port: Number(port) }),
    ...(status === undefined || status === '' ? {} : { status }),
  }
}
