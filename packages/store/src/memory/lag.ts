import { byText } from '../plan/keys.js'
import type { LagRow } from '../port.js'
import type { MemoryStore } from './memory-store.js'

/** As the statement of PostgreSQL reads it. A store in memory knows no times of commits: those of the rows stand for them. */
export function lagOf({ image, identity }: MemoryStore): readonly LagRow[] {
  const rows = new Map<string, LagRow>()
  for (const { peer, channel, side, cursor } of image.cursors.values()) {
    if (side !== 'acked' || cursor === undefined || cursor.epoch !== image.head.epoch) continue
    for (const row of image.rows.values()) {
      const revision = channel === 'status' ? row.statusRevision : row.revision
      const isSent = identity.role === 'global' ? row.origin !== peer : row.origin === identity.name
      if (!isSent || revision <= cursor.revision) continue
      const key = `${peer} ${channel} ${row.type}`
      const before = rows.get(key)
      rows.set(key, {
        ...{ peer, channel, type: row.type },
        changes: (before?.changes ?? 0) + 1,
        sinceMs: Math.min(before?.sinceMs ?? row.modifiedAtMs, row.modifiedAtMs),
      })
    }
  }
  return [...rows.values()].sort((a, b) =>
    byText(`${a.peer} ${a.channel} ${a.type}`, `${b.peer} ${b.channel} ${b.type}`),
  )
}
