/** A call that brought no answer that could be used. */
export class HookFailure extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(printable(reason), options)
    this.name = 'HookFailure'
  }
}

const textMax = 300

/** What a stranger says, fit for a log line: bounded, without control characters. */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()
  return clean.length <= textMax ? clean : `${clean.slice(0, textMax)}…`
}
