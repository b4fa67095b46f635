import { comparePositions, endOf, startOfLog } from '@holdfast/kds'
import { wireKey } from '@holdfast/model'
import { lintLedger } from '@holdfast/vip'
import { ownerText, ownerWords } from '../plan/keys.js'
import { differencesOf } from './verify.js'
import type { World, Zone } from './world.js'

/** What is wrong with a world now, by law; empty is lawful. */
export type Law = (world: World) => readonly string[]

const zones: readonly Zone[] = ['east', 'west']

/** One address per owner and family, one owner per address, in every store, tombstones included. */
export const vip1: Law = (world) => [
  ...world
    .stores()
    .flatMap((store) =>
      lintLedger([...store.image.ledger.values()], store.blocks()).filter((finding) => finding.severity === 'fatal'),
    )
    .map((finding) => finding.message),
  ...sharedAddresses(world),
]

function sharedAddresses(world: World): readonly string[] {
  const owners = new Map<string, string>()
  return world.stores().flatMap((store) =>
    [...store.image.ledger.values()].flatMap((row) => {
      const owner = ownerText(row)
      const before = owners.get(row.address) ?? owner
      owners.set(row.address, before)
      return before === owner ? [] : [`${row.address} has two owners, one of them ${ownerWords(row)}`]
    }),
  )
}

/** An owner's address stays what it was anywhere, until somebody raises its generation. */
export function vip2(): Law {
  const known = new Map<string, string>()
  return (world) =>
    world.stores().flatMap((store) =>
      [...store.image.ledger.values()].flatMap((row) => {
        const key = `${ownerText(row)} ${row.family} ${row.generation}`
        const before = known.get(key) ?? row.address
        known.set(key, before)
        return before === row.address ? [] : [`${ownerWords(row)} moved from ${before} to ${row.address}`]
      }),
    )
}

/** No service without its VIP or the reason, no VIP without its service. */
export const vip5: Law = (world) =>
  world
    .stores()
    .flatMap((store) =>
      differencesOf(store.image, store.identity.name).map(({ subject, problem }) => `${subject} ${problem}`),
    )

/** What global keeps under a zone's name came in on that zone's own connection. */
export const attr: Law = (world) =>
  [...world.global.image.rows.values()].flatMap((row) => {
    const zone = zones.find((one) => one === row.origin)
    if (zone === undefined || row.entry === undefined || world.said[zone].has(row.entry)) return []
    return [`${row.name} is kept as one of ${zone}, which never said so`]
  })

/** After a complete sync holds and refusals are all that differs, and every byte is the origin's (UNKNOWN). */
export const eq: Law = (world) =>
  zones.flatMap((zone) =>
    (['up', 'down'] as const).flatMap((channel) => {
      if (!world.sync(zone, channel, 1_000)) return [`${zone} ${channel}: not in step after a complete sync`]
      return differing(world, zone, channel)
    }),
  )

function differing(world: World, zone: Zone, channel: 'up' | 'down'): readonly string[] {
  const store = channel === 'up' ? world.global : world.zones[zone]
  const peer = channel === 'up' ? zone : ''
  const page = world
    .sender(zone, channel)
    .perform({ op: 'changes', from: startOfLog, limitBytes: 10_000_000, withRemovals: false })
  const refused = new Set(
    [...store.image.refused.values()].filter((row) => row.peer === peer).map((row) => `${row.type} ${row.name}`),
  )
  const offered = page.items.flatMap(({ change }) => ('offer' in change ? [change.offer.resource] : []))
  const meshIsGone = world.global.get({ type: 'Mesh', mesh: '', name: 'default' }) === undefined
  const wrong = offered.flatMap((resource) => {
    if (refused.has(`${resource.type} ${resource.name}`) || (meshIsGone && resource.mesh !== '')) return []
    const row = store.get(resource)
    if (row === undefined) return [`${zone} ${channel}: ${resource.name} is missing`]
    return Buffer.compare(row.spec, resource.spec) === 0 ? [] : [`${zone} ${channel}: ${resource.name} has other bytes`]
  })
  const names = new Set(offered.map((resource) => `${resource.type} ${resource.name}`))
  const extra = [...store.image.rows.values()].filter(
    (row) =>
      !row.deleted &&
      row.holdId === undefined &&
      (channel === 'up' ? row.origin === zone : row.origin !== zone) &&
      // Blocks are handed to zones by hand in this world.
      row.type !== 'VipBlock' &&
      !names.has(`${row.type} ${row.name}`),
  )
  return [...wrong, ...extra.map((row) => `${zone} ${channel}: ${row.name} is kept, and nobody offers it`)]
}

/** What lies behind a receiver's position was stored with it. */
export const dur: Law = (world) =>
  zones.flatMap((zone) =>
    (['up', 'down'] as const).flatMap((channel) => {
      const { cursor, partial } = world.receiver(zone, channel).perform({ op: 'standing' })
      const sender = world.sender(zone, channel)
      if (cursor === undefined || cursor.epoch !== sender.perform({ op: 'mark' }).cursor.epoch) return []
      const reached = partial ?? endOf(cursor.revision)
      const page = sender.perform({ op: 'changes', from: startOfLog, limitBytes: 10_000_000, withRemovals: false })
      return page.items.flatMap(({ type, position, change }) => {
        if (!('offer' in change) || comparePositions(position, reached) > 0) return []
        const key = wireKey(change.offer.resource.mesh, change.offer.resource.name)
        const entries = world
          .receiver(zone, channel)
          .perform({ op: 'offered-entries', resourceType: type, buckets: [] })
        return entries.some((entry) => entry.key === key) ? [] : [`${zone} ${channel}: ${key} lies behind the cursor`]
      })
    }),
  )

/** A superseded session writes nothing. */
export const own: Law = (world) =>
  world.ghosts().flatMap(({ zone, channel }) => {
    const before = world.global.status().head.revision
    try {
      channel.perform({ op: 'acked', cursor: world.global.status().head })
    } catch (error) {
      return error instanceof Error && error.name === 'Fenced' && world.global.status().head.revision === before
        ? []
        : [String(error)]
    }
    return [`an older session of ${zone} wrote`]
  })
