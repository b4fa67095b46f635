import type { Image, MemoryStore, Row } from '@holdfast/store'
import type { KumaZone } from './kuma-zone.js'
import { DatabaseDown } from './laws.js'
import { skewMaxMs } from './ledger-laws.js'
import { type End, type Link, streams } from './network.js'
import type { ControlPlane, Weather } from './node.js'
import type { Random } from './random.js'
import type { Feature } from './setting.js'
import { entryKey } from './truth.js'

/** How bad it gets. Every number is a chance or a weight; all 0 is calm. */
export interface Storm {
  readonly losesHint: number
  readonly stalls: number
  readonly storeLags: number
  readonly commitFails: number
}

export const calm: Storm = { losesHint: 0, stalls: 0, storeLags: 0, commitFails: 0 }

/** Weather that one control plane is in; changed from outside. */
export class LocalWeather implements Weather {
  storm: Storm = calm
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  stallMs(): number {
    return this.#random.chance(this.storm.stalls) ? this.#random.between(2_000, 30_000) : 0
  }

  storeLagMs(): number {
    return this.#random.chance(this.storm.storeLags) ? this.#random.between(50, 4_000) : 0
  }

  losesHint(): boolean {
    return this.#random.chance(this.storm.losesHint)
  }

  /** What a commit runs into: a database that is gone before it was done. */
  commitFailure(): Error | undefined {
    return this.#random.chance(this.storm.commitFails)
      ? new DatabaseDown('the connection to the database was lost')
      : undefined
  }
}

export const stormOf = (random: Random): Storm => ({
  losesHint: random.pick([0, 0.2, 0.7]),
  stalls: random.pick([0, 0, 0.02]),
  storeLags: random.pick([0, 0.02, 0.2]),
  commitFails: random.pick([0, 0, 0.02]),
})

const faults = {
  cut: 4,
  silence: 2,
  silenceOne: 1,
  freeze: 3,
  crashZone: 2,
  crashGlobal: 1,
  disconnect: 2,
  away: 2,
  /** Only where the seed has it: see `Feature`. */
  dayPasses: 0,
  longAbsence: 0,
  clockSet: 0,
  backup: 0,
  restore: 0,
  wipe: 0,
  wipeZone: 0,
} as const
type Fault = keyof typeof faults

export interface World {
  /** Every process of global. */
  readonly globals: readonly ControlPlane[]
  readonly zones: readonly ControlPlane[]
  readonly links: ReadonlyMap<string, Link>
  /** Zones that cannot reach global now. */
  readonly unreachable: Set<string>
  readonly after: (delayMs: number, run: () => void) => void
  readonly pass: (ms: number) => void
  /** People delete much of what is theirs at once. */
  readonly clearOut: (node: ControlPlane, random: Random) => void
  readonly fill: (node: ControlPlane, random: Random) => void
  /** Somebody copies a store, and somebody puts such a copy back; what is told of it. */
  readonly backUp: (node: ControlPlane) => string
  readonly putBack: (node: ControlPlane, random: Random) => string
  /** Global loses its store, with all that was ever in it. */
  readonly wipe: (random: Random) => string
  /** The same of a zone. */
  readonly wipeZone: (node: ControlPlane, random: Random) => string
  readonly has: ReadonlySet<Feature>
}

const hourMs = 3_600_000
const longestLinkMs = 48 * hourMs

const weightsOf = (has: ReadonlySet<Feature>): Readonly<Record<Fault, number>> => ({
  ...faults,
  dayPasses: has.has('days') ? 4 : 0,
  longAbsence: has.has('days') ? 3 : 0,
  clockSet: has.has('clocks') ? 4 : 0,
  backup: has.has('restores') ? 5 : 0,
  restore: has.has('restores') ? 2.5 : 0,
  wipe: has.has('wipes') ? 1.5 : 0,
  wipeZone: has.has('zoneWipes') ? 1.5 : 0,
})

/** One fault somewhere. Returns what it was, for the story. */
export function strike(world: World, random: Random): string {
  const zone = random.pick(world.zones)
  if (zone === undefined) return 'nothing: there are no zones'
  const link = world.links.get(zone.name)
  const fault = random.weighted(weightsOf(world.has))
  switch (fault) {
    case 'cut':
      link?.cut()
      return `the link of ${zone.name} is cut`
    case 'silence': {
      const from = random.pick<End>(['zone', 'global'])
      link?.silence(from)
      return `the link of ${zone.name} is half-open: nothing of ${from} arrives`
    }
    case 'silenceOne': {
      const stream = random.pick(streams)
      link?.silence(random.pick<End>(['zone', 'global']), [stream])
      return `${stream} of ${zone.name} is half-open`
    }
    case 'freeze': {
      const forMs = random.between(500, 25_000)
      link?.freeze(forMs)
      return `the link of ${zone.name} is frozen for ${forMs} ms`
    }
    case 'crashZone':
      return crash(zone, world, random)
    case 'crashGlobal':
      return crash(random.pick(world.globals) ?? zone, world, random)
    case 'disconnect':
      zone.disconnect()
      return `${zone.name} disconnects`
    case 'dayPasses':
      return dayPasses(world, random)
    case 'longAbsence':
      return longAbsence(zone, random.chance(0.7) ? zone : (random.pick(world.globals) ?? zone), world, random)
    case 'clockSet': {
      const node = random.pick([...world.globals, ...world.zones]) ?? zone
      node.wall.skewMs = random.between(-skewMaxMs, skewMaxMs)
      return `the clock of ${processName(node)} is set: ${(node.wall.skewMs / 60_000).toFixed(0)} minutes from the true time`
    }
    case 'backup':
      return world.backUp(zoneOrGlobal(zone, world, random))
    case 'restore':
      return world.putBack(zoneOrGlobal(zone, world, random), random)
    case 'wipe':
      return world.wipe(random)
    case 'wipeZone':
      return world.wipeZone(zone, random)
    case 'away': {
      const forMs = random.between(2_000, 40_000)
      world.unreachable.add(zone.name)
      link?.cut()
      world.after(forMs, () => world.unreachable.delete(zone.name))
      return `${zone.name} is away for ${forMs} ms`
    }
  }
}

