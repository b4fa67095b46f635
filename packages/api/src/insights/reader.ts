import { type ProxyState, proxyStateOf } from '@holdfast/model'
import type { ControlPlaneStore, MeshCount, Row } from '@holdfast/store'
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
  #kept: { readonly revision: string; readonly estate: Promise<Estate> } | undefined

  constructor(store: ControlPlaneStore, nowMs: () => number) {
    this.#store = store
    this.#nowMs = nowMs
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
    const [meshes, counts, dataplanes, insights] = await Promise.all([
      allRows(this.#store, 'Mesh'),
      this.#store.read.countsByMesh(),
      allRows(this.#store, 'Dataplane'),
      allRows(this.#store, 'DataplaneInsight'),
    ])
    const insightOf = new Map(insights.map((row) => [keyOf(row), row]))
    const byMesh = new Map<string, OwnedProxy[]>()
    for (const row of dataplanes) {
      const state = { ...proxyStateOf(row, insightOf.get(keyOf(row))), origin: row.origin }
      const known = byMesh.get(row.mesh)
      if (known === undefined) byMesh.set(row.mesh, [state])
      else known.push(state)
    }
    return { meshes, counts, proxiesOf: (mesh) => byMesh.get(mesh) ?? [], atMs: this.#nowMs() }
  }
}

const keyOf = ({ mesh, name }: Pick<Row, 'mesh' | 'name'>): string => `${mesh}\u0000${name}`
