import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { storeMetrics } from './store-metrics.js'

type Store = Parameters<typeof storeMetrics>[1]

test('a scrape shows what is so now, not what was so at the scrape before, and reads the counts once', async () => {
  let reads = 0
  let pendingVips = 3
  const paused = { sinceMs: 0, by: 'somebody', reason: 'a move' }
  const store: Store = {
    status: async () => ({ readOnly: { by: 'somebody' } }) as unknown as Awaited<ReturnType<Store['status']>>,
    read: {
      counts: async () => {
        reads += 1
        return { resources: [{ type: 'Mesh', origin: '', count: 2 }], refused: 4, held: 5, pendingVips }
      },
      lag: async () => [],
    },
    sessions: {
      zones: async () => [{ name: 'east', paused }] as unknown as Awaited<ReturnType<Store['sessions']['zones']>>,
    },
  }
  const registry = new Registry()
  storeMetrics(registry, store)
  const scraped = async () =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(await scraped()).toEqual([
    'holdfast_resources{type="Mesh",origin=""} 2',
    'holdfast_resources_refused 4',
    'holdfast_resources_held 5',
    'holdfast_vips_pending 3',
    'holdfast_read_only 1',
    'holdfast_zone_paused{zone="east"} 1',
  ])
  expect(reads).toBe(1)
  pendingVips = 0
  expect(await scraped()).toContain('holdfast_vips_pending 0')
})
