import type { ControlPlaneStore, Row } from '@holdfast/store'
import { notFound, titles } from '../http/errors.js'
import type { Mode } from '../options.js'

/** A row that is there: tombstones are not. */
export const living = (row: Row | undefined): Row | undefined => (row?.deleted === true ? undefined : row)

/**
 * Throws 404 unless the mesh exists. A zone that was never in step works in a provisional `default`, of which there is
 * no resource; whether it still may is for the store to say.
 */
export async function checkMesh(store: ControlPlaneStore, mode: Mode, mesh: string): Promise<void> {
  if (living(await store.read.get({ type: 'Mesh', mesh: '', name: mesh })) !== undefined) return
  const provisional =
    mode !== 'global' &&
    mesh === 'default' &&
    (await store.read.list({ type: 'Mesh', offset: 0, limit: 1 })).total === 0
  if (!provisional) throw notFound(titles.mesh)
}
