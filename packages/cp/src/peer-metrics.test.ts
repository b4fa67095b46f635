import type { PeerSync } from '@holdfast/api'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { peerMetrics } from './peer-metrics.js'

type Of = Parameters<typeof peerMetrics>[1]

async function told(zones: readonly object[], peers: readonly Partial<PeerSync>[]): Promise<readonly string[]> {
  const registry = new Registry()
  const of = { sessions: { zones: async () => zones }, sync: { peers: () => peers } } as unknown as Of
  peerMetrics(registry, of)
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith('holdfast_'))
}

test('a zone that has joined and is away has a series; one that has never come, or is out of service, has none', async () => {
  const met = { storeId: 'a', everInStep: true }
  const zones = [
    { name: 'east', ...met },
    { name: 'west', ...met },
    { name: 'kuma', everInStep: true },
    { name: 'expected', everInStep: false },
    { name: 'gone', ...met, decommissionedAtMs: 1 },
  ]
  expect(await told(zones, [{ peer: 'east', connected: true }])).toEqual([
    'holdfast_peer_connected{peer="east"} 1',
    'holdfast_peer_connected{peer="west"} 0',
    'holdfast_peer_connected{peer="kuma"} 0',
  ])
})

test('a zone says whether it has global; one that stands alone says nothing', async () => {
  expect(await told([], [{ peer: '', connected: false }])).toEqual(['holdfast_peer_connected{peer="global"} 0'])
  expect(await told([], [])).toEqual([])
})
