import { channels, spokenMark } from '@holdfast/kds'
import { contentHash, digestEntry, exportLabels, findType, hex, identityBytes } from '@holdfast/model'
import type { Owner, Row } from '@holdfast/store'
import { holds } from './broken.js'
import { unjudged } from './hooks.js'
import type { KumaZone } from './kuma-zone.js'
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
/** The longest back-off of a Kuma, and all its lists. */
const kumaReturnsMs = 120_000
/** A hint, two statements, a message and its answer take a tenth of this in calm weather. */
const promptMs = 6_000
const lookOftenMs = 100
/** What is asked for is answered as promptly; whoever else asks meanwhile is waited for as well. */
const answerMaxMs = 60_000
/** So often somebody may come to need a block while all is calm. */
const leasesMax = 5

/** After calm everything comes into step by itself, and stays; then the laws that speak of all control planes at once. */
export function settled(nodes: readonly ControlPlane[], kumas: readonly KumaZone[], laws: Laws, time: Time): void {
  // Who still waits for a block gets one now, and others hear of that at their next heartbeat at the latest.
  for (let leased = -1, tries = 0; leased !== laws.blocksLeased && tries < leasesMax; tries++) {
    comeIntoStep(nodes, kumas, laws, time, laws.tampered ? 'HEAL' : 'EQ')
    leased = laws.blocksLeased
    time.advance(stillMs)
  }
  const difference = laws.outOfStep() ?? laws.kumasOutOfStep()?.text
  holds(difference === undefined, 'EQ', () => `it was in step, then nothing happened, and now: ${difference}`)
  const unsaid = laws.unsaid()
  holds(unsaid === undefined, 'ASSERT', () => unsaid ?? '')
  for (const node of nodes) checkEntries(node)
  checkCopies(nodes, laws)
  laws.allReturned()
}

/** ISO: everybody but this one zone comes into step, however slow it is; zones without a proof hear and say everything. */
export function othersInStep(
  slow: string,
  nodes: readonly ControlPlane[],
  kumas: readonly KumaZone[],
  laws: Laws,
  time: Time,
): void {
  const limitMs = time.nowMs() + settleMaxMs
  const late = (): string | undefined =>
    laws.outOfStep(slow) ?? unproven(nodes, slow) ?? laws.kumasOutOfStep()?.text ?? away(kumas)
  for (let difference = late(); difference !== undefined; difference = late()) {
    holds(
      time.nowMs() < limitMs,
      'ISO',
      () => `${slow} reads slowly, and not in step with it is another: ${difference}`,
    )
    time.advance(lookEveryMs)
  }
}

/**
 * ISO: what happens while one zone reads slowly is known to all others as soon as it would be without it. If that zone is
 * the one that tells global that it was put back, global shows nothing to anybody before it has heard what the zone
 * remembers (docs/decisions/0012), at the pace at which it reads: then all that is demanded is that the others come into step.
 */
export function othersHearAtOnce(
  slow: string,
  nodes: readonly ControlPlane[],
  kumas: readonly KumaZone[],
  laws: Laws,
  time: Time,
): void {
  const limitMs = time.nowMs() + promptMs
  const late = (): string | undefined => laws.outOfStep(slow) ?? laws.kumasOutOfStep()?.text
  for (let difference = late(); difference !== undefined; difference = late()) {
    if (nodes.some(({ role, store }) => role === 'global' && store.image.state === 'recovering')) {
      othersInStep(slow, nodes, kumas, laws, time)
      return
    }
    holds(
      time.nowMs() < limitMs,
      'ISO',
      () => `${slow} reads slowly, and ${promptMs / 1000} s after a change another waits: ${difference}`,
    )
    time.advance(lookOftenMs)
  }
}

/**
 * A Kuma zone that is not there, or has not said and heard everything on its present streams. It may lack nothing, for
 * there is nothing yet, or have said all that it has to a global that was recovering: what it says when it is back is
 * written then. It waits in its own back-off, and for nobody else.
 */
