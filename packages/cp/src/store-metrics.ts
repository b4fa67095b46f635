import type { ControlPlaneStore } from '@holdfast/store'
import { Gauge, type Registry } from 'prom-client'

/** What is asked for by several at once is read once. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let under: Promise<T> | undefined
  return () => {
    under ??= read().finally(() => {
      under = undefined
    })
    return under
  }
}

type Read = Pick<ControlPlaneStore, 'status'> & {
  readonly read: Pick<ControlPlaneStore['read'], 'counts' | 'lag'>
  readonly sessions: Pick<ControlPlaneStore['sessions'], 'zones'>
}

/**
 * What the store holds, read when somebody scrapes. Each gauge reads for itself what it shows: of one that another one sets,
 * a scrape would show what was so at the scrape before.
 */
export function storeMetrics(registry: Registry, store: Read): void {
  const registers = [registry]
  const counts = shared(() => store.read.counts())
  new Gauge({
    name: 'holdfast_resources',
    help: 'Resources by type and origin (empty: global)',
    labelNames: ['type', 'origin'],
    registers,
    async collect() {
      const { resources } = await counts()
      this.reset()
      for (const { type, origin, count } of resources) this.set({ type, origin }, count)
    },
  })
  const gauge = (name: string, help: string, read: () => Promise<number>): void =>
    void new Gauge({
      ...{ name, help, registers },
      async collect() {
        this.set(await read())
      },
    })
  gauge('holdfast_resources_refused', 'Resources that were offered and refused', async () => (await counts()).refused)
  gauge('holdfast_resources_held', 'Resources whose deletion waits for an operator', async () => (await counts()).held)
  gauge('holdfast_vips_pending', 'Services that wait for a VIP', async () => (await counts()).pendingVips)
  gauge('holdfast_read_only', '1 while operators may change nothing here', async () =>
    (await store.status()).readOnly === undefined ? 0 : 1,
  )
  new Gauge({
    name: 'holdfast_zone_paused',
    help: '1 for each zone that an operator has paused',
    labelNames: ['zone'],
    registers,
    async collect() {
      const zones = await store.sessions.zones()
      this.reset()
      for (const zone of zones) if (zone.paused !== undefined) this.set({ zone: zone.name }, 1)
    },
  })
  new Gauge({
    name: 'holdfast_kds_lag_seconds',
    help: 'Age of the oldest change that a peer has not stored yet, by channel and type; nothing where it has stored all',
    labelNames: ['peer', 'channel', 'type'],
    registers,
    async collect() {
      const rows = await store.read.lag()
      this.reset()
      for (const { peer, channel, type, sinceMs } of rows)
        this.set({ peer: peer === '' ? 'global' : peer, channel, type }, Math.max(0, Date.now() - sinceMs) / 1000)
    },
  })
}
