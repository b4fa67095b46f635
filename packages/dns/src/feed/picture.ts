import { type HostnameGenerator, hostnameGeneratorOf, type Resource, vipPoolKind } from '@holdfast/model'
import type { Served } from '../answer.js'
import { Authority, apexesOf, reverseApexesOf } from '../table/authority.js'
import { type ServableRow, type ServedService, servedOf, serviceKey } from '../table/served.js'
import { NameTable } from '../table/table.js'

/** A HostnameGenerator as it is kept: enough to compile it again. */
export interface StoredGenerator extends Pick<Resource, 'name' | 'origin' | 'spec'> {
  readonly createdAtMs: number
}

/** One step of the picture; a snapshot is a list of them. */
export type Change =
  | { readonly change: 'service'; readonly service: ServedService }
  | { readonly change: 'gone'; readonly key: string }
  | { readonly change: 'generator'; readonly generator: StoredGenerator }
  | { readonly change: 'no generator'; readonly name: string }
  | { readonly change: 'pool'; readonly name: string; readonly cidr: string }
  | { readonly change: 'no pool'; readonly name: string }

export const serviceTypes = ['MeshService', 'MeshExternalService', 'MeshMultiZoneService'] as const
/** What the picture is made of. */
export const pictureTypes: readonly string[] = [...serviceTypes, 'HostnameGenerator', 'VipPool']

/** What a row of the log means for the picture. */
export function changeOf(row: ServableRow): Change {
  if (row.type === 'HostnameGenerator') {
    const { name, origin, spec, createdAtMs } = row
    return row.deleted
      ? { change: 'no generator', name }
      : { change: 'generator', generator: { name, origin, spec, createdAtMs } }
  }
  if (row.type === 'VipPool') {
    const cidr = row.deleted ? undefined : vipPoolKind.read(row.spec)?.cidr
    return cidr === undefined ? { change: 'no pool', name: row.name } : { change: 'pool', name: row.name, cidr }
  }
  const service = servedOf(row)
  return service === undefined ? { change: 'gone', key: serviceKey(row) } : { change: 'service', service }
}

/** What a change is about: the last word on it counts. */
export function subjectOf(change: Change): string {
  switch (change.change) {
    case 'service':
      return `service ${serviceKey(change.service)}`
    case 'gone':
      return `service ${change.key}`
    case 'generator':
      return `generator ${change.generator.name}`
    case 'no generator':
      return `generator ${change.name}`
    case 'pool':
    case 'no pool':
      return `pool ${change.name}`
  }
}

/** Services named at a time where all are named anew; between two slices the server answers. */
const sliceMax = 500

/**
 * What one zone serves, kept up to date by changes. Services take effect one by one; a change of generators names every
 * service anew beside the table that is served, which is then replaced in one step: no name is away meanwhile.
 */
export class Picture {
  readonly zone: string
  readonly #generators = new Map<string, StoredGenerator>()
  readonly #pools = new Map<string, string>()
  #table: NameTable
  #authority = new Authority([])
  #revision = 0

  constructor(zone: string) {
    this.zone = zone
    this.#table = new NameTable(zone, [])
  }

  get served(): Served {
    return { table: this.#table, authority: this.#authority, revision: this.#revision }
  }

  /**
   * @param pause awaited between slices of a long work, so that others get a turn
   */
  async apply(changes: readonly Change[], revision: number, pause: () => Promise<void>): Promise<void> {
    const services: Change[] = []
    let isOther = false
    for (const change of changes)
      if (change.change === 'service' || change.change === 'gone') services.push(change)
      else isOther = this.#noted(change) || isOther
    if (isOther) await this.#rename(services, pause)
    else await sliced(services, pause, (change) => put(this.#table, change))
    this.#revision = revision
  }

  /** Everything that leads to this picture from nothing. */
  *all(): Iterable<Change> {
    for (const generator of this.#generators.values()) yield { change: 'generator', generator }
    for (const [name, cidr] of this.#pools) yield { change: 'pool', name, cidr }
    for (const service of this.#table.allServices()) yield { change: 'service', service }
  }

  #noted(change: Exclude<Change, { change: 'service' | 'gone' }>): boolean {
    switch (change.change) {
      case 'generator': {
        const { name, origin, spec } = change.generator
        const before = this.#generators.get(name)
        this.#generators.set(name, change.generator)
        return before === undefined || before.origin !== origin || !Buffer.from(before.spec).equals(spec)
      }
      case 'no generator':
        return this.#generators.delete(change.name)
      case 'pool': {
        const before = this.#pools.get(change.name)
        this.#pools.set(change.name, change.cidr)
        return before !== change.cidr
      }
      case 'no pool':
        return this.#pools.delete(change.name)
    }
  }

  async #rename(changes: readonly Change[], pause: () => Promise<void>): Promise<void> {
    const generators = [...this.#generators.values()].flatMap((stored): HostnameGenerator[] => {
      const read = hostnameGeneratorOf(stored, stored.createdAtMs)
      return read === undefined ? [] : [read]
    })
    const table = new NameTable(this.zone, generators)
    await sliced([...this.#table.allServices()], pause, (service) => table.put(service))
    await sliced(changes, pause, (change) => put(table, change))
    this.#table = table
    this.#authority = new Authority([...apexesOf(generators), ...[...this.#pools.values()].flatMap(reverseApexesOf)])
  }
}

function put(table: NameTable, change: Change): void {
  if (change.change === 'service') table.put(change.service)
  else if (change.change === 'gone') table.remove(change.key)
}

async function sliced<T>(items: readonly T[], pause: () => Promise<void>, act: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    act(item)
    if (index % sliceMax === sliceMax - 1) await pause()
  }
}
