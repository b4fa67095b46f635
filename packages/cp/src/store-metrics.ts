import type { ControlPlaneStore } from '@holdfast/store'
import { Gauge, type Registry } from 'prom-client'

/** What the store holds, read when somebody scrapes. */
export function storeMetrics(registry: Registry, store: ControlPlaneStore): void {
  const resources = new Gauge({
    name: 'holdfast_resources',
    help: 'Resources by type and origin (empty: global)',
    labelNames: ['type', 'origin'],
    registers: [registry],
    async collect() {
      const counts = await store.read.counts()
      this.reset()
      for (const { type, origin, count } of counts.resources) this.set({ type, origin }, count)
      refused.set(counts.refused)
      held.set(counts.held)
      pending.set(counts.pendingVips)
      const [{ readOnly }, zones] = await Promise.all([store.status(), store.sessions.zones()])
      locked.set(readOnly === undefined ? 0 : 1)
      paused.reset()
      for (const zone of zones) if (zone.paused !== undefined) paused.set({ zone: zone.name }, 1)
    },
  })
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers: [registry] })
  const refused = gauge('holdfast_resources_refused', 'Resources that were offered and refused')
  const held = gauge('holdfast_resources_held', 'Resources whose deletion waits for an operator')
  const pending = gauge('holdfast_vips_pending', 'Services that wait for a VIP')
  const locked = gauge('holdfast_read_only', '1 while operators may change nothing here')
  const paused = new Gauge({
    name: 'holdfast_zone_paused',
    help: '1 for each zone that an operator has paused',
    labelNames: ['zone'],
    registers: [registry],
  })
  const lag = new Gauge({
    name: 'holdfast_kds_lag_seconds',
    help: 'Age of the oldest change that a peer has not stored yet, by channel and type; nothing where it has stored all',
    labelNames: ['peer', 'channel', 'type'],
    registers: [registry],
    async collect() {
      const rows = await store.read.lag()
      this.reset()
      for (const { peer, channel, type, sinceMs } of rows)
        this.set({ peer: peer === '' ? 'global' : peer, channel, type }, Math.max(0, Date.now() - sinceMs) / 1000)
    },
  })
  void lag
  void resources
}
