import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { databaseMetrics } from './database-metrics.js'

test('how the connections are used is read at each scrape, and seconds are not counted twice', async () => {
  const registry = new Registry()
  const use = { connectionsMax: 10, busy: 8, waiting: 3, busySeconds: 4.5, waitedSeconds: 0.25 }
  databaseMetrics(registry, () => use)
  const told = async (): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  await told()
  expect(await told()).toEqual([
    'holdfast_database_connections_max 10',
    'holdfast_database_connections_busy 8',
    'holdfast_database_waiting 3',
    'holdfast_database_busy_seconds_total 4.5',
    'holdfast_database_waited_seconds_total 0.25',
  ])
})
