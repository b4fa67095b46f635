import { findType, isZoneEnabled, type JsonObject, originLabel, type TypeDescriptor } from '@holdfast/model'
import type { ListQuery, Owner, Row, ShownRow } from '@holdfast/store'
import { GuardReader } from '../guards/standing.js'
import type { ListRequest } from '../http/list-query.js'
import type { ApiContext } from '../options.js'
import { ownerKey } from '../vips/owners.js'
import { Matches } from './matches.js'
import { allRows, Names } from './names.js'
import { renderRow, shownLabelsOf, viewerOf } from './render.js'

export interface Page {
  readonly total: number
  readonly items: readonly Row[]
}

/** Rows of the store, and how this control plane shows them. */
export class Resources {
  readonly #context: ApiContext
  readonly #viewer: ReturnType<typeof viewerOf>
  readonly names: Names
  readonly guards: GuardReader
  readonly #matches: Matches

  constructor(context: ApiContext) {
    this.#context = context
    this.#viewer = viewerOf(context.mode, context.zoneName)
    this.guards = new GuardReader(context.store)
    this.names = new Names(context.store, this.#viewer, context.dns)
    this.#matches = new Matches(context.store, this.#viewer)
  }

  /** Rows as the API shows them, in their order. @param seen what was read together with the only one */
  async render(rows: readonly Row[], seen?: ShownRow): Promise<readonly JsonObject[]> {
    const [named, guarded] = [await this.names.of(rows, seen?.head), await this.guards.of(rows, seen?.reports)]
    const matched = await this.#matches.of(rows, seen?.head)
    const aliases = seen === undefined ? await this.#aliasesOf(rows) : () => seen.aliases
    return rows.map((row) => renderRow(row, this.#viewer, named(row), guarded(row), matched(row), aliases(row)))
  }

  /** Addresses that hold in this zone alone: what services had in it before it was ours, or before it had a global. */
  async #aliasesOf(rows: readonly Row[]): Promise<(row: Row) => readonly string[]> {
    const { store, mode, zoneName } = this.#context
    const owners = rows.filter((row) => findType(row.type)?.vipKind === true).map(ownerOfRow)
    if (mode === 'global' || owners.length === 0) return () => []
    const found = new Map<string, string[]>()
    for (const alias of await store.vip.aliases(owners, zoneName)) {
      if (alias.state !== 'active') continue
      const key = ownerKey(alias)
      found.set(key, [...(found.get(key) ?? []), alias.address])
    }
    return (row) => found.get(ownerKey(ownerOfRow(row))) ?? []
  }

  async renderOne(row: Row, seen?: ShownRow): Promise<JsonObject> {
    const [item = {}] = await this.render([row], seen)
    return item
  }

  shownLabels = (row: Row): Readonly<Record<string, string>> => shownLabelsOf(row, this.#viewer)

  /** A page of one type, in one mesh or in all. `where`: what the store cannot look for. */
  async page(
    type: TypeDescriptor,
    mesh: string | undefined,
    list: ListRequest,
    where?: ((row: Row) => boolean) | undefined,
  ): Promise<Page> {
    const query: ListQuery = {
      type: type.name,
      ...(mesh === undefined ? {} : { mesh }),
      ...(list.nameContains === undefined ? {} : { nameContains: list.nameContains }),
      offset: list.offset,
      limit: list.size,
    }
    const { [originLabel]: origin, ...labels } = list.labels
    if (origin === undefined && where === undefined) return this.#context.store.read.list({ ...query, labels })
    // Whose a resource is follows from where one looks, and is no stored label: picked here, page by page.
    const all: Row[] = []
    for (let after: Row | undefined; ; ) {
      const { items } = await this.#context.store.read.list({ ...query, labels, after, offset: 0, limit: scanSize })
      all.push(
        ...items.filter(
          (row) => (origin === undefined || this.shownLabels(row)[originLabel] === origin) && (where?.(row) ?? true),
        ),
      )
      if (items.length < scanSize) break
      after = items.at(-1)
    }
    return { total: all.length, items: all.slice(list.offset, list.offset + list.size) }
  }

  /** Zones whose services are kept from the others. */
  async disabledZones(): Promise<ReadonlySet<string>> {
    return new Set(
      (await allRows(this.#context.store, 'Zone')).filter((row) => !isZoneEnabled(row.spec)).map(({ name }) => name),
    )
  }
}

const ownerOfRow = ({ type, mesh, origin, namespace, displayName }: Row): Owner => ({
  kind: type,
  mesh,
  origin,
  namespace,
  displayName,
})

const scanSize = 1000
