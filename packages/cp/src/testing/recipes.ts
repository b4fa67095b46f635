import { expect } from 'vitest'
import { ledgerMap, vipMap } from './dataplanes.js'
import type { Plane } from './mesh.js'

/** Addresses by zone and display name, as one control plane shows them and as its ledger has them. */
type VipMap = Readonly<Record<string, readonly string[]>>

/** Every VIP of a mesh, whole: what each control plane's API shows and what its ledger says. */
export type Observed = Readonly<Record<string, { readonly api: VipMap; readonly ledger: VipMap }>>

export async function observe(planes: readonly Plane[]): Promise<Observed> {
  const seen = await Promise.all(
    planes.map(async (plane) => [plane.name || 'global', { api: await vipMap(plane), ledger: await ledgerMap(plane) }]),
  )
  return Object.fromEntries(seen)
}

/**
 * VIP-4: waits until APIs and ledgers of all control planes show one and the same map in which every service has its
 * addresses. Returns the map.
 */
export async function settled(planes: readonly Plane[], withinMs = 30_000): Promise<VipMap> {
  return settledAs(planes, undefined, withinMs)
}

/** The same until that map is `wanted`; fails with the difference (VIP-2). */
export async function settledAs(
  planes: readonly Plane[],
  wanted: VipMap | undefined,
  withinMs = 30_000,
): Promise<VipMap> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const observed = await observe(planes)
    const maps = Object.values(observed).flatMap(({ api, ledger }) => [api, ledger])
    const map = sorted(wanted ?? maps[0] ?? {})
    const text = JSON.stringify(map)
    const isWhole = Object.values(map).every((addresses) => addresses.length > 0)
    if (isWhole && maps.every((one) => JSON.stringify(one) === text)) return map
    if (performance.now() > endMs) {
      expect(observed).toEqual(
        Object.fromEntries(planes.map(({ name }) => [name || 'global', { api: map, ledger: map }])),
      )
      throw new Error(`waited ${withinMs} ms for every service to have its addresses: ${text}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const sorted = (map: VipMap): VipMap => Object.fromEntries(Object.entries(map).sort())

export interface Broken {
  /** VIP-2: owners that have had several addresses of one family. */
  readonly changed: readonly string[]
  /** VIP-3: addresses that several owners have had. */
  readonly reused: readonly string[]
}

/** What has ever been in force in a control plane, intermediate revisions too, as its history of VIPs tells. */
export async function brokenIn(plane: Plane): Promise<Broken> {
  const inForce = new Set(['allocated', 'witnessed', 'revived', 'replaced', 'aliased'])
  const addresses = new Map<string, Set<string>>()
  const owners = new Map<string, Set<string>>()
  const note = (map: Map<string, Set<string>>, key: string, value: string): void => {
    map.set(key, (map.get(key) ?? new Set()).add(value))
  }
  for (const row of await plane.store.vip.history({}, 100_000)) {
    if (!inForce.has(row.event)) continue
    const owner = [row.kind, row.mesh, row.origin, row.namespace, row.displayName].join('/')
    note(addresses, `${owner} (IPv${row.family})`, row.address)
    note(owners, row.address, owner)
  }
  const several = (map: Map<string, Set<string>>): readonly string[] =>
    [...map].flatMap(([key, values]) => (values.size > 1 ? [`${key}: ${[...values].join(', ')}`] : []))
  return { changed: several(addresses), reused: several(owners) }
}

export const nothingBroken: Broken = { changed: [], reused: [] }
