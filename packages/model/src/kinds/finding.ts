import type { Violation } from '../problems.js'

/**
 * One remark on a spec. Who minds decides the level:
 * `refused`: Kuma minds as well, so it is refused wherever it comes from;
 * `strict`: our API refuses it, but a Kuma peer may have stored it, so over KDS it is only shown;
 * `warning`: nobody refuses it, and its author should know.
 */
export interface Finding extends Violation {
  readonly level: 'refused' | 'strict' | 'warning'
}

export const refused = (path: string, message: string): Finding => ({ level: 'refused', path, message })
export const strict = (path: string, message: string): Finding => ({ level: 'strict', path, message })
export const warning = (path: string, message: string): Finding => ({ level: 'warning', path, message })
