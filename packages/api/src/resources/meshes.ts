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
  const row = await store.read.get({ type: 'Mesh', mesh: '', name: mesh })
  const provisional = row === undefined && mode !== 'global' && mesh === 'default'
  if (living(row) === undefined && !provisional) throw notFound(titles.mesh)
}

/**
 * Rows by display name, of one origin or of any. Picked here, for the store takes '' for its own, whoever it is, and
 * here it is global.
 */
export async function rowsNamed(
  store: ControlPlaneStore,
  type: string,
  mesh: string,
  displayName: string,
  origin: string | undefined,
): Promise<readonly Row[]> {
  const rows = await store.read.byDisplayName(type, mesh, displayName)
  return origin === undefined ? rows : rows.filter((row) => row.origin === origin)
}
