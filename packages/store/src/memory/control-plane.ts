import type { ChannelContext, ChannelStore, StoreOp, StoreResults } from '@holdfast/kds'
import { Problem, readLearnedTypes } from '@holdfast/model'
import { addPoolUnit, importAddresses, type LedgerRow, learnUnit, pausedWords, type Row } from '../plan/index.js'
import { byText, keyText, ledgerText, ownerText } from '../plan/keys.js'
import { meetPlainUnit } from '../plan/plain-zones.js'
import { zoneObjectsOf } from '../plan/zone-objects.js'
import { type ControlPlaneStore, type SessionRecord, scrubOff } from '../port.js'
import { changesIn } from './changes.js'
import { memoryGuards } from './guards.js'
import { memoryHooks } from './hooks.js'
import { lagOf } from './lag.js'
import { MemoryLeases } from './leases.js'
import type { MemoryStore } from './memory-store.js'
import { memoryRecovery } from './recovery.js'
import { memoryReplicas } from './replicas.js'
import * as returns from './returns.js'
import { lowestSettled } from './settled.js'
import { upkeepOf } from './upkeep.js'
import { differencesOf } from './verify.js'

const sessionsPerPeerMax = 10

/** A store in memory behind the port that the product uses, so that one conformance suite judges both. */
export function asControlPlane(store: MemoryStore): ControlPlaneStore {
  const leases = new MemoryLeases(store.nowMs)
  const rows = (): readonly Row[] => [...store.image.rows.values()].filter((row) => !row.deleted)
  return {
    status: async () => store.status(),
    initialise: async (options) => store.initialise(options),
    finishRecovery: async () => store.finishRecovery(),
    local: {
      apply: async (request, { signal }) => {
        signal.throwIfAborted()
        leases.check(request.lease)
        return store.apply(request)
      },
      writeStatus: async (key, status) => store.writeStatus(key, status),
    },
    read: {
      changes: async (query) => changesIn(store.image, query, store.identity.name),
      get: async (key) => store.get(key),
      byDisplayName: async (type, mesh, displayName, zone) =>
        [...store.image.ofType(type)].filter(
          (row) =>
            row.mesh === mesh &&
            row.displayName === displayName &&
            (zone === undefined || row.origin === (zone === '' ? store.identity.name : zone)),
        ),
      list: async (query) => {
        const found = [...store.image.ofType(query.type)]
          .filter(
            (row) =>
              (query.mesh === undefined || row.mesh === query.mesh) &&
              (query.nameContains === undefined || row.name.includes(query.nameContains)) &&
              Object.entries(query.labels ?? {}).every(([label, value]) => row.labels[label] === value),
          )
          .sort((a, b) => byText(a.mesh, b.mesh) || byText(a.name, b.name))
        const { after, offset, limit } = query
        const from =
          after === undefined
            ? found
            : found.filter((row) => (byText(row.mesh, after.mesh) || byText(row.name, after.name)) > 0)
        return { total: found.length, items: from.slice(offset, offset + limit) }
      },
      counts: async () => {
        const counts = new Map<string, { type: string; origin: string; count: number }>()
        for (const { type, origin } of rows()) {
          const key = `${type} ${origin}`
          counts.set(key, { type, origin, count: (counts.get(key)?.count ?? 0) + 1 })
        }
        return {
          resources: [...counts.values()].sort((a, b) => byText(a.type, b.type) || byText(a.origin, b.origin)),
          refused: store.image.refused.size,
          held: [...store.image.holds.values()].reduce((sum, h) => sum + (h.state === 'held' ? h.keyCount : 0), 0),
          pendingVips: store.image.rowsByMarker.keys('pending').size,
        }
      },
      countsByMesh: async () => {
        const counts = new Map<string, { type: string; mesh: string; count: number }>()
        for (const { type, mesh } of rows()) {
          const key = `${type} ${mesh}`
          counts.set(key, { type, mesh, count: (counts.get(key)?.count ?? 0) + 1 })
        }
        return [...counts.values()].sort((a, b) => byText(a.type, b.type) || byText(a.mesh, b.mesh))
      },
      refused: async () => [...store.image.refused.values()],
      holds: async () => [...store.image.holds.values()].filter((hold) => hold.state === 'held'),
      cursors: async () => [...store.image.cursors.values()],
      lag: async () => lagOf(store),
      scrub: async () => scrubOff,
      audit: async (limit, { actor, action, subject = '', sinceMs = 0 } = {}) =>
        store.image.audit
          .filter(
            (row) =>
              (actor === undefined || row.actor === actor) &&
              (action === undefined || row.action === action) &&
              row.subject.includes(subject) &&
              row.atMs >= sinceMs,
          )
          .toReversed()
          .slice(0, limit),
    },
    hooks: memoryHooks(store),
    guards: memoryGuards(store),
    vip: {
      ledger: async (query) => {
        const found = [...store.image.ledger.values()]
          .filter(
            (row) =>
              matches(row, query) &&
              (query.includeTombstoned || row.state === 'active') &&
              (query.after === undefined || idOf(row) > query.after),
          )
          .sort((a, b) => byText(idOf(a), idOf(b)))
        const items = found.slice(0, query.limit)
        const last = items.at(-1)
        return { items, next: found.length > items.length && last !== undefined ? idOf(last) : undefined }
      },
      history: async (owner, limit) =>
        store.image.history
          .filter((row) => matches(row, owner))
          .toReversed()
          .slice(0, limit),
      blocks: async () => store.blocks(),
      ownBlocks: async () =>
        store.blocks().flatMap(({ used: _, ...block }) => (block.owner === store.identity.name ? [block] : [])),
      lease: async (request) => store.lease(request),
      demand: async () => store.demand(),
      addPool: async (request) => store.run(addPoolUnit(request, store.options(store.nowMs()))),
      adoptBlocks: async (cidrs) => store.adoptBlocks(cidrs),
      importAddresses: (request) =>
        importAddresses(request, { options: () => store.options(store.nowMs()), run: async (unit) => store.run(unit) }),
      aliases: async (owners, zone) =>
        [...store.image.ledger.values()].filter(
          (row) => row.scope === `zone:${zone}` && owners.some((owner) => ownerText(owner) === ownerText(row)),
        ),
      verifyLocal: async () => differencesOf(store.image, store.identity.name),
      freeQuarantined: async (nowMs) => store.freeQuarantined(nowMs, lowestSettled(store)),
    },
    sessions: {
      open: async ({ lease, ...session }) => {
        leases.check(lease)
        if (session.stream === undefined) supersede(store, session.peer, session.sessionId)
        return store.openSession(session.peer, session.sessionId, {
          ...session,
          openedAtMs: store.nowMs(),
          counters: {},
        })
      },
      heartbeats: async (beats) => {
        for (const { sessionId, counters } of beats)
          changeSession(store, sessionId, (session) => ({ ...session, counters, lastHeartbeatMs: store.nowMs() }))
      },
      close: async (sessionId, closeReason) =>
        changeSession(store, sessionId, (session) => ({ ...session, closedAtMs: store.nowMs(), closeReason })),
      list: async () => {
        const peers = new Map<string, SessionRecord[]>()
        for (const session of [...store.image.sessions.values()].toReversed()) {
          const of = peers.get(session.peer) ?? []
          peers.set(session.peer, of)
          if (of.length < sessionsPerPeerMax) of.push(session)
        }
        return [...peers.values()].flat()
      },
      zones: async () => [...store.image.zones.values()],
      meetPlain: async (zone) => store.run(meetPlainUnit(zone, store.options(store.nowMs()))),
      zoneObjects: async () => zoneObjectsOf([...store.image.ofType('Zone')]),
      deletedZones: async (names) =>
        names.filter((name) => {
          const row = store.image.rows.get(keyText({ type: 'Zone', mesh: '', name }))
          return row === undefined ? store.image.zones.get(name)?.storeId !== undefined : row.deleted
        }),
      pausedZones: async (names) =>
        names.flatMap((zone) => {
          const brake = store.image.zones.get(zone)?.paused
          return brake === undefined ? [] : [{ zone, reason: pausedWords(zone, brake) }]
        }),
    },
    brakes: {
      pause: async (request) => store.pause(request),
      readOnly: async (request) => store.makeReadOnly(request),
    },
    recovery: memoryRecovery(store),
    returns: {
      page: async (zone) => returns.pageOf(store, zone),
      done: async (zone, sessionId) => returns.doneWith(store, zone, sessionId),
      begin: async (reason) => returns.begin(store, reason),
      take: async (page) => returns.take(store, page),
      finish: async (seen, last) => returns.finish(store, seen, last),
      adopt: async (request) => returns.adopt(store, request),
      federate: async (request) => returns.federate(store, request),
      planJoin: async (request) => returns.planJoin(store, request),
      decommission: async (request) => returns.decommission(store, request),
    },
    types: {
      learn: async (peer, said) => store.run(learnUnit(peer, said, store.options(store.nowMs()))),
      learned: async () =>
        rows().flatMap((row) => (row.type === 'LearnedTypes' ? (readLearnedTypes(row.spec) ?? []) : [])),
    },
    channel: (context) => asyncChannel(store, context),
    leases,
    replicas: memoryReplicas(store.nowMs),
    upkeep: async ({ lease } = {}) => {
      leases.check(lease)
      return upkeepOf(store)
    },
    get diff(): never {
      throw new Error('a store in memory is compared by the simulation itself')
    },
    faults: () => [],
    scrub: async () => ({ rows: 0, found: [], roundEnded: false }),
    onAdvanced: (listener) => store.onAdvanced(listener),
    close: async () => {},
  }
}

