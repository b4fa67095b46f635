#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import type { Files, Io } from './io.js'
import { runProgram } from './program.js'
import { version } from './version.js'

const files: Files = {
  async kind(path) {
    const found = await stat(path).catch(() => undefined)
    return found === undefined ? undefined : found.isDirectory() ? 'folder' : 'file'
  },
  list: (folder) => readdir(folder),
  read: (path) => readFile(path, 'utf8'),
  async readStdin() {
    const chunks: Uint8Array[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array)
    return Buffer.concat(chunks).toString('utf8')
  },
  async writePrivate(path, text) {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await writeFile(path, text, { mode: 0o600 })
    // A file that was there already keeps its mode otherwise.
    await chmod(path, 0o600)
  },
  remove: (path) => rm(path, { force: true }),
}

const interrupted = new AbortController()
/** What comes sooner after the first signal is the same one: a terminal tells the whole group, and npm and pnpm tell their child once more. */
const sameAskMs = 300
let askedMs = 0
function interrupt(name: NodeJS.Signals): void {
  if (!interrupted.signal.aborted) {
    askedMs = performance.now()
    interrupted.abort()
  } else if (performance.now() - askedMs >= sameAskMs) {
    // As if nobody listened: what waits for an answer to a write is told what a second signal means.
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
    process.kill(process.pid, name)
  }
}
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
// A reader that has seen enough (`| head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { signal } = interrupted
/** As it is now: whoever is told to make it higher does so while we run. */
const window = {
  get columns() {
    return process.stdout.columns
  },
  get rows() {
    return process.stdout.rows
  },
}
const io: Io = {
  out: process.stdout,
  err: process.stderr,
  colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
  terminal: process.stdout.isTTY === true ? window : undefined,
  errIsTerminal: process.stderr.isTTY === true,
  nowMs: Date.now,
  wait: (ms) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const stop = (): void => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal.addEventListener('abort', stop, { once: true })
    }),
  signal,
  files,
  runInTerminal: (command, file) =>
    new Promise((resolve, reject) => {
      // An editor with arguments (`code --wait`) is what people have in EDITOR.
      const child = spawn('/bin/sh', ['-c', `${command} "$0"`, file], { stdio: 'inherit' })
      child.once('error', reject)
      child.once('close', (status) => resolve(status ?? 1))
    }),
}

process.exitCode = await runProgram(process.argv.slice(2), io, {
  version,
  env: process.env,
  home: homedir(),
  connect: async (tls) => (await import('./http-fetch.js')).httpFetch(tls),
})
