import type { Hello } from '@holdfast/kds'
import { audienceOf, globalOrigin, isZoneEnabled, readLearnedTypes, typeOf } from '@holdfast/model'
import { rebindBlocks } from './adopt.js'
import { pausedWords } from './brakes.js'
import { deletedZoneWords, isZoneDeleted, zoneKey } from './deleted-zones.js'
import { isSaid, learnedTypesKey } from './learned-types.js'
import { nothingNeeded, type ZoneFacts } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { Needs, Row } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'

export type Admission =
  | {
      readonly admitted: true
      readonly created: boolean
      readonly owesReturn: boolean
      /** What it has said of its types is remembered, and it has the same ones. */
      readonly typesKnown: boolean
    }
  | { readonly admitted: false; readonly reason: string }

/** Lets a zone in, or says who has its name. First contact binds the name and makes the Zone resource, as one unit. */
export const admitUnit = (
  hello: Hello,
  peer: string,
  options: PlanOptions,
  instanceId?: string | undefined,
): Unit<Admission> => ({
  needs: needsOfAdmit(peer),
  // A name that is bound anew brings its blocks along.
  more: (ws) => ({
    ...nothingNeeded,
    keys:
      ws.zone(peer)?.storeId === hello.storeId
        ? []
        : ws.ledger
            .blocks()
            .flatMap(({ id, owner }) => (owner === peer ? [{ type: 'VipBlock', mesh: '', name: id }] : [])),
  }),
  plan: (ws) => ws.wholly(() => planAdmit(hello, peer, ws, options, instanceId)),
})

export const needsOfAdmit = (peer: string): Needs => ({
  ...nothingNeeded,
  keys: [{ type: 'Zone', mesh: '', name: peer }, learnedTypesKey(peer)],
  zones: [peer],
  blocks: true,
})

/**
 * A name is bound to a store. The same store is let in again, whatever is still open of it: the newest session wins.
 * Another one is let in only if nothing lives under the name any more: no session, no lease, never in step, and no operator
 * has given it to anybody. A zone that was deleted does not come back by itself.
 */
export function planAdmit(
  hello: Hello,
  peer: string,
  ws: WorkingSet,
  options: PlanOptions,
  instanceId?: string | undefined,
): Admission {
  const { nowMs } = options
  if (hello.storeId === '') return { admitted: false, reason: `zone "${peer}" does not say which store it has` }
  const zone = ws.zone(peer)
  const loses = duplicateProblem(peer, zone, hello.storeId, instanceId)
  if (loses !== undefined) return { admitted: false, reason: loses }
  if (zone?.paused !== undefined) return { admitted: false, reason: pausedWords(peer, zone.paused) }
  const isFree = zone?.decommissionedAtMs !== undefined
  // Known, and bound to no store: a zone of Kuma, whose name this one would take over.
  const wasPlain = zone !== undefined && zone.storeId === undefined
  if (wasPlain && zone.hasSession)
    return {
      admitted: false,
      reason: `zone "${peer}" is a Kuma zone, and it is connected: stop its control plane if this one is to take its place; if not, give this zone another name`,
    }
  if (isFree && zone.storeId === hello.storeId)
    return {
      admitted: false,
      reason: `zone "${peer}" was taken out of service, and this is its store ${hello.storeId}: what it had was removed everywhere. Start the zone with an empty database; or, if this one is to come back with all that is in it, run "holdfastctl zone adopt ${peer} --store-id ${hello.storeId}" at global`,
    }
  if (!isFree && isZoneDeleted(peer, ws)) return { admitted: false, reason: deletedZoneWords(peer) }
  if (!isFree && zone?.storeId !== undefined && zone.storeId !== hello.storeId) {
    const leases = ws.ledger.blocks().filter((block) => block.owner === peer).length
    if (zone.everInStep || zone.hasSession || zone.adoptedAtMs !== undefined || leases > 0) {
      // Said once: a zone that is refused asks again and again.
      if (zone.claimantStoreId !== hello.storeId)
        ws.putZone({ ...zone, claimantStoreId: hello.storeId, claimedAtMs: nowMs })
      return {
        admitted: false,
        reason: `zone "${peer}" belongs to the store ${zone.storeId}${zone.hasSession ? ', which is connected' : ''}; this is ${hello.storeId}. If the other one is gone for good, run "holdfastctl zone adopt ${peer}" at global; if not, give this zone another name`,
      }
    }
  }
  const unclaimed = { claimantStoreId: undefined, claimedAtMs: undefined }
  // Whoever has asked for its name meanwhile asks again if it is still there; if not, nobody is to adopt it by mistake.
  if (zone?.storeId === hello.storeId && zone.claimantStoreId !== undefined) ws.putZone({ ...zone, ...unclaimed })
  if (zone?.storeId !== hello.storeId) {
    ws.putZone({
      ...zone,
      ...unclaimed,
      name: peer,
      storeId: hello.storeId,
      everInStep: zone?.everInStep ?? false,
      decommissionedAtMs: undefined,
      // What global keeps of the Kuma zone, and has given addresses to, is this zone's from now on.
      ...(wasPlain ? { owesReturn: true } : {}),
    })
    rebindBlocks(peer, hello.storeId, ws, options)
    ws.audit({
      atMs: nowMs,
      actor: `zone ${peer}`,
      action: 'zone bound',
      subject: `Zone "${peer}"`,
      detail: { storeId: hello.storeId, before: zone?.storeId ?? null },
    })
  }
  const owesReturn = zone?.owesReturn === true || wasPlain
  const said = ws.liveRow(learnedTypesKey(peer))
  const typesKnown = said !== undefined && isSaid(readLearnedTypes(said.spec), hello.typeSet)
  return { admitted: true, created: makeZone(peer, ws, nowMs), owesReturn, typesKnown }
}

