import { Problem } from '@holdfast/model'
import type { ConfigProblem } from '../config/resolve.js'

/** Tells every problem of a configuration at once, one line each. */
export const configProblemText = (problems: readonly ConfigProblem[]): string =>
  [
    `${problems.length === 1 ? 'a problem' : `${problems.length} problems`} with the configuration, nothing was started:`,
    ...problems.map((p) => `  ${p.key} (${p.source}): ${p.message}`),
  ].join('\n')

const code = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

/** A port that cannot be listened on, with what to set instead. */
export function listenProblem(what: string, flag: string, address: string, port: number, error: unknown): Error {
  switch (code(error)) {
    case 'EADDRINUSE':
      return new Problem(
        'conflict',
        `port ${port} on ${address} for the ${what} is in use: stop what listens there, or choose another one with ${flag}`,
      )
    case 'EACCES':
      return new Problem(
        'forbidden',
        `port ${port} on ${address} for the ${what} needs privileges: choose one above 1023 with ${flag}`,
      )
    case 'EADDRNOTAVAIL':
      return new Problem(
        'invalid',
        `this machine has no address ${address} for the ${what}: choose another one with ${flag.replace('-port', '-address')}`,
      )
    default:
      return error instanceof Error ? error : new Error(String(error))
  }
}
