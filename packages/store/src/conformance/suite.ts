import { describe } from 'vitest'
import { brakeConformance } from './brakes.js'
import { bytesConformance } from './bytes.js'
import { computedConformance } from './computed.js'
import type { OpenStore } from './fixtures.js'
import { holdConformance } from './holds.js'
import { hookConformance } from './hooks.js'
import { importedConformance } from './imported.js'
import { joiningConformance } from './joining.js'
import { lagConformance } from './lag.js'
import { leaseConformance } from './leases.js'
import { localConformance } from './local.js'
import { logConformance } from './log.js'
import { plainGlobalConformance, plainZoneConformance } from './plain-zones.js'
import { poolConformance } from './pools.js'
import { producerConformance } from './producers.js'
import { receivedConformance } from './received.js'
import { recoveryConformance } from './recovery.js'
import { replicaConformance } from './replicas.js'
import { returnsConformance } from './returns.js'
import { sessionConformance } from './sessions.js'
import { settledConformance } from './settled.js'
import { typesConformance } from './types.js'
import { unreadableConformance } from './unreadable.js'
import { vipConformance } from './vips.js'

export type { OpenStore, StoreSetting, StoreUnderTest } from './fixtures.js'

/** Everything that a store of Holdfast has to do, whatever it is made of. Opens a fresh, empty store per test. */
export function storeConformance(name: string, open: OpenStore): void {
  describe(`${name}: own changes`, () => localConformance(open))
  describe(`${name}: what is computed`, () => computedConformance(open))
  describe(`${name}: what is received`, () => receivedConformance(open))
  describe(`${name}: policies for others’ clients`, () => producerConformance(open))
  describe(`${name}: Kuma zones`, () => plainZoneConformance(open))
  describe(`${name}: under a Kuma global`, () => plainGlobalConformance(open))
  describe(`${name}: bytes`, () => bytesConformance(open))
  describe(`${name}: types that are not known`, () => typesConformance(open))
  describe(`${name}: what cannot be read`, () => unreadableConformance(open))
  describe(`${name}: holds`, () => holdConformance(open))
  describe(`${name}: VIPs`, () => vipConformance(open))
  describe(`${name}: pools`, () => poolConformance(open))
  describe(`${name}: imported VIPs`, () => importedConformance(open))
  describe(`${name}: the log`, () => logConformance(open))
  describe(`${name}: policy hooks`, () => hookConformance(open))
  describe(`${name}: sessions`, () => sessionConformance(open))
  describe(`${name}: leases`, () => leaseConformance(open))
  describe(`${name}: what is settled`, () => settledConformance(open))
  describe(`${name}: lag`, () => lagConformance(open))
  describe(`${name}: brakes`, () => brakeConformance(open))
  describe(`${name}: replicas`, () => replicaConformance(open))
  describe(`${name}: recovery`, () => recoveryConformance(open))
  describe(`${name}: zones that join`, () => joiningConformance(open))
  describe(`${name}: returns and names`, () => returnsConformance(open))
}
