#!/usr/bin/env node
import { readdir, readFile, stat } from 'node:fs/promises'
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
}

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())
process.once('SIGTERM', () => interrupted.abort())
// A reader that has seen enough (`| head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const io: Io = {
  out: process.stdout,
  err: process.stderr,
  colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
  nowMs: Date.now,
  signal: interrupted.signal,
  files,
}

process.exitCode = await runProgram(process.argv.slice(2), io, { version, env: process.env, fetch })
