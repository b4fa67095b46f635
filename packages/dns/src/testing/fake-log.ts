import { endOf } from '@holdfast/kds'
import { jsonSpec, typeOf } from '@holdfast/model'
import type { Changes, ChangesQuery, Row } from '@holdfast/store'
import type { FeedStore } from '../feed/feed.js'
import { type ServiceFacts, service } from './services.js'

/** A change log in memory, with the faults that a database has. */
export class FakeLog implements FeedStore {
  readonly #rows = new Map<string, Row>()
  readonly #listeners = new Set<() => void>()
  epoch = 'first'
  revision = 0
  logFrom = 0
  /** Thrown by every look. */
  failure: Error | undefined
  looks = 0
  itemsRead = 0
  pageMax = Number.POSITIVE_INFINITY

  readonly read = {
    changes: async ({ types, after, limit }: ChangesQuery): Promise<Changes | undefined> => {
      this.looks++
      if (this.failure !== undefined) throw this.failure
      const from = after?.position.revision ?? 0
      if (after !== undefined && (after.epoch !== this.epoch || from > this.revision || from < this.logFrom))
        return undefined
      const found = [...this.#rows.values()]
        .filter((row) => types.includes(row.type) && row.revision > from)
        .sort((a, b) => a.revision - b.revision)
      const rows = found.slice(0, Math.min(limit, this.pageMax))
      this.itemsRead += rows.length
      const last = rows.at(-1)
      const complete = rows.length === found.length || last === undefined
      return {
        state: 'ready',
        epoch: this.epoch,
        rows,
        through: endOf(complete ? this.revision : last.revision),
        complete,
      }
    },
  }

  onAdvanced(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  advanced(): void {
    for (const listener of this.#listeners) listener()
  }

  put(facts: ServiceFacts, change: Partial<Row> = {}): void {
    const { addresses, generation, ports, ...rest } = service(facts)
    const spec = { selector: {}, ports: ports.map((port) => ({ ...port, targetPort: port.port, appProtocol: 'tcp' })) }
    this.#write({ ...rest, ...jsonSpec(typeOf(rest.type), spec), vips: { addresses, generation } }, change)
  }

  get({ type, mesh, name }: Pick<Row, 'type' | 'mesh' | 'name'>): Row | undefined {
    const row = this.#rows.get(`${type} ${mesh} ${name}`)
    return row?.deleted === true ? undefined : row
  }

  remove(facts: ServiceFacts): void {
    this.put(facts, { deleted: true, deletedAtMs: 1 })
  }

  /** The row goes without a word: a store that lost it, or a tombstone that was compacted. */
  lose(facts: ServiceFacts): void {
    const { type, mesh, name } = service(facts)
    this.#rows.delete(`${type} ${mesh} ${name}`)
  }

  generator(name: string, template: string, selects = 'meshService', change: Partial<Row> = {}): void {
    const spec = jsonSpec(typeOf('HostnameGenerator'), { selector: { [selects]: { matchLabels: {} } }, template })
    this.#write({ type: 'HostnameGenerator', mesh: '', name, origin: '', labels: {}, createdAtMs: 0, ...spec }, change)
  }

  /** Another store in the place of this one. */
  replace(epoch: string): void {
    this.#rows.clear()
    this.epoch = epoch
    this.revision = 0
  }

  #write(
    row: Pick<Row, 'type' | 'mesh' | 'name' | 'origin' | 'labels' | 'createdAtMs' | 'typeUrl' | 'spec' | 'vips'>,
    change: Partial<Row>,
  ): void {
    this.revision++
    this.#rows.set(`${row.type} ${row.mesh} ${row.name}`, {
      exportName: row.name,
      displayName: row.name,
      namespace: '',
      audience: 'all',
      deleted: false,
      modifiedAtMs: 0,
      statusRevision: 0,
      exposed: true,
      ...row,
      revision: this.revision,
      ...change,
    })
  }
}
