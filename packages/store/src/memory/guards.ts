import type { AbsentCount, GuardStore, PeerReportRow, WaitingForMesh } from '../guards.js'
import { byText } from '../plan/keys.js'
import type { MemoryStore } from './memory-store.js'

/** Holds and reports of a store in memory, behind the port that the product uses. */
export const memoryGuards = (store: MemoryStore): GuardStore => ({
  holds: async (limit) =>
    [...store.image.holds.values()]
      .sort(
        (a, b) =>
          Number(b.state === 'held') - Number(a.state === 'held') || b.sinceMs - a.sinceMs || byText(a.id, b.id),
      )
      .slice(0, limit),
  hold: async (id) => store.image.holds.get(id),
  heldKeys: async (id, limit) =>
    [...store.image.rows.values()]
      .filter((row) => !row.deleted && row.holdId === id)
      .sort((a, b) => byText(a.mesh, b.mesh) || byText(a.name, b.name))
      .slice(0, limit)
      .map(({ type, mesh, name, displayName }) => ({ type, mesh, name, displayName })),
  approve: async (request) => store.approve(request),
  reject: async (request) => store.reject(request),
  absent: async () => absentOf(store),
  waitingForMeshes: async () => waitingForMeshes(store),
  noteReport: async (report, sessionId) => {
    const isNewest = [...store.image.fences.values()].some((fence) => fence.sessionId === sessionId)
    if (isNewest && store.image.reports.get(report.peer)?.hash !== report.hash)
      store.image.reports.set(report.peer, report)
  },
  exceptions: async (limit) => {
    const refused = [...store.image.refused.values()].sort((a, b) => a.sinceMs - b.sinceMs)
    const counts = new Map<string, { peer: string; type: string; count: number }>()
    for (const { peer, type } of refused)
      counts.set(`${peer} ${type}`, { peer, type, count: (counts.get(`${peer} ${type}`)?.count ?? 0) + 1 })
    return {
      refused: refused.slice(0, limit),
      refusedCounts: [...counts.values()],
      holds: [...store.image.holds.values()].filter((hold) => hold.state === 'held'),
      reports: reportsOf(store),
      unpublished: [...store.image.marked('held by a hook')]
        .sort((a, b) => (a.form?.sinceMs ?? 0) - (b.form?.sinceMs ?? 0))
        .slice(0, limit),
    }
  },
  reports: async () => reportsOf(store),
})

/** Of a zone that was deleted nobody wants to know any more. */
export const reportsOf = (store: MemoryStore): readonly PeerReportRow[] =>
  [...store.image.reports.values()]
    .filter(
      ({ peer }) =>
        store.image.zones.get(peer)?.storeId === undefined ||
        store.get({ type: 'Zone', mesh: '', name: peer }) !== undefined,
    )
    .sort((a, b) => byText(a.peer, b.peer))

function absentOf(store: MemoryStore): readonly AbsentCount[] {
  const counts = new Map<string, AbsentCount>()
  for (const { type, origin, deleted, holdId, absentSinceMs } of store.image.rows.values()) {
    if (deleted || holdId !== undefined || absentSinceMs === undefined) continue
    const before = counts.get(`${type} ${origin}`)
    const sinceMs = Math.min(before?.sinceMs ?? absentSinceMs, absentSinceMs)
    counts.set(`${type} ${origin}`, { type, origin, count: (before?.count ?? 0) + 1, sinceMs })
  }
  return [...counts.values()].sort((a, b) => byText(a.type, b.type) || byText(a.origin, b.origin))
}

function waitingForMeshes(store: MemoryStore): readonly WaitingForMesh[] {
  const found = new Map<string, WaitingForMesh>()
  for (const { origin, mesh, audience, deleted } of store.image.rows.values()) {
    if (deleted || audience !== 'suspended' || origin === '' || mesh === '') continue
    if (store.get({ type: 'Mesh', mesh: '', name: mesh }) !== undefined) continue
    const key = `${origin}\u0000${mesh}`
    found.set(key, { origin, mesh, count: (found.get(key)?.count ?? 0) + 1 })
  }
  return [...found].sort(([a], [b]) => byText(a, b)).map(([, row]) => row)
}
