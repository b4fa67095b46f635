import { mulberry32 } from '../services.js'
import { keyOf, type Operation } from './judge.js'

export interface WorkloadOptions {
  readonly seed: number
  readonly zones: readonly string[]
  /** In each zone, at first; about as many stay. */
  readonly servicesPerZone: number
}

/** Of each hundred operations; all others change a service that is there. */
const deletes = 10
const creates = 4
const returns = 6

/**
 * Services that come, change, go and come back, by chance that can be had again: the same seed gives the same operations.
 * A few services change much more often than the others, as those do that are being rolled out.
 */
export class Workload {
  readonly #chance: () => number
  readonly #zones: readonly string[]
  readonly #there = new Map<string, string[]>()
  readonly #deleted = new Map<string, string[]>()
  readonly #stepOf = new Map<string, number>()
  readonly #perZone: number
  #step = 0
  #made = 0

  constructor({ seed, zones, servicesPerZone }: WorkloadOptions) {
    this.#chance = mulberry32(seed)
    this.#zones = zones
    this.#perZone = servicesPerZone
  }

  /** Step of each service that has to be there by now. */
  get expected(): ReadonlyMap<string, number> {
    return this.#stepOf
  }

  /** The services that are there before anything changes. */
  first(): readonly Operation[] {
    return this.#zones.flatMap((zone) => Array.from({ length: this.#perZone }, () => this.#create(zone)))
  }

  next(): Operation {
    const zone = this.#zones[Math.floor(this.#chance() * this.#zones.length)] ?? ''
    const there = this.#there.get(zone) ?? []
    const deleted = this.#deleted.get(zone) ?? []
    const draw = this.#chance() * 100
    const isLow = there.length < this.#perZone / 2
    if (draw < deletes && !isLow) return this.#delete(zone, there, deleted)
    if (draw < deletes + creates || there.length === 0) return this.#create(zone)
    if (draw < deletes + creates + returns && deleted.length > 0) return this.#return(zone, there, deleted)
    return this.#put(zone, there[Math.floor(this.#chance() ** 3 * there.length)] ?? '')
  }

  #create(zone: string): Operation {
    const name = `service-${++this.#made}`
    this.#there.set(zone, [...(this.#there.get(zone) ?? []), name])
    return this.#put(zone, name)
  }

  #delete(zone: string, there: string[], deleted: string[]): Operation {
    const [name = ''] = there.splice(Math.floor(this.#chance() * there.length), 1)
    this.#deleted.set(zone, [...deleted, name])
    this.#stepOf.delete(keyOf({ zone, name }))
    return { step: ++this.#step, zone, name, does: 'delete' }
  }

  #return(zone: string, there: string[], deleted: string[]): Operation {
    const [name = ''] = deleted.splice(Math.floor(this.#chance() * deleted.length), 1)
    there.push(name)
    return this.#put(zone, name)
  }

  #put(zone: string, name: string): Operation {
    const step = ++this.#step
    this.#stepOf.set(keyOf({ zone, name }), step)
    return { step, zone, name, does: 'put' }
  }
}
