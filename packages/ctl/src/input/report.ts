import { placedText, skippedText } from '@holdfast/model'
import { CliError, type Io } from '../io.js'
import type { Input } from './resources.js'

/**
 * Tells what to know about the input; throws with every problem, if there is one.
 * @param hint what may be behind them
 */
export function reportInput(io: Io, input: Input, hint?: string | undefined): void {
  for (const warning of input.warnings) io.err.write(`Warning: ${placedText(warning)}\n`)
  const skipped = skippedText(input)
  if (skipped !== undefined) io.err.write(`${skipped}\n`)
  const { length } = input.problems
  if (length > 0)
    throw new CliError(
      [
        `${length} problem${length === 1 ? '' : 's'}, nothing was done:`,
        ...input.problems.map(placedText),
        ...(hint === undefined ? [] : [hint]),
      ].join('\n'),
    )
}
