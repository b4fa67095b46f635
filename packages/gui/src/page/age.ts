const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const

/** `42s`, `7m`, `3h`, `12d`: how long ago, in the largest unit that is not zero. */
export function agoText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const unit = units.find(([, size]) => whole >= size)
  return unit === undefined ? `${whole}s` : `${Math.floor(whole / unit[1])}${unit[0]}`
}

/** The same for a moment (RFC 3339); empty where there is none. */
export function sinceText(time: string | null, nowMs: number): string {
  const ms = time === null ? Number.NaN : Date.parse(time)
  return Number.isNaN(ms) ? '' : agoText((nowMs - ms) / 1000)
}
