import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../ctl/dist/main.js', import.meta.url))

/**
 * Runs `holdfastctl` as a person would.
 * @param input given to its standard input
 * @throws with everything it printed if it fails
 */
export async function holdfastctl(url: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(process.execPath, [program, '--url', url, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.end(input)
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
  const printed = Buffer.concat(out).toString()
  if (status !== 0)
    throw new Error(`holdfastctl ${args.join(' ')} ended with ${status}:\n${printed}${Buffer.concat(err).toString()}`)
  return printed
}
