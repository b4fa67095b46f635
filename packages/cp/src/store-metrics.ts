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
    },
  })
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers: [registry] })
  const refused = gauge('holdfast_resources_refused', 'Resources that were offered and refused')
  const held = gauge('holdfast_resources_held', 'Resources whose deletion waits for an operator')
  const pending = gauge('holdfast_vips_pending', 'Services that wait for a VIP')
  void resources
}