function away(kumas: readonly KumaZone[]): string | undefined {
  const kuma = kumas.find((one) => !one.isListed)
  return kuma === undefined ? undefined : `${kuma.name}, a Kuma zone, is away`
}

function comeIntoStep(
  nodes: readonly ControlPlane[],
  kumas: readonly KumaZone[],
  laws: Laws,
  time: Time,
  law: 'EQ' | 'HEAL' | 'RO',
): void {
  const limitMs = time.nowMs() + settleMaxMs
  const isLate = (): boolean =>
    laws.outOfStep() !== undefined ||
    !allProven(nodes) ||
    waiting(nodes) !== undefined ||
    laws.kumasOutOfStep() !== undefined ||
    away(kumas) !== undefined
  while (isLate()) {
    const late = waiting(nodes)
    holds(
      time.nowMs() < limitMs || late === undefined,
      'LKG',
      () => `${late} still waits for its hook ${settleMaxMs / 60_000} minutes after it answers again`,
    )
    const kuma = time.nowMs() < limitMs ? undefined : laws.kumasOutOfStep()
    holds(
      kuma === undefined || laws.outOfStep() !== undefined,
      kuma?.law ?? law,
      () => `${settleMaxMs / 60_000} minutes after the storm: ${kuma?.text}`,
    )
    holds(
      time.nowMs() < limitMs,
      law,
      () =>
        `not in step ${settleMaxMs / 60_000} minutes after the storm: ${laws.outOfStep() ?? unproven(nodes) ?? away(kumas)}`,
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

/** @param but a zone that nobody waits for */
function unproven(nodes: readonly ControlPlane[], but?: string): string | undefined {
  for (const node of nodes) {
    if (node.name === but) continue
    const wanted = node.role === 'zone' ? 1 : zonesOf(nodes).filter(({ name }) => name !== but).length
    const sessions = node.siblings
      .flatMap((process) => [...process.sessions.values()])
      .filter(({ peer }) => but === undefined || peer !== but)
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
      const original = laws.isKuma(copy.origin) ? atGlobal.get(key) : originals.get(key)
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
  kumas: readonly KumaZone[],
  links: ReadonlyMap<string, Link>,
  laws: Laws,
  time: Time,
): void {
  // Of Kuma zones, which stay connected, the last acks of their first lists may still be on their way.
  const others = new Set(kumas.map(({ name }) => name))
  hearAnswers(nodes, kumas, laws, time)
  forgetClaims(nodes, kumas, laws, time)
  const before = nodes.map((node) => tablesOf(node, others))
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
    for (const [table, rows] of Object.entries(tablesOf(node, others))) {
      const written = (): string => firstOther(rows, before[at]?.[table] ?? [])
      holds(
        isSame(rows, before[at]?.[table]),
        'RO',
        () => `${nameOf(node)}: an idle reconnect wrote to ${table}: ${written()}`,
      )
    }
  const difference = laws.outOfStep()
  holds(difference === undefined, 'RO', () => `after an idle reconnect: ${difference}`)
  if (kumas.length > 0) listedAgain(kumas, nodes, time)
}

/** Who has asked for a zone's name and has gone is forgotten when its own store comes back: once, and then nothing is left of it. */
function forgetClaims(nodes: readonly ControlPlane[], kumas: readonly KumaZone[], laws: Laws, time: Time): void {
  const known = nodes.find(({ role }) => role === 'global')?.store.image.zones
  for (const zone of zonesOf(nodes)) if (known?.get(zone.name)?.claimantStoreId !== undefined) zone.disconnect()
  comeIntoStep(nodes, kumas, laws, time, 'EQ')
}

/**
 * What was refused is asked for again now and then, whoever reconnects: an answer that is on its way when everything is cut
 * is written, or not, as it would be without the cut. Whoever has asked is answered first, and others hear of it.
 */
function hearAnswers(nodes: readonly ControlPlane[], kumas: readonly KumaZone[], laws: Laws, time: Time): void {
  const limitMs = time.nowMs() + answerMaxMs
  for (let asking = whoAsks(nodes); asking !== undefined; asking = whoAsks(nodes)) {
    const who = asking
    holds(time.nowMs() < limitMs, 'LKG', () => `${who} has asked again for what it refused, and hears no answer`)
    time.advance(lookOftenMs)
    comeIntoStep(nodes, kumas, laws, time, 'EQ')
  }
}

function whoAsks(nodes: readonly ControlPlane[]): string | undefined {
  const sessions = nodes.flatMap(({ siblings }) => siblings.flatMap((process) => [...process.sessions.values()]))
  const asking = sessions.find(({ state }) =>
    channels.some((channel) => {
      const machine = state.machines[channel]
      return machine.role === 'receiver' && machine.state.asking.size > 0
    }),
  )
  return asking === undefined ? undefined : nameOf(asking.node)
}

/**
 * RO: those without a proof say and hear everything once more, and nothing of theirs is written. Meanwhile whatever
 * happens in half a minute happens to others; their own addresses are what they say of themselves (see `rememberAliases`).
 */
function listedAgain(kumas: readonly KumaZone[], nodes: readonly ControlPlane[], time: Time): void {
  const names = new Set(kumas.map(({ name }) => name))
  const ofKumas = ({ store: { image } }: ControlPlane): Rows => [
    ...[...image.rows].filter(([, row]) => names.has(row.origin)),
    ...[...image.ledger].filter(([, row]) => names.has(row.origin) && row.scope === 'canonical'),
    ...[...image.holds].filter(([, hold]) => names.has(hold.origin)),
  ]
  const before = nodes.map(ofKumas)
  for (const kuma of kumas) kuma.disconnect()
  allListed(kumas, time)
  for (const [at, node] of nodes.entries()) {
    const [now, then = []] = [ofKumas(node), before[at]]
    holds(
      isSame(now, then),
      'RO',
      () => `${nameOf(node)}: Kuma zones have said the same again, and it wrote ${firstOther(now, then)}`,
    )
  }
}

/** Those without a proof say and hear everything once more. */
function allListed(kumas: readonly KumaZone[], time: Time): void {
  const limitMs = time.nowMs() + kumaReturnsMs
  for (const kuma of kumas)
    while (!kuma.isListed) {
      holds(time.nowMs() < limitMs, 'RO', () => `${kuma.name}, a Kuma zone, is not there again after an idle reconnect`)
      time.advance(lookEveryMs)
    }
}

type Rows = readonly (readonly [key: string, row: unknown])[]

/** Every table that an idle reconnect may not write. When a refusal is asked again follows from the clock. */
function tablesOf(node: ControlPlane, others: ReadonlySet<string>): Readonly<Record<string, Rows>> {
  const { image } = node.store
  const refused = [...image.refused].map(([key, { nextTryMs, tries, ...row }]): [string, string] => [key, text(row)])
  return {
    resources: [...image.rows],
    vip_ledger: [...image.ledger],
    vip_blocks: [...image.blocks],
    vip_history: [['', image.history.length]],
    refused,
    holds: [...image.holds],
    zones: [...image.zones].filter(([name]) => !others.has(name)),
    audit: [['', image.audit.length]],
    head: [['', image.head]],
  }
}

/** Where two tables differ first. */
function firstOther(now: Rows, before: Rows): string {
  const known = new Map(before)
  const [key] = now.find(([one, row]) => known.get(one) !== row) ?? []
  if (key !== undefined) return key
  const left = new Set(now.map(([one]) => one))
  return before.find(([one]) => !left.has(one))?.[0] ?? 'their order'
}

/** Rows are never changed in place: another row in the same place was written, even if it says the same. */
const isSame = (a: Rows, b: Rows | undefined): boolean =>
  a.length === b?.length && a.every(([key, row], at) => b[at]?.[0] === key && b[at]?.[1] === row)
