import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { Feed, Picture } from '@holdfast/dns'
import type { ControlPlaneStore } from '@holdfast/store'
import { services } from '../services.js'
import { seed } from '../stand/mesh.js'

export interface ChangeFigures {
  /** Services that the zone has besides. */
  readonly services: number
  readonly changes: number
  readonly medianMs: number
  readonly mostMs: number
}

/** From the moment in which a change is acknowledged until its name is answered, one change after the other. */
export async function dnsChangeFigures(
  { store, name: zone }: { readonly store: ControlPlaneStore; readonly name: string },
  besides: number,
  changes: number,
): Promise<ChangeFigures> {
  const feed = new Feed(
    {
      zone,
      store,
      journal: undefined,
      onHealth: () => undefined,
      onJournalFailure: () => undefined,
      isWhole: async () => true,
      onServices: () => undefined,
    },
    new Picture(zone),
  )
  try {
    while (!feed.hasRead) await setImmediate()
    const took: number[] = []
    const signal = AbortSignal.timeout(120_000)
    // Names that no other scenario has.
    for (const change of services({ seed, zone, count: changes, from: 5_000_000 })) {
      await store.local.apply({ changes: [change], atomic: true, actor: 'bench' }, { signal })
      const startMs = performance.now()
      const { type, mesh, name } = change.key
      while (feed.picture.served.table.get(`${type}\u0000${mesh}\u0000${name}`) === undefined) {
        signal.throwIfAborted()
        await setImmediate()
      }
      took.push(performance.now() - startMs)
    }
    const sorted = took.sort((a, b) => a - b)
    return { services: besides, changes, medianMs: sorted[Math.floor(changes / 2)] ?? 0, mostMs: sorted.at(-1) ?? 0 }
  } finally {
    await feed.close()
  }
}
