/** Milliseconds per unit of a Go duration. */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/** Reads a duration as Go writes it (`24h0m0s`, `1.5h`, `-10s`, `0`). @returns milliseconds; undefined for what is none */
export function parseGoDuration(text: string): number | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined
  let totalMs = 0
  for (const [, number = '', unit = ''] of rest.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g))
    totalMs += Number(number) * (units[unit] ?? 0)
  return sign === '-' ? -totalMs : totalMs
}

/** As Go prints it: `1h30m0s`, `10s`, `0s`; whole milliseconds. */
export function goDurationText(ms: number): string {
  const sign = ms < 0 ? '-' : ''
  const total = Math.abs(Math.trunc(ms))
  if (total === 0) return '0s'
  if (total < 1_000) return `${sign}${total}ms`
  const hours = Math.floor(total / 3_600_000)
  const minutes = Math.floor((total % 3_600_000) / 60_000)
  const seconds = `${(total % 60_000) / 1_000}s`
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`
}
