import { type Brake, type ControlPlaneStore, isPausedReason } from '@holdfast/store'
import { crowded, crowdedText } from '@holdfast/vip'
import { peerName } from '../sync/sync-json.js'
import type { SyncView } from '../sync/sync-view.js'

/** Something that waits for a person, with the next act. */
export interface Attention {
  readonly what: string
  readonly since: string | null
  readonly next: string
}

/** Everything that does not mend itself, the most dangerous first. Empty on a quiet day. */
export async function attentionOf(store: ControlPlaneStore, sync: SyncView): Promise<readonly Attention[]> {
  const [status, holds, refused, counts, blocks, sessions, waiting, zones] = await Promise.all([
    store.status(),
    store.read.holds(),
    store.read.refused(),
    store.read.counts(),
    store.vip.blocks(),
    store.sessions.list(),
    store.guards.waitingForMeshes(),
    store.sessions.zones(),
  ])
  const role = status.identity.role
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())
  const found: Attention[] = []
  if (status.state === 'uninitialised')
    found.push({
      what: 'the store was never initialised, so nobody is told anything',
      since: null,
      next: 'holdfast init with its --database-url, or its --data-dir where the database is its own',
    })
  if (status.state === 'recovering') {
    const waits = sync.recoveryWaits?.() ?? []
    for (const { what, next } of waits) found.push({ what, since: null, next })
    if (waits.length === 0)
      found.push({
        what: `the store recovers: ${status.reasons.join('; ')}`,
        since: null,
        next: role === 'global' ? 'holdfastctl recover status' : 'wait for global to return what it remembers',
      })
  }
  if (status.readOnly !== undefined)
    found.push({
      what: `this control plane is read-only since ${status.readOnly.by} has set that${because(status.readOnly)}`,
      since: time(status.readOnly.atMs),
      next: 'holdfastctl read-only off, once whatever it was for is over',
    })
  const paused = new Map(
    zones.flatMap(({ name, paused: brake }) => (brake === undefined ? [] : [[name, brake] as const])),
  )
  for (const [name, brake] of paused)
    found.push({
      what: `zone ${name} is paused by ${brake.by}${because(brake)}`,
      since: time(brake.atMs),
      next: `holdfastctl zone resume ${name}`,
    })
  for (const hold of holds.filter(({ state }) => state === 'held'))
    found.push({
      what: `held: ${hold.keyCount} ${hold.type} from ${peerName(hold.peer)}: ${hold.reason}`,
      since: time(hold.sinceMs),
      next: `holdfastctl hold show ${hold.id}`,
    })
  if (role === 'global')
    for (const { origin, mesh, count } of waiting)
      found.push({
        what: `${count} resource${count === 1 ? '' : 's'} of zone ${origin} in mesh "${mesh}", which is not here: kept, and told to nobody`,
        since: null,
        next: `make the mesh; holdfastctl zone adopt ${origin} does if the zone has it`,
      })
  for (const peer of sync.peers())
    for (const channel of peer.channels)
      if (channel.phase === 'diverged')
        found.push({
          what: `${peerName(peer.peer)} and this control plane do not agree on ${channel.channel}, and a repair did not help`,
          since: time(channel.provenAtMs),
          next: role === 'global' ? `holdfastctl sync diff ${peer.peer}` : 'holdfastctl sync diff at global',
        })
  const refusing = new Map<string, typeof refused>()
  for (const row of refused) refusing.set(row.peer, [...(refusing.get(row.peer) ?? []), row])
  for (const [peer, rows] of refusing) {
    const [first] = rows
    if (first !== undefined)
      found.push({
        what: `${rows.length} resource${rows.length === 1 ? '' : 's'} of ${peerName(peer)} refused, last good version kept: ${first.type} "${first.exportName}": ${first.reason}`,
        since: time(Math.min(...rows.map(({ sinceMs }) => sinceMs))),
        next: 'holdfastctl refused list; mend it at its origin',
      })
  }
  // What is wrong now is worth more than how the last session ended.
  const lastErrors = new Map(sync.peers().map(({ peer, lastError }) => [peer, lastError]))
  const gone = new Set(
    zones.flatMap(({ name, decommissionedAtMs }) => (decommissionedAtMs === undefined ? [] : [name])),
  )
  const live = new Set(sync.peers().flatMap(({ peer, connected }) => (connected ? [peer] : [])))
  const last = new Map([...sessions].reverse().map((session) => [session.peer, session]))
  const claimed = new Map(zones.flatMap((zone) => (zone.claimantStoreId === undefined ? [] : [[zone.name, zone]])))
  for (const { name, storeId, claimantStoreId, claimedAtMs } of claimed.values())
    if (!live.has(name))
      found.push({
        what: `zone ${name} is not connected, and another store (${claimantStoreId}) asks for its name, which belongs to ${storeId ?? 'nobody'}`,
        since: time(claimedAtMs),
        next: `holdfastctl zone adopt ${name}, if the store of before is gone for good; else give the new one another name`,
      })
  for (const [peer, session] of last)
    if (!live.has(peer) && !paused.has(peer) && !claimed.has(peer) && !gone.has(peer))
      found.push({
        ...awayOf(peer, lastErrors.get(peer) ?? session.closeReason, status.identity.name),
        since: time(session.closedAtMs ?? session.lastHeartbeatMs),
      })
  for (const each of crowded(blocks.filter(({ family }) => family === 4)))
    found.push({
      what: crowdedText(each),
      since: null,
      next: 'holdfastctl vip pool list; holdfastctl vip pool add if no further block is granted',
    })
  if (counts.pendingVips > 0 && status.state === 'ready')
    found.push({
      what: `${counts.pendingVips} service${counts.pendingVips === 1 ? '' : 's'} without a virtual IP`,
      since: null,
      next: 'holdfastctl vip explain NAME tells why',
    })
  return found
}

/** A peer that is away, and what that says of what to do: whoever was paused needs nobody to look at the network. */
function awayOf(peer: string, reason: string | undefined, own: string): Pick<Attention, 'what' | 'next'> {
  const who = peer === '' ? 'global' : `zone ${peer}`
  const what = `${who} is not connected${reason === undefined ? '' : `: ${plainReason(reason)}`}`
  if (peer === '' && /certificate/i.test(reason ?? ''))
    return {
      what,
      next: `whoever answers there is none that this zone believes: if that global was made anew, 'holdfastctl zone add ${own}' there, and start this zone with --join`,
    }
  if (!isPausedReason(reason ?? '')) return { what, next: `look at ${who} and at the network between` }
  return peer === ''
    ? { what, next: `holdfastctl zone resume ${own} at global, once whatever it is for is over` }
    : {
        what: `${who} was paused, may join again and has not yet`,
        next: `it asks by itself every few seconds; if it does not come, look at ${who}`,
      }
}

/** Without the words that gRPC puts around what has happened. */
const plainReason = (reason: string): string =>
  reason
    .replace(/^OK /, '')
    .replace(/No connection established\. Last error: (Error: )?/, '')
    .replace(/\. Resolution note: $/, '')

const because = ({ reason }: Brake): string => (reason === '' ? '' : `: ${reason}`)
