/**
 * The value of a flag that is a number.
 * @throws Error that names the flag, its limit and what was given
 */
export function numberOf(name: string, text: string, least = 1): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} must be a whole number of at least ${least}, not ${text}`)
  return value
}
