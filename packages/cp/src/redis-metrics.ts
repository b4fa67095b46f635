import type { RedisHints } from '@holdfast/bus'
import { Counter, Gauge, type Registry } from 'prom-client'

/** Whether hints come through Redis. Without them changes come up to a second later, and nothing else happens. */
export function redisMetrics(registry: Registry, hints: RedisHints): void {
  const registers = [registry]
  new Gauge({
    name: 'holdfast_redis_working',
    help: '1 while what is published through Redis is heard; 0: the log is looked at every second',
    registers,
    collect() {
      this.set(Number(hints.view().working))
    },
  })
  const counter = (name: string, help: string, value: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  }
  counter(
    'holdfast_redis_hints_published_total',
    'Hints that Redis took from this process',
    () => hints.view().published,
  )
  counter('holdfast_redis_hints_heard_total', 'Hints of other processes heard through Redis', () => hints.view().heard)
  counter('holdfast_redis_failures_total', 'Connections to Redis that were given up', () => hints.view().failures)
}
