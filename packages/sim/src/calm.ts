import { channels, spokenMark } from '@holdfast/kds'
import { contentHash, digestEntry, exportLabels, findType, hex, identityBytes } from '@holdfast/model'
import type { Owner, Row } from '@holdfast/store'
import { holds } from './broken.js'
import { unjudged } from './hooks.js'
import { type Laws, nameOf } from './laws.js'
import type { Link } from './network.js'
import type { ControlPlane } from './node.js'
import { entryKey } from './truth.js'

export interface Time {
  /** Lets so much virtual time pass. */
  advance(ms: number): void
  nowMs(): number
}

/** A repair is tried again each minute and a refused resource is asked for again after minutes: well within it. */
const settleMaxMs = 6 * 60_000
const lookEveryMs = 1_000
/** What is proven equal must stay so while nothing happens: two heartbeats and a hint later it would have shown. */
const stillMs = 12_000
/** So often somebody may come to need a block while all is calm. */
const leasesMax = 5

/** After calm everything comes into step by itself, and stays; then the laws that speak of all control planes at once. */
export function settled(nodes: readonly ControlPlane[], laws: Laws, time: Time): void {
  // Who still waits for a block gets one now, and others hear of that at their next heartbeat at the latest.
  for (let leased = -1, tries = 0; leased !== laws.blocksLeased && tries < leasesMax; tries++) {
    comeIntoStep(nodes, laws, time, laws.tampered ? 'HEAL' : 'EQ')
    leased = laws.blocksLeased
    time.advance(stillMs)
  }
  const difference = laws.outOfStep()
  holds(difference === undefined, 'EQ', () => `it was in step, then nothing happened, and now: ${difference}`)
  const unsaid = laws.unsaid()
  holds(unsaid === undefined, 'ASSERT', () => unsaid ?? '')
  for (const node of nodes) checkEntries(node)
  checkCopies(nodes, laws)
  laws.allReturned()
}

/** ISO: everybody but this one zone comes into step, however slow it is. */
export function othersInStep(slow: string, laws: Laws, time: Time): void {
  const limitMs = time.nowMs() + settleMaxMs
  for (let difference = laws.outOfStep(slow); difference !== undefined; difference = laws.outOfStep(slow)) {
    holds(
      time.nowMs() < limitMs,
      'ISO',
      () => `${slow} reads slowly, and not in step with it is another: ${difference}`,
    )
    time.advance(lookEveryMs)
  }
}

function comeIntoStep(nodes: readonly ControlPlane[], laws: Laws, time: Time, law: 'EQ' | 'HEAL' | 'RO'): void {
  const limitMs = time.nowMs() + settleMaxMs
  while (laws.outOfStep() !== undefined || !allProven(nodes) || waiting(nodes) !== undefined) {
    const late = waiting(nodes)
    holds(
      time.nowMs() < limitMs || late === undefined,
      'LKG',
      () => `${late} still waits for its hook ${settleMaxMs / 60_000} minutes after it answers again`,
    )
    holds(
      time.nowMs() < limitMs,
      law,
      () => `not in step ${settleMaxMs / 60_000} minutes after the storm: ${laws.outOfStep() ?? unproven(nodes)}`,
    )
    time.advance(lookEveryMs)
  }
}

const waiting = ([global]: readonly ControlPlane[]): string | undefined =>
  global === undefined ? undefined : unjudged(global.store)

const zonesOf = (nodes: readonly ControlPlane[]): readonly ControlPlane[] =>
  nodes.filter((node) => node.role === 'zone')

/** Every session is open, and both ends of every channel know that they agree. */
const allProven = (nodes: readonly ControlPlane[]): boolean => unproven(nodes) === undefined

function unproven(nodes: readonly ControlPlane[]): string | undefined {
  for (const node of nodes) {
    const wanted = node.role === 'zone' ? 1 : zonesOf(nodes).length
    const sessions = node.siblings.flatMap((process) => [...process.sessions.values()])
    if (sessions.length !== wanted) return `${nameOf(node)} has ${sessions.length} sessions of ${wanted}`
    for (const session of sessions) {
      const { state } = session
      if (state.phase !== 'open') return `${nameOf(node)}: the session with ${nameOf(session)} is ${state.phase}`
      for (const channel of channels) {
        const machine = state.machines[channel]
        const proven =
          machine.role === 'sender' ? spokenMark(machine.state) !== undefined : machine.state.proven !== undefined
        if (!proven) return `${nameOf(node)}: ${channel} with ${nameOf(session)} is ${machine.state.phase}`
      }
    }
  }
  return undefined
}

/** The stored digest entries are those of the rows, computed anew from what they keep. */
function checkEntries(node: ControlPlane): void {
  for (const row of node.store.image.rows.values())
    holds(
      row.entry === (row.deleted ? undefined : entryOf(row)),
      'EQ',
      () => `${nameOf(node)}: the entry of ${entryKey(row)} is not that of its content`,
    )
}

