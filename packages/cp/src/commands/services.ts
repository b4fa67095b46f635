import { ServiceRuntime } from '@holdfast/zone'
import { Gauge, type Registry } from 'prom-client'
import type { Parts } from './runtime.js'
import type { Role } from './serve.js'

/** What makes MeshServices of a zone's Dataplanes; global has none. Not started yet. */
export function zoneServices(
  role: Role,
  { store, settings, log, leases }: Pick<Parts, 'store' | 'settings' | 'log' | 'leases'>,
): ServiceRuntime | undefined {
  if (role !== 'zone') return undefined
  const { zone, serviceGraceMs, serviceLabels } = settings
  return new ServiceRuntime({
    store,
    leases,
    zone,
    graceMs: serviceGraceMs,
    propagated: serviceLabels,
    log,
    nowMs: Date.now,
  })
}

export function serviceMetrics(registry: Registry, services: ServiceRuntime): void {
  new Gauge({
    name: 'holdfast_service_problems',
    help: 'Services that could not be made of Dataplanes as they are, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { reason } of services.problems()) this.inc({ reason })
    },
  })
}
