import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = (name: string): string => fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))
const folders: string[] = []
const groups: ChildProcess[] = []

/** Kills what a failed test has left, and removes the folders. */
export function cleanUp(): void {
  for (const { pid } of groups)
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended, as it should have.
    }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

export interface Demo {
  readonly child: ChildProcess
  /** Its temporary folder: every process that it starts speaks of it. */
  readonly folder: string
  readonly ended: Promise<{ readonly status: number | undefined; readonly out: string; readonly err: string }>
  /** What is on its standard output so far: results. */
  out(): string
  /** Resolves when these words are there. */
  printed(words: string): Promise<void>
  /** Resolves when it tells these words on its standard error: progress. */
  said(words: string): Promise<void>
}

/** One of this room's programs, in a process group of its own, as a shell would start it. */
export function start(program: string, args: readonly string[]): Demo {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-test-'))
  folders.push(folder)
  const child = spawn(process.execPath, [built(program), ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  groups.push(child)
  let out = ''
  let err = ''
  let look: (() => void)[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    for (const each of look) each()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    for (const each of look) each()
  })
  const ended = new Promise<{ readonly status: number | undefined; readonly out: string; readonly err: string }>(
    (resolve) => child.once('close', (status) => resolve({ status: status ?? undefined, out, err })),
  )
  const until = (words: string, level: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const each = (): void => {
        if (level()) resolve()
      }
      look = [...look, each]
      each()
      void ended.then(() => reject(new Error(`it ended without "${words}":\n${out}${err}`)))
    })
  return {
    ...{ child, folder, ended, out: () => out },
    printed: (words) => until(words, () => out.includes(words)),
    said: (words) => until(words, () => err.includes(words)),
  }
}
