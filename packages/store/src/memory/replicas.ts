import type { ReplicaRecord, ReplicaStore } from '../replica-port.js'

/** Processes of a store in memory, by a clock that is the same for everybody. */
export function memoryReplicas(nowMs: () => number): ReplicaStore {
  const replicas = new Map<string, ReplicaRecord & { readonly heardAtMs: number }>()
  const waiting = new Map<string, string>()
  let key: Uint8Array | undefined
  return {
    beat: async (own, { silentMaxMs }) => {
      replicas.set(own.instanceId, { ...own, heardAtMs: nowMs() })
      return [...replicas.values()]
        .filter((each) => each.instanceId !== own.instanceId && each.heardAtMs > nowMs() - silentMaxMs)
        .map(({ heardAtMs: _, ...each }) => each)
        .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
    },
    leave: async (instanceId) => void replicas.delete(instanceId),
    key: async (candidate) => {
      key ??= candidate
      return key
    },
    waits: async (session, instanceId) => void waiting.set(session, instanceId),
    whereWaits: async (session) => waiting.get(session),
  }
}
