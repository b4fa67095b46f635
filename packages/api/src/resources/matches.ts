import type { Cursor } from '@holdfast/kds'
import { MultiZoneIndex, type MultiZoneStatus, type Viewer } from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import { Followed, type Kept } from './followed.js'
import { shownLabelsOf } from './render.js'

const type = 'MeshMultiZoneService'

/**
 * The MeshServices that MeshMultiZoneServices match, as this control plane sees them: computed from its own store. It is
 * written nowhere, so it can be in no digest.
 */
export class Matches {
  readonly #followed: Followed<KeptMatches>

  constructor(store: ControlPlaneStore, viewer: Viewer) {
    this.#followed = new Followed(store, ['MeshService'], async () => new KeptMatches(viewer))
  }

  /** What each of some rows matches; undefined for what is no MeshMultiZoneService. */
  async of(rows: readonly Row[], asOf?: Cursor): Promise<(row: Row) => MultiZoneStatus | undefined> {
    if (!rows.some((row) => row.type === type)) return () => undefined
    const { index } = await this.#followed.now(asOf)
    return (row) => (row.type === type ? index.statusOf(row) : undefined)
  }
}

class KeptMatches implements Kept {
  readonly index = new MultiZoneIndex()
  readonly #viewer: Viewer

  constructor(viewer: Viewer) {
    this.#viewer = viewer
  }

  apply(rows: readonly Row[]): boolean {
    // One whose mesh is gone is served by nobody.
    for (const row of rows)
      if (row.deleted || row.audience === 'suspended') this.index.remove(row)
      else this.index.put({ mesh: row.mesh, name: row.name, labels: shownLabelsOf(row, this.#viewer) })
    return true
  }
}
