import { type Candidate, MultiZoneIndex, type MultiZoneStatus, type Viewer } from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import { allRows } from './names.js'
import { shownLabelsOf } from './render.js'

const type = 'MeshMultiZoneService'

/**
 * The MeshServices that MeshMultiZoneServices match, as this control plane sees them: computed from its own store when
 * somebody asks and kept until the store's revision moves. It is written nowhere, so it can be in no digest.
 */
export class Matches {
  readonly #store: ControlPlaneStore
  readonly #viewer: Viewer
  #kept: { readonly revision: string; readonly index: Promise<MultiZoneIndex> } | undefined

  constructor(store: ControlPlaneStore, viewer: Viewer) {
    this.#store = store
    this.#viewer = viewer
  }

  /** What each of some rows matches; undefined for what is no MeshMultiZoneService. */
  async of(rows: readonly Row[]): Promise<(row: Row) => MultiZoneStatus | undefined> {
    if (!rows.some((row) => row.type === type)) return () => undefined
    const index = await this.#index()
    return (row) => (row.type === type ? index.statusOf(row) : undefined)
  }

  async #index(): Promise<MultiZoneIndex> {
    const { epoch, revision, tag } = (await this.#store.status()).head
    const now = `${epoch} ${revision} ${tag}`
    if (this.#kept?.revision !== now) {
      const kept = { revision: now, index: this.#compute() }
      this.#kept = kept
      // A failed reading is told to those who wait for it, and tried again by the next.
      kept.index.catch(() => {
        if (this.#kept === kept) this.#kept = undefined
      })
    }
    return this.#kept.index
  }

  async #compute(): Promise<MultiZoneIndex> {
    const services = await allRows(this.#store, 'MeshService')
    // One whose mesh is gone is served by nobody.
    const candidates = services.flatMap((row): Candidate[] =>
      row.audience === 'suspended'
        ? []
        : [{ mesh: row.mesh, name: row.name, labels: shownLabelsOf(row, this.#viewer) }],
    )
    return new MultiZoneIndex(candidates)
  }
}