/** The Zone resource of a name that is met, or remembered, for the first time; whether there was none. */
export function makeZone(name: string, ws: WorkingSet, nowMs: number): boolean {
  const key = zoneKey(name)
  if (ws.liveRow(key) !== undefined) return false
  const before = ws.row(key)
  const type = typeOf('Zone')
  const made = ws.put({
    ...key,
    labels: {},
    typeUrl: type.encoding.kind === 'protobuf' ? type.encoding.typeUrl : '',
    spec: enabledZone,
    origin: globalOrigin,
    exportName: name,
    displayName: name,
    namespace: '',
    audience: audienceOf(type, {}, name, globalOrigin),
    revision: before?.revision ?? 0,
    deleted: false,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    statusRevision: before?.statusRevision ?? 0,
    exposed: before?.exposed ?? false,
  })
  hiddenByZone(before, made, ws)
  return true
}

/**
 * Two processes that both say that they are this zone's store would take the session from each other for ever, and each
 * time the other one's log would look restored. The newest keeps it; who has lost it waits until that one is gone.
 */
function duplicateProblem(
  peer: string,
  zone: ZoneFacts | undefined,
  storeId: string,
  instanceId: string | undefined,
): string | undefined {
  const { session } = zone ?? {}
  if (zone?.storeId !== storeId || session === undefined || instanceId === undefined) return undefined
  if (session.instanceId === instanceId || zone.superseded?.includes(instanceId) !== true) return undefined
  return `process ${session.instanceId} has a newer session of zone "${peer}" (${session.id}), with the same store ${storeId}. On one database this process waits, as it should, and takes over when that one ends. If its database is a copy of the other one's, stop one of the two: services that are changed here are told to nobody, and a second zone needs a name and an empty database of its own`
}

/** `kuma.system.v1alpha1.Zone{enabled: true}`: field 1 is a BoolValue, whose field 1 is true. */
export const enabledZone = Uint8Array.of(0x0a, 0x02, 0x08, 0x01)

/** A disabled zone's services are hidden from the others: a change of their views, so it takes a place in the log. */
export function hiddenByZone(before: Row | undefined, after: Row, ws: WorkingSet): void {
  const wasHidden = before !== undefined && !isZoneEnabled(before.spec)
  const isHidden = !isZoneEnabled(after.spec)
  if (wasHidden !== isHidden) ws.setHidden(after.name, isHidden)
}

/** The first mark of global's that agrees: from here on a zone has what global has, and no mesh of its own making. */
export const firstStepUnit = (options: PlanOptions): Unit<null> => ({
  needs: { ...nothingNeeded, meshes: ['default'], rowsOfMeshes: ['default'] },
  more: () => nothingNeeded,
  plan: (ws) => ws.wholly(() => planFirstStep(ws, options)),
})

/** If global has no mesh `default`, what this zone has in it is suspended until there is one. */
export function planFirstStep(ws: WorkingSet, { nowMs, identity }: PlanOptions): null {
  if (ws.everInStep) return null
  ws.setEverInStep()
  const mesh = ws.liveRow({ type: 'Mesh', mesh: '', name: 'default' })
  if (mesh !== undefined && mesh.origin === identity.name) ws.tombstone(mesh, { atMs: nowMs })
  if (ws.mesh('default') !== 'live')
    for (const row of ws.ofMesh('default'))
      if (!row.deleted && row.origin === identity.name) ws.put({ ...row, audience: 'suspended', modifiedAtMs: nowMs })
  return null
}
