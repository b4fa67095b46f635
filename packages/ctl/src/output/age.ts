const secondsPer = { m: 60, h: 3_600, d: 86_400, y: 31_536_000 }

/** How long ago a time of RFC 3339 was, as kumactl writes it: `12s`, `5m`, `3h`, `9d`, `1y`; `never` without a time. */
export function ageText(time: unknown, nowMs: number): string {
  const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(ms)) return 'never'
  const seconds = Math.floor((nowMs - ms) / 1000)
  // A clock that is a little ahead is no reason to say "never".
  if (seconds < 0) return seconds > -60 ? '0s' : 'never'
  if (seconds < secondsPer.m) return `${seconds}s`
  if (seconds < secondsPer.h) return `${Math.floor(seconds / secondsPer.m)}m`
  if (seconds < secondsPer.d) return `${Math.floor(seconds / secondsPer.h)}h`
  if (seconds < secondsPer.y) return `${Math.floor(seconds / secondsPer.d)}d`
  return `${Math.floor(seconds / secondsPer.y)}y`
}
