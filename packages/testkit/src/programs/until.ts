import { reached } from '../level.js'

export interface UntilOptions {
  readonly what: string
  readonly withinMs: number
  readonly signal: AbortSignal
}

/**
 * Waits for a level, never for the next event.
 * @throws if the level is not reached in time (with what was awaited), or if the signal aborts
 */
export async function until(level: () => boolean | Promise<boolean>, options: UntilOptions): Promise<void> {
  if (!(await reached(level, options.withinMs, options.signal)))
    throw new Error(`waited ${options.withinMs / 1000} s for ${options.what}`)
}
