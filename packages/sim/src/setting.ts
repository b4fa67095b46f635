import { pageBytes } from '@holdfast/kds'
import type { Cuts } from './cuts.js'
import type { Random } from './random.js'

/** What a world may have beyond the ordinary. Each seed has some of it, and a shrunk one goes without what it can. */
export const features = [
  'liars',
  'tamper',
  'lostHints',
  'days',
  'clocks',
  'slowReader',
  'lateStart',
  'echoes',
  'hooks',
  'restores',
  'wipes',
  'kumas',
  'zoneWipes',
] as const
export type Feature = (typeof features)[number]

/** How often a seed has each. */
const chances: Readonly<Record<Feature, number>> = {
  liars: 0.3,
  /** Rows are changed by hand, when the storm ends and once more when all is calm. */
  tamper: 0.25,
  /** In calm weather, something changes and nobody is told of it. */
  lostHints: 0.25,
  /** Days pass between two moments: logs are compacted, quarantines end, masses go by absence. */
  days: 0.25,
  /** No two clocks agree, and they are set while everything runs. */
  clocks: 0.2,
  /** One zone takes what it is sent a message at a time, seconds apart, and nobody else waits for it. */
  slowReader: 0.15,
  /** Global's processes run before anybody has initialised its store. */
  lateStart: 0.15,
  /** Some answers are heard twice, the second time after what was said since. */
  echoes: 0.2,
  /** Global publishes services and policies only with the consent of a hook, which says no, fails and hangs. */
  hooks: 0.2,
  /** Stores are put back to an earlier state, and find out by the file beside them or by those who remember more. */
  restores: 0.15,
  /** Global's store is lost whole, and a new one stands in its place. */
  wipes: 0.05,
  /** One or two zones more speak the original KDS, as a Kuma does. */
  kumas: 0.15,
  /** A zone loses its store whole, and comes back with a new one that somebody adopts. */
  zoneWipes: 0.06,
}

/** What a seed is about, before anything happens. */
export interface Setting {
  readonly zones: number
  /** Processes of global on one store. */
  readonly replicas: number
  readonly stormMs: number
  /** At most so long between two changes by people, and between two faults. */
  readonly paceMs: number
  readonly spreadMs: number
  readonly pageBytes: number
  /** Blocks so small that everybody wants the same addresses all the time. */
  readonly smallBlocks: boolean
  readonly has: ReadonlySet<Feature>
}

/** Most worlds are small and their storms short, so that there are many of them; a few are neither. */
const sizes = { 2: 30, 3: 38, 4: 18, 5: 11, 8: 2.5, 20: 0.3, 50: 0.2 } as const
const replicas = { 1: 60, 2: 20, 3: 13, 5: 7 } as const
const lengths = { short: 55, middle: 35, long: 10 } as const
const lengthsMs = { short: [3_000, 10_000], middle: [10_000, 25_000], long: [25_000, 60_000] } as const

export function settingOf(random: Random, cuts: Cuts, zones?: number): Setting {
  const [least, most] = lengthsMs[random.fork('length').weighted(lengths)]
  const drawn = Number(random.fork('zones').weighted(sizes))
  return {
    zones: cuts.zones ?? zones ?? drawn,
    replicas: cuts.replicas ?? Number(random.fork('replicas').weighted(replicas)),
    stormMs: cuts.stormMs ?? random.fork('storm').between(least, most),
    paceMs: random.fork('pace').pick([200, 500, 1_500]),
    spreadMs: random.fork('spread').pick([600, 1_500, 5_000]),
    pageBytes: random.fork('pages').pick([pageBytes, 4_000, 1_000]),
    smallBlocks: random.fork('blocks').chance(0.7),
    has: new Set(
      features.filter(
        (feature) =>
          (random.fork(feature).chance(chances[feature]) || cuts.with?.includes(feature) === true) &&
          cuts.without?.includes(feature) !== true,
      ),
    ),
  }
}

export const settingText = ({ zones, replicas, stormMs, has }: Setting): string =>
  `${zones} zones, ${replicas} of global, a storm of ${(stormMs / 1000).toFixed(1)} s${has.size === 0 ? '' : `, with ${[...has].join(', ')}`}`

/** Throws an error that names what it does not know. */
export function featureFrom(word: string): Feature {
  const found = features.find((feature) => feature === word)
  if (found === undefined)
    throw new Error(`"${word}" is nothing that a seed may have or can do without: ${features.join(', ')}`)
  return found
}
