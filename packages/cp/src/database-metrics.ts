import type { PoolUse } from '@holdfast/store'
import { Counter, Gauge, type Registry } from 'prom-client'

/** How busy the connections to the database are. What is busy at the moment of a scrape says little: their seconds are counted. */
export function databaseMetrics(registry: Registry, use: () => PoolUse): void {
  const registers = [registry]
  const gauge = (name: string, help: string, value: (use: PoolUse) => number): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(value(use()))
      },
    })
  }
  const counter = (name: string, help: string, value: (use: PoolUse) => number): void => {
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset()
        this.inc(value(use()))
      },
    })
  }
  gauge(
    'holdfast_database_connections_max',
    'Connections that this process may have to its database (--database-connections)',
    ({ connectionsMax }) => connectionsMax,
  )
  gauge('holdfast_database_connections_busy', 'Connections that a statement or a transaction has', ({ busy }) => busy)
  gauge('holdfast_database_waiting', 'Statements and transactions that wait for a connection', ({ waiting }) => waiting)
  counter(
    'holdfast_database_busy_seconds_total',
    'Seconds that connections were busy, all together; at most holdfast_database_connections_max per second',
    ({ busySeconds }) => busySeconds,
  )
  counter(
    'holdfast_database_waited_seconds_total',
    'Seconds that statements and transactions waited for a connection, all together',
    ({ waitedSeconds }) => waitedSeconds,
  )
}
