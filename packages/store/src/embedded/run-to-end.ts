import { type ExecFileOptions, execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What does not end by itself after it was told to is killed. */
const graceMs = 5_000

/**
 * Runs a program until it has ended, also where the signal says that it is to: `execFile` alone goes on as soon as it has told it, while
 * it still writes, and whoever stops would leave it behind.
 *
 * @throws what `execFile` throws: its error with `stderr`, or the AbortError
 */
export async function runToEnd(program: string, args: readonly string[], options: ExecFileOptions): Promise<void> {
  const running = promisify(execFile)(program, args, options)
  const { child } = running
  // One that could not be started has no number, and no end.
  const ended =
    child.pid === undefined ? Promise.resolve() : new Promise<void>((done) => child.once('close', () => done()))
  try {
    await running
  } finally {
    const kill = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await ended
    clearTimeout(kill)
  }
}
