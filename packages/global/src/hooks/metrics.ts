import type { HookStore } from '@holdfast/store'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What is counted of policy hooks. Names are Prometheus names, units last. */
export interface HookMetrics {
  readonly calls: Counter<'hook' | 'outcome'>
  readonly results: Counter<'hook' | 'outcome'>
  readonly seconds: Histogram<'hook'>
}

export function hookMetrics(registry: Registry, store: HookStore): HookMetrics {
  const registers = [registry]
  const forms = new Gauge({
    name: 'holdfast_hook_resources',
    help: 'Resources whose authored form is not what is published, by type, hook and state: waiting, bypassed, refused, changed',
    labelNames: ['type', 'hook', 'state'],
    registers,
    async collect() {
      const counts = await store.counts()
      this.reset()
      for (const { type, hook, state, count } of counts) this.inc({ type, hook: hook ?? '', state }, count)
    },
  })
  const up = new Gauge({
    name: 'holdfast_hook_up',
    help: '1 while the policy hook answers, as whichever process asked it last has found',
    labelNames: ['hook'],
    registers,
    async collect() {
      const health = await store.health()
      this.reset()
      for (const { hook, answers } of health) this.set({ hook }, answers ? 1 : 0)
    },
  })
  void [forms, up]
  return {
    calls: new Counter({
      name: 'holdfast_hook_calls_total',
      help: 'Calls of policy hooks by outcome: answered, failed',
      labelNames: ['hook', 'outcome'],
      registers,
    }),
    results: new Counter({
      name: 'holdfast_hook_results_total',
      help: 'What policy hooks said of single resources: allowed, denied, failed',
      labelNames: ['hook', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'holdfast_hook_call_duration_seconds',
      help: 'Duration of calls of policy hooks, failed ones included',
      labelNames: ['hook'],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
  }
}
