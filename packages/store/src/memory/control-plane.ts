import type { ChannelContext, ChannelStore, StoreOp, StoreResults } from '@holdfast/kds'
import { Problem, readLearnedTypes } from '@holdfast/model'
import { addPoolUnit, importAddresses, type LedgerRow, learnUnit, pausedWords, type Row } from '../plan/index.js'
import { byText, keyText, ledgerText, ownerOf, ownerText } from '../plan/keys.js'
import type { Owner } from '../plan/types.js'
import { zoneObjectsOf } from '../plan/zone-objects.js'
import { type Booked, type ControlPlaneStore, type Served, type SessionRecord, scrubOff } from '../port.js'
import { changesIn } from './changes.js'
import { memoryGuards, reportsOf } from './guards.js'
import { memoryHooks } from './hooks.js'
import { InOrder, notAfter } from './in-order.js'
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
  const image = () => store.image
  const rowsInOrder = new InOrder<Row>(image, (now, type) => now.ofType(type), placeOf)
  const ledgerInOrder = new InOrder<LedgerRow>(image, (now) => now.ledger.values(), idOf)
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
      shown: async (key) => {
        const row = store.get(key)
        const { name, role } = store.identity
        const owner = row === undefined ? '' : ownerText({ ...row, kind: row.type })
        const scope = `zone:${role === 'zone' ? name : ''}`
        return {
          row,
          head: store.status().head,
          reports: reportsOf(store).filter(({ body }) => body !== ''),
          aliases: [...store.image.ledger.values()]
            .filter((each) => each.scope === scope && each.state === 'active' && ownerText(each) === owner)
            .sort((a, b) => a.family - b.family)
            .map(({ address }) => address),
        }
      },
      byDisplayName: async (type, mesh, displayName, zone) =>
        [...store.image.ofType(type)].filter(
          (row) =>
            row.mesh === mesh &&
            row.displayName === displayName &&
            (zone === undefined || row.origin === (zone === '' ? store.identity.name : zone)),
        ),
      list: async ({ type, mesh, nameContains, labels = {}, after, offset, limit }) => {
        const wanted = Object.entries(labels)
        const found = rowsInOrder
          .list(type)
          .filter(
            ({ item: row }) =>
              (mesh === undefined || row.mesh === mesh) &&
              (nameContains === undefined || row.name.includes(nameContains)) &&
              wanted.every(([label, value]) => row.labels[label] === value),
          )
        const from = offset + (after === undefined ? 0 : notAfter(found, placeOf(after)))
        return { total: found.length, items: found.slice(from, from + limit).map(({ item }) => item) }
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
      hasFollowed: async (peer) =>
        [...store.image.cursors.values()].some(
          (row) => row.peer === peer && row.side === 'received' && row.cursor !== undefined,
        ),
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
      ledger: async ({ includeTombstoned, after, limit, ...query }) => {
        const all = ledgerInOrder.list()
        const items: LedgerRow[] = []
        for (let at = after === undefined ? 0 : notAfter(all, after); at < all.length; at++) {
          const { item } = all[at] as (typeof all)[number]
          if (!matches(item, query) || !(includeTombstoned || item.state === 'active')) continue
          const last = items.at(-1)
          if (items.length === limit && last !== undefined) return { items, next: idOf(last) }
          items.push(item)
        }
        return { items, next: undefined }
      },
      booked: async ({ after, limit }) => {
        const all = ledgerInOrder.list()
        const items: Booked[] = []
        let at = after === undefined ? 0 : notAfter(all, lastOf(after))
        while (at < all.length && items.length < limit) {
          const { item: first } = all[at] as (typeof all)[number]
          const rows: LedgerRow[] = []
          for (; at < all.length && sameOwner(all[at]?.item ?? first, first); at++)
            rows.push((all[at] as (typeof all)[number]).item)
          const addresses = addressesInForce(rows, store.identity.name)
          const { kind, mesh, origin, namespace, displayName } = first
          if (addresses.length > 0) items.push({ kind, mesh, origin, namespace, displayName, addresses })
        }
        return items
      },
      served: async ({ kind, after, offset, limit }) => {
        const all = rowsInOrder.list(kind)
        const from = offset + (after === undefined ? 0 : notAfter(all, placeOf(after)))
        return all.slice(from, from + limit).map(({ item }) => servedOf(item))
      },
      standing: async (keys) =>
        keys.flatMap((key) => {
          const row = store.get(key)
          if (row === undefined) return []
          const of = ownerText(ownerOf(row))
          const rows = [...store.image.ledger.values()].filter((each) => ownerText(each) === of)
          return [{ ...row, booked: addressesInForce(rows, store.identity.name) }]
        }),
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
      meetPlain: async (zone) => store.meetPlain(zone),
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

/** By mesh and name: no text of either has a NUL in it. */
const placeOf = ({ mesh, name }: Pick<Row, 'mesh' | 'name'>): string => `${mesh}\u0000${name}`
const idOf = (row: LedgerRow): string => ledgerText(row, row.scope, row.family)
/** Behind every row of an owner. */
const lastOf = (owner: Owner): string => `${ownerText(owner)}\u0001`
const sameOwner = (one: Owner, other: Owner): boolean => ownerText(one) === ownerText(other)

const servedOf = (row: Row): Served => ({
  ...ownerOf(row),
  ...{ name: row.name, audience: row.audience, addresses: row.vips?.addresses ?? [] },
})

/** Of the rows of one owner; where none is canonical, what `zone` has given it from blocks of its own. */
function addressesInForce(rows: readonly LedgerRow[], zone: string): readonly string[] {
  const active = rows.filter(({ state }) => state === 'active')
  const canonical = active.filter(({ scope }) => scope === 'canonical')
  const stands = active.filter(({ scope, blockId }) => scope === `zone:${zone}` && blockId !== undefined)
  const inForce = canonical.length > 0 ? canonical : stands
  return [...inForce].sort((a, b) => a.family - b.family).map(({ address }) => address)
}

const matchable = ['kind', 'mesh', 'origin', 'namespace', 'displayName', 'address'] as const

function matches(
  row: { readonly [K in 'kind' | 'mesh' | 'origin' | 'namespace' | 'displayName' | 'address']: string },
  wanted: {
    readonly [K in 'kind' | 'mesh' | 'origin' | 'namespace' | 'displayName' | 'address']?: string | undefined
  },
): boolean {
  return matchable.every((field) => wanted[field] === undefined || wanted[field] === row[field])
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