const idOf = (row: LedgerRow): string => ledgerText(row, row.scope, row.family)

function matches(
  row: { readonly [K in 'kind' | 'mesh' | 'origin' | 'namespace' | 'displayName' | 'address']: string },
  wanted: {
    readonly [K in 'kind' | 'mesh' | 'origin' | 'namespace' | 'displayName' | 'address']?: string | undefined
  },
): boolean {
  const { kind, mesh, origin, namespace, displayName, address } = wanted
  return Object.entries({ kind, mesh, origin, namespace, displayName, address }).every(
    ([field, value]) => value === undefined || Object.entries(row).some(([f, v]) => f === field && v === value),
  )
}

function supersede(store: MemoryStore, peer: string, sessionId: string): void {
  for (const session of [...store.image.sessions.values()])
    if (session.peer === peer && session.closedAtMs === undefined && session.sessionId !== sessionId)
      changeSession(store, session.sessionId, (older) => ({
        ...older,
        closedAtMs: store.nowMs(),
        closeReason: 'a newer session has opened',
      }))
}

function changeSession(store: MemoryStore, sessionId: string, change: (session: SessionRecord) => SessionRecord): void {
  const session = store.image.sessions.get(sessionId)
  if (session !== undefined) store.image.sessions.set(sessionId, change(session))
}

function asyncChannel(store: MemoryStore, context: ChannelContext): ChannelStore {
  const channel = store.channel(context)
  return {
    perform: async <O extends StoreOp>(op: O, { signal }: { readonly signal: AbortSignal }) => {
      if (signal.aborted) throw new Problem('unavailable', `${op.op} was given up`)
      const result: StoreResults[O['op']] = channel.perform(op)
      return result
    },
  }
}
