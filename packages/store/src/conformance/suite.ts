import { describe } from 'vitest'
import { channelConformance } from './channels.js'
import type { OpenStore } from './fixtures.js'
import { localConformance } from './local.js'
import { receivedConformance } from './received.js'
import { vipConformance } from './vips.js'

export type { OpenStore, StoreSetting, StoreUnderTest } from './fixtures.js'

/** Everything that a store of Holdfast has to do, whatever it is made of. Opens a fresh, empty store per test. */
export function storeConformance(name: string, open: OpenStore): void {
  describe(`${name}: own changes`, () => localConformance(open))
  describe(`${name}: what is received`, () => receivedConformance(open))
  describe(`${name}: VIPs`, () => vipConformance(open))
  describe(`${name}: channels`, () => channelConformance(open))
}
