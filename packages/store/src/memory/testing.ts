import { hash } from 'node:crypto'
import type { StoreSetting, StoreUnderTest } from '../conformance/fixtures.js'
import { asControlPlane } from './control-plane.js'
import { MemoryStore, type Planted } from './memory-store.js'

/** Chance that is the same every time: so many hex digits, from a seed. */
export function seededDigits(seed: string): (length: number) => string {
  let count = 0
  return (length) => {
    count++
    return hash('sha256', `${seed} ${count}`).slice(0, length)
  }
}

export const uuidOf = (seed: string): string =>
  hash('sha256', seed).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')

/** @param seed makes it another store than those of the same role and name */
export const memoryStore = (
  { role, name, nowMs, hooks, thresholds }: StoreSetting,
  planted?: Planted,
  seed = '',
): MemoryStore =>
  new MemoryStore({
    identity: { role, name, storeId: uuidOf(`store ${role} ${name}${seed}`) },
    nowMs,
    hexDigits: seededDigits(`${role} ${name}${seed}`),
    planted,
    hooks,
    thresholds,
  })

let opened = 0

/** Every store that is opened is another one. */
export const openMemory = async (setting: StoreSetting): Promise<StoreUnderTest> => ({
  store: asControlPlane(memoryStore(setting, {}, ` ${++opened}`)),
  close: async () => {},
})
