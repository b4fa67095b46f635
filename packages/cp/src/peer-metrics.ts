import type { SyncView } from '@holdfast/api'
import type { ControlPlaneStore } from '@holdfast/store'
import { Gauge, type Registry } from 'prom-client'

interface Of {
  readonly sessions: Pick<ControlPlaneStore['sessions'], 'zones'>
  readonly sync: Pick<SyncView, 'peers'>
}

/**
 * Who should be connected and who is, read when somebody scrapes. A zone that was here before this process began has a series
 * as well: what is counted by session says nothing of it.
 */
export function peerMetrics(registry: Registry, { sessions, sync }: Of): void {
  new Gauge({
    name: 'holdfast_peer_connected',
    help: '1 while a peer has a session with this control plane, 0 while a zone that has joined, or global, has none',
    labelNames: ['peer'],
    registers: [registry],
    async collect() {
      const zones = await sessions.zones()
      this.reset()
      for (const { name, storeId, everInStep, decommissionedAtMs } of zones)
        if ((storeId !== undefined || everInStep) && decommissionedAtMs === undefined) this.set({ peer: name }, 0)
      for (const { peer, connected } of sync.peers())
        this.set({ peer: peer === '' ? 'global' : peer }, connected ? 1 : 0)
    },
  })
}
