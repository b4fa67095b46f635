import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Account, commandFor } from './account.js'

/**
 * A database outlives a parent that was killed, so it runs under a shell that listens to its parent: a line on
 * standard input asks for an orderly stop, the end of input (the parent is gone, however it went) for an immediate
 * one. Nothing is lost by the latter; the next start replays the log.
 */
const script = `
exec 3<&0
"$@" </dev/null 3<&- &
database=$!
( while read -r line <&3; do kill -INT $database; done; kill -QUIT $database ) 2>/dev/null &
listener=$!
exec 3<&-
wait $database
code=$?
kill $listener 2>/dev/null
exit $code
`

export interface Supervised {
  readonly pid: number | undefined
  /** Resolves when the program has ended, whoever ended it. */
  readonly ended: Promise<{ readonly code: number | null; readonly error?: Error | undefined }>
  hasEnded(): boolean
  /** Asks for an orderly stop; after `graceMs` for an immediate one. Resolves when it has ended. */
  stop(graceMs: number): Promise<void>
}

/** Starts a program that ends with this process. Its output is appended to `logFile`. */
export function supervise(account: Account, program: string, args: readonly string[], logFile: string): Supervised {
  const log = openSync(logFile, 'a', 0o600)
  const command = commandFor(account, '/bin/sh', ['-c', script, 'sh', program, ...args])
  // A session of its own: Ctrl-C on our terminal must not stop the database before we are done with it.
  const child = spawn(command.program, command.args, {
    ...command.ids,
    cwd: '/',
    detached: true,
    env: environment(),
    stdio: ['pipe', log, log],
  })
  closeSync(log)
  return new SupervisedChild(child)
}

class SupervisedChild implements Supervised {
  readonly pid: number | undefined
  readonly ended: Supervised['ended']
  readonly #child: ChildProcess
  #hasEnded = false

  constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, error }))
      child.once('exit', (code) => resolve({ code }))
    })
    void this.ended.then(() => {
      this.#hasEnded = true
    })
    // Writing to one that has just ended is no error of ours: `ended` tells.
    child.stdin?.on('error', () => {})
    // The database must not keep a program alive that has nothing else to do.
    child.unref()
    if (child.stdin instanceof Socket) child.stdin.unref()
  }

  hasEnded(): boolean {
    return this.#hasEnded
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#hasEnded) return
    this.#child.ref()
    this.#child.stdin?.write('stop\n')
    const timer = setTimeout(() => this.#child.stdin?.end(), graceMs)
    await this.ended
    clearTimeout(timer)
  }
}

/** What the database needs of our environment, and nothing that would configure it. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' })
