import { chance } from '../order.js'

/** What a storm may do, to whom. Each ends by itself, and everything is as before. */
export const kinds = [
  'reset the link of',
  'end the link of in order',
  'hold back what goes to the hub from',
  'slow the link of',
  'kill zone',
  'kill hub',
  'restart hub',
  'stop hub',
  'reset the database of',
  'hold back the database of',
  'restart the databases of',
  'kill Redis',
] as const
export type Kind = (typeof kinds)[number]

export interface StormFault {
  /** There are two: one fault after the other in each. */
  readonly lane: number
  readonly atMs: number
  readonly lastsMs: number
  readonly kind: Kind
  /** Name of a zone, a hub or a cluster; '' where there is only one. */
  readonly target: string
}

export interface StormSizes {
  readonly seed: number
  readonly ms: number
  readonly globals: number
  readonly zones: readonly string[]
}

const lanes = 2
const lastsMostMs = 8_000
const lastsLeastMs = 1_000
const restMostMs = 4_000

const targetsOf = (kind: Kind, globals: number, zones: readonly string[]): readonly string[] => {
  const hubs = Array.from({ length: globals }, (_, i) => `global-${i + 1}`)
  switch (kind) {
    case 'reset the link of':
    case 'end the link of in order':
    case 'hold back what goes to the hub from':
    case 'slow the link of':
    case 'kill zone':
      return zones
    case 'kill hub':
    case 'restart hub':
    case 'stop hub':
      return hubs
    case 'reset the database of':
    case 'hold back the database of':
      return [...hubs, ...zones]
    case 'restart the databases of':
      return ['the hubs', 'the zones']
    case 'kill Redis':
      return ['']
  }
}

/** Two at a time, never the same target in both: the schedule is a function of the seed and the sizes. */
export function planStorm({ seed, ms, globals, zones }: StormSizes): readonly StormFault[] {
  const next = chance(seed)
  const pick = <T>(things: readonly T[]): T | undefined => things[Math.floor(next() * things.length)]
  const planned: StormFault[] = []
  const freeAtMs = Array.from({ length: lanes }, () => 0)
  for (;;) {
    const atMs = Math.min(...freeAtMs)
    const lane = freeAtMs.indexOf(atMs)
    const lastsMs = Math.round(lastsLeastMs + next() * (lastsMostMs - lastsLeastMs))
    if (atMs + lastsMs > ms) return planned
    const busy = planned.filter((fault) => fault.atMs + fault.lastsMs > atMs).map(({ target }) => target)
    const kind = pick(kinds) ?? 'kill zone'
    const target = pick(targetsOf(kind, globals, zones).filter((one) => !busy.includes(one)))
    freeAtMs[lane] = atMs + lastsMs + Math.round(next() * restMostMs)
    if (target !== undefined) planned.push({ lane, atMs, lastsMs, kind, target })
  }
}
