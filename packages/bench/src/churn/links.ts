import { setTimeout } from 'node:timers/promises'
import type { TcpProxy } from '@holdfast/testkit'

/** How a link breaks: each end is told, in order or not; nobody is told; or nobody is to be reached for a while. */
export const breaks = ['reset', 'fin', 'freeze', 'refuse'] as const
export type Break = (typeof breaks)[number]

export interface Outage {
  readonly how: Break
  /** Until it is mended. A connection that was ended may be made again at once. */
  readonly forMs: number
}

const longestMs = 20_000

/** @param chance two fractions in [0, 1) */
export function outageOf(how: number, long: number): Outage {
  const kind = breaks[Math.floor(how * breaks.length)] ?? 'reset'
  // Squared: most are short, as real ones are.
  return { how: kind, forMs: kind === 'reset' || kind === 'fin' ? 0 : Math.round(long ** 2 * longestMs) }
}

/** Breaks a link and mends it. Resolves when it is whole again. */
export async function suffer(link: TcpProxy, { how, forMs }: Outage, signal: AbortSignal): Promise<void> {
  if (how === 'freeze') link.freeze()
  else {
    if (how === 'refuse') await link.refuse()
    link.cut(how === 'fin' ? 'fin' : 'reset')
  }
  // Mended early where the run ends.
  await setTimeout(forMs, undefined, { signal }).catch(() => undefined)
  await link.restore()
}