const entryOf = (row: Row): string =>
  hex(
    digestEntry(
      identityBytes(row.type, row.mesh, row.exportName, row.origin),
      contentHash({ labels: exportLabels(row.labels), typeUrl: row.typeUrl, spec: row.spec }),
      row.vips,
    ),
  )

/**
 * VIP-4: wherever a service is known, it has the addresses that its origin has given it. What a zone has of another one
 * it was given by global: where global stands at an older version, because it has refused a newer one, every zone does.
 */
function checkCopies(nodes: readonly ControlPlane[], laws: Laws): void {
  const originals = new Map<string, Row>()
  const atGlobal = new Map<string, Row>()
  for (const node of nodes)
    for (const row of node.store.image.rows.values()) {
      if (row.deleted) continue
      if (row.origin === node.name) originals.set(`${row.origin} ${entryKey(row)}`, row)
      else if (node.role === 'global') atGlobal.set(`${row.origin} ${entryKey(row)}`, row)
    }
  for (const node of nodes)
    for (const copy of node.store.image.rows.values()) {
      if (copy.origin === node.name || copy.deleted || findType(copy.type)?.vipKind !== true) continue
      const key = `${copy.origin} ${entryKey(copy)}`
      const original = originals.get(key)
      if (copy.vips === undefined || original?.vips === undefined) continue
      const source = node.role === 'global' ? original : (atGlobal.get(key) ?? original)
      // If the older version had no VIP yet, or that of one family, so it is here; but never another one.
      const isOlder = copy.offeredEntry !== copy.entry
      const { addresses } = original.vips
      // An operator knows, and it refuses what its origin says.
      if (isOlder && laws.isContested(ownerOf(copy))) continue
      holds(
        text(copy.vips) === text(source.vips) || (isOlder && copy.vips.addresses.every((a) => addresses.includes(a))),
        'VIP-4',
        () =>
          `${nameOf(node)}: ${entryKey(copy)} of ${nameOf({ peer: copy.origin })} has ${text(copy.vips)}, its origin says ${text(original.vips)}`,
      )
    }
}

const ownerOf = ({ type: kind, mesh, origin, namespace, displayName }: Row): Owner => ({
  ...{ kind, mesh, origin, namespace, displayName },
})

const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing'

/**
 * RO: everything is cut once more, with nothing changed. Nothing is written but sessions and cursors, each end says one
 * thing, and everything is in step again.
 */
export function idleReconnect(
  nodes: readonly ControlPlane[],
  links: ReadonlyMap<string, Link>,
  laws: Laws,
  time: Time,
): void {
  const before = nodes.map(tablesOf)
  for (const zone of zonesOf(nodes)) zone.disconnect()
  const old = new Set(links.values())
  const limitMs = time.nowMs() + 60_000
  while (!(allProven(nodes) && [...links.values()].every((link) => !old.has(link)))) {
    holds(time.nowMs() < limitMs, 'RO', () => `not in step a minute after an idle reconnect: ${unproven(nodes)}`)
    time.advance(50)
  }
  for (const [zone, link] of links)
    holds(
      link.sent.zone <= 1 && link.sent.global <= 1,
      'RO',
      () => `an idle reconnect of ${zone} took ${link.sent.zone} messages up and ${link.sent.global} down`,
    )
  for (const [at, node] of nodes.entries())
    for (const [table, rows] of Object.entries(tablesOf(node)))
      holds(isSame(rows, before[at]?.[table]), 'RO', () => `${nameOf(node)}: an idle reconnect wrote to ${table}`)
  const difference = laws.outOfStep()
  holds(difference === undefined, 'RO', () => `after an idle reconnect: ${difference}`)
}

type Rows = readonly (readonly [key: string, row: unknown])[]

/** Every table that an idle reconnect may not write. When a refusal is asked again follows from the clock. */
function tablesOf(node: ControlPlane): Readonly<Record<string, Rows>> {
  const { image } = node.store
  const refused = [...image.refused].map(([key, { nextTryMs, tries, ...row }]): [string, string] => [key, text(row)])
  return {
    head: [['', image.head]],
    resources: [...image.rows],
    vip_ledger: [...image.ledger],
    vip_blocks: [...image.blocks],
    vip_history: [['', image.history.length]],
    refused,
    holds: [...image.holds],
    zones: [...image.zones],
    audit: [['', image.audit.length]],
  }
}

/** Rows are never changed in place: another row in the same place was written, even if it says the same. */
const isSame = (a: Rows, b: Rows | undefined): boolean =>
  a.length === b?.length && a.every(([key, row], at) => b[at]?.[0] === key && b[at]?.[1] === row)
