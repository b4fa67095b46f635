import { fileURLToPath } from 'node:url'
import { run } from './run.js'

const program = fileURLToPath(new URL('../../../ctl/dist/program/main.js', import.meta.url))

/**
 * Runs `holdfastctl` as a person would.
 * @param options.input given to its standard input
 * @returns what it printed
 * @throws with everything it printed if it fails
 */
export const holdfastctl = (
  url: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly input?: string },
): Promise<string> => run('holdfastctl', program, ['--url', url, ...args], options)
