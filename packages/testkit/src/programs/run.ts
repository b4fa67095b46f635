import { spawn } from 'node:child_process'

/**
 * Runs one of our programs to its end.
 * @param options.signal ends it early: nothing outlives who asked
 * @returns what it printed
 * @throws with everything it printed if it fails
 */
export async function run(
  name: string,
  program: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly input?: string },
): Promise<string> {
  const { signal, input = '' } = options
  signal.throwIfAborted()
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const stop = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  }).finally(() => signal.removeEventListener('abort', stop))
  signal.throwIfAborted()
  const printed = Buffer.concat(out).toString()
  if (status !== 0)
    throw new Error(`${name} ${args.join(' ')} ended with ${status}:\n${printed}${Buffer.concat(err).toString()}`)
  return printed
}
