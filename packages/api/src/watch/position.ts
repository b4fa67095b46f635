import type { Position } from '@holdfast/kds'

/** Where a watcher stands in the log: what it says when it comes back. */
export interface WatchPosition {
  readonly epoch: string
  readonly position: Position
  /** Up to where it knows what is computed and stands in no log: see `Computed`. Absent: nowhere. */
  readonly computed?: ComputedPosition | undefined
}

export interface ComputedPosition {
  readonly instance: string
  readonly generation: number
  readonly sum: string
}

/** `REVISION.` in front for people; behind it all that is needed to go on, in characters that a header may have. */
export const watchId = ({ epoch, position, computed }: WatchPosition): string => {
  const { revision, typeOrder, mesh, name } = position
  const parts = computed === undefined ? [] : [computed.instance, computed.generation, computed.sum]
  return `${revision}.${Buffer.from(JSON.stringify([epoch, typeOrder, mesh, name, ...parts])).toString('base64url')}`
}

/** Undefined for what no watch has ever said. */
export function watchPositionOf(id: string): WatchPosition | undefined {
  const [, revision = '', rest = ''] = /^(\d{1,15})\.([A-Za-z0-9_-]+)$/.exec(id) ?? []
  try {
    const read: unknown = JSON.parse(Buffer.from(rest, 'base64url').toString())
    // Without the last three where nothing is computed, and by a version that did not look.
    if (!Array.isArray(read) || (read.length !== 4 && read.length !== 7)) return undefined
    const [epoch, typeOrder, mesh, name, instance, generation, sum] = read as readonly unknown[]
    if (typeof epoch !== 'string' || typeof mesh !== 'string' || typeof name !== 'string') return undefined
    if (!Number.isSafeInteger(typeOrder)) return undefined
    const place = { epoch, position: { revision: Number(revision), typeOrder: Number(typeOrder), mesh, name } }
    if (read.length === 4) return place
    if (typeof instance !== 'string' || !Number.isSafeInteger(generation) || typeof sum !== 'string') return undefined
    return { ...place, computed: { instance, generation: Number(generation), sum } }
  } catch {
    return undefined
  }
}
