import type { Position } from '@holdfast/kds'

/** Where a watcher stands in the log: what it says when it comes back. */
export interface WatchPosition {
  readonly epoch: string
  readonly position: Position
}

/** `REVISION.` in front for people; behind it all that is needed to go on, in characters that a header may have. */
export const watchId = ({ epoch, position }: WatchPosition): string => {
  const { revision, typeOrder, mesh, name } = position
  return `${revision}.${Buffer.from(JSON.stringify([epoch, typeOrder, mesh, name])).toString('base64url')}`
}

/** Undefined for what no watch has ever said. */
export function watchPositionOf(id: string): WatchPosition | undefined {
  const [, revision = '', rest = ''] = /^(\d{1,15})\.([A-Za-z0-9_-]+)$/.exec(id) ?? []
  try {
    const read: unknown = JSON.parse(Buffer.from(rest, 'base64url').toString())
    if (!Array.isArray(read) || read.length !== 4) return undefined
    const [epoch, typeOrder, mesh, name] = read as readonly unknown[]
    if (typeof epoch !== 'string' || typeof mesh !== 'string' || typeof name !== 'string') return undefined
    if (!Number.isSafeInteger(typeOrder)) return undefined
    return { epoch, position: { revision: Number(revision), typeOrder: Number(typeOrder), mesh, name } }
  } catch {
    return undefined
  }
}