const zoneOrGlobal = (zone: ControlPlane, { globals }: World, random: Random): ControlPlane =>
  random.chance(0.5) ? (globals[0] ?? zone) : zone

/** Mostly somebody is away while it does: whoever comes back finds logs that do not reach back to where he stood. */
function dayPasses(world: World, random: Random): string {
  const forMs = random.pick([25, 25, 70, 8 * 24]) * hourMs
  // Nothing is kept for a session that says nothing for a week: no link lives so long, and hardly a process.
  if (forMs > longestLinkMs) for (const node of [...world.globals, ...world.zones]) crash(node, world, random)
  world.pass(forMs)
  for (const node of [...world.globals, ...world.zones]) {
    if (random.chance(0.2)) continue
    world.after(random.between(0, 5_000), () => node.upkeep())
  }
  return `${forMs / hourMs} hours pass`
}

/** Whoever is away for longer than a log is kept finds out by comparing, and addresses may have gone to others meanwhile. */
function longAbsence(zone: ControlPlane, sender: ControlPlane, world: World, random: Random): string {
  // Away is the zone whose things go, so that global does not hear of it, or another one, which only global hears of it.
  const away = random.chance(0.6) ? zone : (random.pick(world.zones) ?? zone)
  world.fill(sender, random)
  world.after(4_000, () => {
    world.unreachable.add(away.name)
    world.links.get(away.name)?.cut()
  })
  world.after(random.between(4_500, 6_000), () => world.clearOut(sender, random))
  world.after(9_000, () => {
    for (const node of [...world.globals, ...world.zones]) crash(node, world, random, 1_000)
    world.pass(8 * 24 * hourMs)
  })
  world.after(11_000, () => sender.upkeep())
  world.after(12_000, () => world.fill(sender, random))
  world.after(random.between(13_000, 25_000), () => world.unreachable.delete(away.name))
  return `${away.name} goes away for more than a week; ${processName(sender)} is filled, cleared out and filled again`
}

/** One fault that a zone which speaks plain Kuma KDS suffers. */
export function strikeKuma(kuma: KumaZone, world: World, random: Random): string {
  const link = random.pick(kuma.links)
  switch (random.weighted({ cut: 4, silence: 2, freeze: 3, crash: 2, away: 2 })) {
    case 'cut':
      link?.cut()
      return 'one of its streams is cut'
    case 'silence':
      if (link !== undefined) kuma.silence(link, random.pick<End>(['zone', 'global']))
      return 'one of its streams is half-open'
    case 'freeze': {
      const forMs = random.between(500, 25_000)
      link?.freeze(forMs)
      return `one of its streams is frozen for ${forMs} ms`
    }
    case 'crash': {
      const forMs = random.between(10, 15_000)
      kuma.crash()
      world.after(forMs, () => kuma.start())
      return `it is killed, back in ${forMs} ms`
    }
    case 'away': {
      const forMs = random.between(2_000, 40_000)
      world.unreachable.add(kuma.name)
      for (const one of kuma.links) one.cut()
      world.after(forMs, () => world.unreachable.delete(kuma.name))
      return `it is away for ${forMs} ms`
    }
  }
}

const processName = ({ name, replica }: ControlPlane): string => name || `global ${replica}`

function crash(node: ControlPlane, world: World, random: Random, mostMs = 15_000): string {
  const forMs = random.between(10, mostMs)
  node.crash()
  world.after(forMs, () => node.start())
  return `${processName(node)} is killed, back in ${forMs} ms`
}

/** One copy changed or lost behind the store's back: what a bad disk or a hand at the database does. Returns its key. */
export function tamper(store: MemoryStore, random: Random): string | undefined {
  const image = store.snapshot()
  const copies = [...image.rows].filter(([, row]) => row.origin !== store.identity.name && !row.deleted)
  const loses = random.chance(0.5)
  const picked = random.pick(loses ? copies.filter(([, row]) => isPlain(row)) : copies)
  if (picked === undefined) return undefined
  const [key, row] = picked
  if (loses) loseRow(image, key)
  else image.rows.set(key, { ...row, offeredEntry: random.hex(32) })
  store.restore(image)
  return entryKey(row)
}

/** Services hang together with the ledger, blocks and meshes with what lives in them: their loss is another story. */
const isPlain = (row: Row): boolean => !['MeshService', 'MeshMultiZoneService', 'Mesh', 'VipBlock'].includes(row.type)

function loseRow(image: Image, key: string): void {
  image.rows.delete(key)
}
