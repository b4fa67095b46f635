import type { ZoneRuntime } from '@holdfast/zone'
import { Gauge, type Registry } from 'prom-client'

/** Which endpoints of global a zone knows and what became of them, read when somebody scrapes. */
export function endpointMetrics(registry: Registry, zone: Pick<ZoneRuntime, 'endpoints'>): void {
  const registers = [registry]
  new Gauge({
    name: 'holdfast_zone_global_endpoint_in_use',
    help: 'Endpoints of global that this zone may dial, by where it knows them from; 1 for the one over which it is in step',
    labelNames: ['address', 'source'],
    registers,
    collect() {
      this.reset()
      for (const { address, source, state } of zone.endpoints().known)
        this.set({ address, source }, state === 'in use' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'holdfast_zone_global_endpoint_attempts',
    help: 'Attempts to reach global since the start, by endpoint and by what became of them: in step, failed',
    labelNames: ['address', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const { address, sessions, attemptsFailed } of zone.endpoints().known) {
        this.set({ address, outcome: 'in step' }, sessions)
        this.set({ address, outcome: 'failed' }, attemptsFailed)
      }
    },
  })
  new Gauge({
    name: 'holdfast_zone_global_endpoint_faults',
    help: 'Since the start: lists that global told and that were not taken, and failures to read or write the remembered one',
    labelNames: ['what'],
    registers,
    collect() {
      const { listsRefused, readFailures, writeFailures } = zone.endpoints().counts
      this.set({ what: 'list refused' }, listsRefused)
      this.set({ what: 'file not read' }, readFailures)
      this.set({ what: 'file not written' }, writeFailures)
    },
  })
}
