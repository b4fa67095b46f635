import type { Leases } from '@holdfast/peer'
import { dialLease, servicesLease } from '@holdfast/zone'
import { Gauge, type Registry } from 'prom-client'
import { scrubLease } from './scrub.js'
import type { Role } from './serve.js'
import { upkeepLease } from './upkeep.js'

/** What only one process of a database does at a time, by role. */
export const leaseNames: Readonly<Record<Role, readonly string[]>> = {
  global: [scrubLease, upkeepLease],
  zone: [dialLease, scrubLease, servicesLease, upkeepLease],
}

export function leaseMetrics(registry: Registry, leases: Leases, names: readonly string[]): void {
  new Gauge({
    name: 'holdfast_lease_held',
    help: '1 where this process does what only one process of its database does at a time, by lease',
    labelNames: ['lease'],
    registers: [registry],
    collect() {
      for (const name of names) this.set({ lease: name }, leases.held(name) === undefined ? 0 : 1)
    },
  })
}
