const version = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/

export const isVersion = (text: string): boolean => version.test(text)

/**
 * Negative: `a` is older. Only the three numbers count: a pre-release can do what its release can.
 * @throws if either is no version
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  for (const [i, number] of left.entries()) {
    const difference = number - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function numbersOf(text: string): readonly number[] {
  const match = version.exec(text)
  if (match === null) throw new Error(`"${text}" is not a version`)
  return match.slice(1, 4).map(Number)
}
