import {
  type DeclaredProxy,
  declaredProxyOf,
  type ProxyState,
  proxyStateFrom,
  type ToldOfProxy,
  toldOfProxy,
} from '@holdfast/model'
import type { ControlPlaneStore, MeshCount, Row } from '@holdfast/store'
import { Followed, type Kept } from '../resources/followed.js'
import { allRows } from '../resources/names.js'

/** A proxy, and whose it is. */
export type OwnedProxy = ProxyState & { readonly origin: string }

export interface Estate {
  readonly meshes: readonly Row[]
  readonly counts: readonly MeshCount[]
  readonly proxiesOf: (mesh: string) => readonly OwnedProxy[]
  /** When it was read. */
  readonly atMs: number
}

/**
 * Everything that summaries are made of, read when somebody asks and kept until the store's revision moves. Nothing of
 * it is written: a summary that is a resource would be a change of its own each time that a proxy comes or goes.
 */
export class EstateReader {
  readonly #store: ControlPlaneStore
  readonly #nowMs: () => number
  readonly #followed: Followed<KeptProxies>
  #kept: { readonly revision: string; readonly estate: Promise<Estate> } | undefined

  constructor(store: ControlPlaneStore, nowMs: () => number) {
    this.#store = store
    this.#nowMs = nowMs
    this.#followed = new Followed(store, [dataplaneType, insightType], async () => new KeptProxies())
  }

  async read(): Promise<Estate> {
    const { epoch, revision, tag } = (await this.#store.status()).head
    const now = `${epoch} ${revision} ${tag}`
    if (this.#kept?.revision !== now) {
      const kept = { revision: now, estate: this.#compute() }
      this.#kept = kept
      // A failed reading is told to those who wait for it, and tried again by the next.
      kept.estate.catch(() => {
        if (this.#kept === kept) this.#kept = undefined
      })
    }
    return this.#kept.estate
  }

  async #compute(): Promise<Estate> {
    const [meshes, counts, proxies] = await Promise.all([
      allRows(this.#store, 'Mesh'),
      this.#store.read.countsByMesh(),
      this.#followed.now(),
    ])
    return { meshes, counts, proxiesOf: (mesh) => proxies.of(mesh), atMs: this.#nowMs() }
  }
}

const dataplaneType = 'Dataplane'
const insightType = 'DataplaneInsight'

/** The proxies of one mesh, by name. */
class MeshProxies {
  readonly declared = new Map<string, DeclaredProxy & { readonly origin: string }>()
  readonly told = new Map<string, ToldOfProxy>()
  #states: readonly OwnedProxy[] | undefined

  changed(): void {
    this.#states = undefined
  }

  get states(): readonly OwnedProxy[] {
    this.#states ??= [...this.declared]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { origin, ...declared }]) => ({ ...proxyStateFrom(declared, this.told.get(name)), origin }))
    return this.#states
  }
}

class KeptProxies implements Kept {
  readonly #meshes = new Map<string, MeshProxies>()

  of(mesh: string): readonly OwnedProxy[] {
    return this.#meshes.get(mesh)?.states ?? []
  }

  apply(rows: readonly Row[]): boolean {
    for (const row of rows) {
      const proxies = this.#meshes.get(row.mesh) ?? new MeshProxies()
      this.#meshes.set(row.mesh, proxies)
      proxies.changed()
      if (row.type === insightType)
        if (row.deleted) proxies.told.delete(row.name)
        else proxies.told.set(row.name, toldOfProxy(row))
      else if (row.deleted) proxies.declared.delete(row.name)
      else proxies.declared.set(row.name, { ...declaredProxyOf(row), origin: row.origin })
      if (proxies.declared.size === 0 && proxies.told.size === 0) this.#meshes.delete(row.mesh)
    }
    return true
  }
}
