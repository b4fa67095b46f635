import {
  type Channel,
  type ChannelContext,
  type ChannelReport,
  type Cursor,
  type Offer,
  type PlainMessage,
  repairEveryMs,
  type SessionEffect,
  type SessionEvent,
  type SessionMessage,
  type StoreOp,
} from '@holdfast/kds'
import {
  type BlockRow,
  type CursorRow,
  Fenced,
  type MemoryStore,
  NotShown,
  type Owner,
  type RecoveryItem,
  type RefusedRow,
  type Returned,
  type Row,
} from '@holdfast/store'
import { Absences } from './absence-laws.js'
import { holds, LawBroken } from './broken.js'
import { Compactions } from './compactions.js'
import { KumaAuthored, type KumaDifference, KumaLaws, ownDifference } from './kuma-laws.js'
import type { KumaWatch, KumaZone } from './kuma-zone.js'
import { AddressBook, LocalAddresses } from './ledger-laws.js'
import { Losses, type Witness } from './losses.js'
import { messageText, plainText, short as shortened } from './message-text.js'
import type { Link } from './network.js'
import type { ControlPlane } from './node.js'
import { Published } from './published.js'
import { Receiver, receivedChanges } from './receiver-laws.js'
import type { Session } from './session.js'
import { type Changes, nothing, Shadow } from './shadow.js'
import { entryKey, seenEntry } from './truth.js'
import { ViewLog } from './view-log.js'
import type { Watch } from './watch.js'
import { WireLaws } from './wire-laws.js'
import { isRefusable } from './workload.js'

/** A fault that the simulation puts into a store: the database failed, or its connection did. */
export class DatabaseDown extends Error {
  override readonly name = 'DatabaseDown'
}

const changes: ReadonlySet<StoreOp['op']> = new Set([
  'apply',
  'verify',
  'acked',
  'peer-settled',
  'admit',
  'repaired',
  'diverged',
  'compare',
])

/** What these answer is told to the peer as what there is. */
const shows: ReadonlySet<StoreOp['op']> = new Set(['changes', 'repair', 'keys', 'list'])

/** Reports that tell of a refusal, or that it was one of something else. */
const saysRefused: ReadonlySet<ChannelReport['type']> = new Set(['refusedByPeer', 'refusedByPlainPeer', 'stale'])

/** What the laws remember of one control plane. */
interface Known {
  readonly shadow: Shadow
  readonly addresses: LocalAddresses
  readonly absences: Absences
  readonly views: Map<string, ViewLog>
  readonly receivers: Map<string, Receiver>
  /** The newest session of each peer: the only one with effects (ONE). */
  readonly newest: Map<string, string>
  /** The head that was looked at last. */
  head?: Cursor
}

const channelKey = (channel: Channel, peer: string): string => `${channel} ${peer}`

/**
 * The laws, checked at every change of every store, from what the stores keep and not from what they say of it. The
 * truth about a receiver is everything that its sender could ever have shown it, in order.
 */
export class Laws implements Watch, KumaWatch {
  readonly #nodes: () => readonly ControlPlane[]
  readonly #kumas: () => readonly KumaZone[]
  readonly #kumaLaws = new Map<string, KumaLaws>()
  readonly #known = new Map<string, Known>()
  readonly #addresses = new AddressBook()
  readonly #published = new Published()
  readonly #wire = new WireLaws()
  readonly #trace: ((line: () => string) => void) | undefined
  /** When a repair of a channel began last. */
  readonly #repairedMs = new Map<string, number>()
  readonly #compactions = new Compactions()
  readonly #losses = new Losses()
  /** In which life of its store each end of a link has spoken: its process ended when the store was put back. */
  readonly #spokenIn = new WeakMap<Link, Map<string, number>>()
  /** Stores that were put back, and which channels to and from them have not been in step since. */
  readonly #astray = new Map<string, Set<string>>()
  readonly #putBacks = new Set<string>()
  /** Stores that were put back and have begun to recover since. */
  readonly #foundOut = new Set<string>()
  /** Zones that were put back, of whose lost log global has heard something to the end: its position tells them. */
  readonly #toldByGlobal = new Set<string>()
  /** Receivers that have a part of something of a sender that was put back: of that only the proof tells. */
  readonly #interrupted = new Set<string>()
  /** Channels whose receiver has found that it was not shown what it was promised, until it is in step again. */
  readonly #mismatched = new Set<string>()
  /** Somebody has changed rows by hand: from then on a repair needs no other reason. */
  tampered = false
  /** Of all that were ever leased. */
  blocksLeased = 0
  readonly counts = {
    ...{ written: 0, refused: 0, sessions: 0, repairs: 0, fenced: 0, freed: 0, published: 0, withheld: 0 },
    ...{ plainSessions: 0, obeyed: 0 },
  }

  constructor(
    nodes: () => readonly ControlPlane[],
    kumas: () => readonly KumaZone[],
    trace?: (line: () => string) => void,
  ) {
    this.#nodes = nodes
    this.#kumas = kumas
    this.#trace = trace
  }

  /** Learns what is there before anything happens. */
  begin(): void {
    for (const node of this.#nodes()) {
      const peers = node.role === 'global' ? this.#zones().map((zone) => zone.name) : ['']
      const shownTo = node.role === 'global' ? [...peers, ...this.#kumas().map((zone) => zone.name)] : peers
      const sent: readonly Channel[] = node.role === 'global' ? ['down'] : ['up', 'status']
      const received: readonly Channel[] = node.role === 'global' ? ['up', 'status'] : ['down']
      const each = <T>(
        channels: readonly Channel[],
        to: readonly string[],
        make: (channel: Channel, peer: string) => T,
      ): Map<string, T> => new Map(channels.flatMap((c) => to.map((p): [string, T] => [channelKey(c, p), make(c, p)])))
      this.#known.set(node.name, {
        shadow: new Shadow(node.store),
        addresses: new LocalAddresses(nameOf(node), node.name),
        absences: new Absences(nameOf(node), node.name),
        views: each(sent, shownTo, (channel, peer) => new ViewLog(channel, peer)),
        receivers: each(received, peers, (channel, peer) => new Receiver(this.#published, node, channel, peer)),
        newest: new Map(),
      })
    }
    for (const zone of this.#kumas()) {
      const log = this.#of(this.#node('')).views.get(channelKey('down', zone.name))
      if (log === undefined) throw new Error(`sim: nobody shows ${zone.name} anything`)
      this.#kumaLaws.set(zone.name, new KumaLaws(zone, log))
      this.#published.kumas.set(zone.name, new KumaAuthored())
    }
    for (const node of this.#nodes()) this.changed(node)
  }

  took(zone: KumaZone, type: string, changes: ReadonlyMap<string, Offer | undefined>): void {
    const law = this.#kumaLaws.get(zone.name)
    if (law === undefined) throw new Error(`sim: ${zone.name} is not of this world`)
    law.took(type, changes)
    this.counts.obeyed += changes.size
  }

  said(zone: KumaZone, type: string, offers: readonly Offer[]): void {
    this.#published.kumas.get(zone.name)?.note(type, offers)
  }

  told(zone: KumaZone, line: () => string): void {
    this.#trace?.(() => `${zone.name}, a Kuma zone: ${line()}`)
  }

  isKuma(origin: string): boolean {
    return this.#kumaLaws.has(origin)
  }

  /** Where a zone that speaks plain Kuma KDS, or what global has of it, is not what it should come to. */
  kumasOutOfStep(): KumaDifference | undefined {
    for (const zone of this.#kumas()) {
      const difference = this.#kumaLaws.get(zone.name)?.outOfStep() ?? ownDifference(zone, this.#node('').store.image)
      if (difference !== undefined) return difference
    }
    return undefined
  }

  around<T>(session: Session, context: ChannelContext, op: StoreOp, run: () => T): T {
    const { node, peer, sessionId, key } = session
    if (op.op === 'standing') this.#noteStanding(node, context)
    if (shows.has(op.op)) return this.#shown(node, run)
    if (!changes.has(op.op)) return run()
    const newest = this.#of(node).newest.get(key)
    const superseded = op.op !== 'admit' && op.op !== 'compare' && newest !== sessionId
    const result = this.#wholly(node, op, run)
    holds(
      !superseded,
      session.closed ? 'OWN' : 'ONE',
      () => `${nameOf(node)}: session ${short(session)} with ${nameOf(session)} was superseded, and did ${op.op}`,
    )
    this.#follow(node, { saidIn: this.#spokenIn.get(session.link)?.get(peer) })
    if (session.plain) return result
    if (op.op === 'apply' || op.op === 'verify') this.#checkReceiver(node, context, op)
    if (op.op === 'compare') this.#noteStanding(this.#node(peer), { channel: context.channel, peer: node.name })
    if (op.op === 'acked') this.#checkAcked(node, context)
    return result
  }

  /** EMPTY: what is told to a peer was read of a store that is what it should be. */
  #shown<T>(node: ControlPlane, run: () => T): T {
    const result = run()
    const { state } = node.store.image
    holds(
      state === 'ready',
      'EMPTY',
      () => `${nameOf(node)}: what it has is read to be told while its store is ${state}`,
    )
    return result
  }

  changed(node: ControlPlane): void {
    this.#follow(node)
  }

  /** Rows were changed by hand, behind the store's back: what is there now is where the checks go on from. */
  tamperedWith(node: ControlPlane, key: string): void {
    this.tampered = true
    this.#losses.spoiled(node.name, key)
    this.#follow(node, { byHand: true })
    for (const receiver of this.#of(node).receivers.values()) receiver.acceptStrange(key)
  }

  /** A store is put back to an earlier state: what it says from here on is another story, and what others know is not. */
  putBack(node: ControlPlane, act: () => void, isNew: boolean): void {
    this.#follow(node)
    const known = this.#of(node)
    const from = this.#receivers.filter(({ peer, channel }) => peer === node.name && channel !== 'status')
    const { image: old } = node.store
    const history = node.store.logHistory()
    const [rows, ledger] = [[...old.rows.values()], [...old.ledger.values()]]
    act()
    const { image } = node.store
    const changed = known.shadow.drain()
    this.#record(node, changed)
    const tagOf = tagsOf(node.store)
    for (const log of known.views.values()) log.putBack(tagOf)
    for (const receiver of known.receivers.values()) {
      receiver.follow(changed)
      receiver.putBack(this.#viewLog(receiver))
      this.#mismatched.delete(receiver.where)
    }
    const others = this.#nodes().filter((other) => other.name !== node.name)
    const elsewhere = others.flatMap(({ store }) => [...store.image.ledger.values()])
    this.#addresses.putBack(
      node.name,
      { before: ledger, now: [...image.ledger.values()], history: image.history, elsewhere },
      node.role === 'global' ? ['', ...this.#kumaLaws.keys()] : [node.name],
      node.clock.wallMs,
    )
    // Who has heard an earlier life of this store, and nothing of the last one, is no witness of it.
    const isOfIt = (at: Cursor | undefined): at is Cursor =>
      at !== undefined && history.epoch === at.epoch && history.tagAt(at.epoch, at.revision) === at.tag
    const standing = (where: (receiver: Receiver) => Cursor | undefined): readonly Witness[] =>
      from.flatMap((receiver) => {
        const at = where(receiver)
        return isOfIt(at) ? [{ store: receiver.node.store, through: at.revision }] : []
      })
    const witnesses = standing((receiver) => receiver.wholeThrough(this.#viewLog(receiver)))
    const interrupted = standing((receiver) => receiver.rangeFrom)
    this.#losses.putBack(node.store, { rows, revision: old.head.revision }, { witnesses, interrupted }, isNew)
    for (const receiver of known.receivers.values())
      if (receiver.channel !== 'status')
        this.#losses.remembers(node.store, receiver.peer, receiver.wholeThrough(this.#viewLog(receiver))?.revision)
    this.#wire.putBack(node.store)
    this.#putBacks.add(node.name)
    this.#foundOut.delete(node.name)
    for (const zone of node.role === 'zone' ? [node] : this.#zones()) this.#noteToldByGlobal(zone)
    if (node.role === 'global') for (const law of this.#kumaLaws.values()) law.putBack()
    known.absences.putBack(changed.rows)
    known.addresses.follow(changed)
    known.addresses.check()
    this.#astray.set(node.name, this.#channelsOf(node))
  }

  /** Where global stands in the log of a zone is not in its history: global says so, and the zone finds out. */
  #noteToldByGlobal(zone: ControlPlane): void {
    const cursor = cursorOf(this.#node(''), zone.name, 'up', 'received')?.cursor
    const isOurs =
      cursor === undefined || cursor.revision === 0 || tagsOf(zone.store)(cursor.epoch, cursor.revision) === cursor.tag
    if (isOurs) this.#toldByGlobal.delete(zone.name)
    else this.#toldByGlobal.add(zone.name)
  }

  /** VIP-1: whoever does not know yet what it had leased before it lost its store, leases nothing. */
  leased(node: ControlPlane, blocks: readonly BlockRow[]): void {
    const { state } = node.store.image
    this.blocksLeased += blocks.length
    holds(
      blocks.length === 0 || state === 'ready',
      'VIP-1',
      () => `${nameOf(node)} leases ${blocks.map(({ cidr }) => cidr).join(', ')} while its store is ${state}`,
    )
  }

  /** An operator of global goes on without what is open. */
  gaveUp(open: readonly RecoveryItem[] | undefined): void {
    this.#losses.gaveUp(open)
  }

  /** Its operator knows of these conflicts, and goes on with what global has. */
  decided(conflicts: readonly string[]): void {
    this.#addresses.decided(conflicts)
  }

  /** Who has an address that an operator has left to whoever keeps it. */
  isContested(owner: Owner): boolean {
    return this.#addresses.isContested(owner)
  }

  returned(node: ControlPlane, { kept, refused }: Returned): void {
    this.#losses.told(node.name, [...kept, ...refused])
    const isUnaware = this.#astray.has('') && !this.#foundOut.has('')
    this.#addresses.tookBack(node.name, isUnaware ? this.#node('').store.image.ledger.values() : undefined)
  }

  startedOver(node: ControlPlane, peer: string): void {
    // What it returned before it knew is not all, and it has to say so.
    if (this.#foundOut.has(node.name)) this.#addresses.tookBack(peer, undefined)
    for (const receiver of this.#of(node).receivers.values()) if (receiver.peer === peer) receiver.startOver()
  }

  /** A recovery of global has ended by itself. */
  endedBy(zones: readonly string[]): void {
    this.#losses.endedBy(zones)
  }

  /** DUR: what others had of a store that was put back is there again. */
  allReturned(): void {
    for (const node of this.#nodes()) this.#comesBack(node)
    this.#losses.check(this.#nodes().map(({ store }) => store))
  }

  /** Between it and its peers, as far as they speak of addresses. What zones say to global counts while global recovers. */
  #channelsOf(node: ControlPlane): Set<string> {
    return new Set(
      this.#receivers
        .filter(({ node: to, peer, channel }) =>
          node.role === 'global' ? channel === 'down' : channel !== 'status' && (to === node || peer === node.name),
        )
        .map(({ where }) => where),
    )
  }

  get #receivers(): readonly Receiver[] {
    return this.#nodes().flatMap((one) => [...this.#of(one).receivers.values()])
  }

  #comesBack(node: ControlPlane): void {
    if (!this.#astray.delete(node.name)) return
    const isUnnoticed = !this.#foundOut.has(node.name) && !this.#toldByGlobal.has(node.name)
    this.#addresses.comesBack(node.name, node.store.image.ledger.values(), isUnnoticed, node.clock.wallMs)
  }

  opened(session: Session): void {
    this.counts.sessions++
    this.#of(session.node).newest.set(session.key, session.sessionId)
    if (session.plain) this.counts.plainSessions++
    else this.#began(session)
    this.#follow(session.node)
    this.#trace?.(() => `${nameOf(session.node)}: session ${short(session)} with ${session.key || 'global'}`)
  }

  #began(session: Session): void {
    const { logFrom } = this.#node(session.peer).store.image
    for (const receiver of this.#of(session.node).receivers.values()) {
      if (receiver.peer !== session.peer) continue
      this.#compactions.opened(receiver.where, logFrom, receiver.isWithinRange)
      if (this.#putBacks.has(receiver.peer) && receiver.wholeThrough(this.#viewLog(receiver)) === undefined)
        this.#interrupted.add(receiver.where)
    }
  }

  closed(session: Session, reason: string): void {
    this.#trace?.(() => `${nameOf(session.node)}: session ${short(session)} with ${nameOf(session)} closed: ${reason}`)
    holds(
      !reason.startsWith('the peer '),
      'HONEST',
      () => `${nameOf(session.node)} closed its session with ${nameOf(session)}: ${reason}`,
    )
  }

  stepped(session: Session, event: SessionEvent, effects: readonly SessionEffect[]): void {
    if (event.type === 'receivedPlain') {
      this.#wire.receivedPlain(session, event.message)
      this.#trace?.(() => `${nameOf(session.node)} <- ${session.key}: ${plainText(event.message)}`)
      if (event.message.type === 'nack') this.#checkSaid(session, effects)
      return
    }
    if (event.type !== 'received') return
    this.#wire.received(session, event.message)
    this.#wire.stepped(session, nameOf(session.node))
    this.#trace?.(() => `${nameOf(session.node)} <- ${nameOf(session)}: ${messageText(event.message)}`)
    if (event.message.type === 'to-sender' && event.message.message.type === 'nack') this.#checkSaid(session, effects)
  }

  #checkSaid(session: Session, effects: readonly SessionEffect[]): void {
    // A refusal that nobody hears of is one that nobody mends.
    const said = effects.some((e) => e.type === 'close' || (e.type === 'report' && saysRefused.has(e.report.type)))
    holds(said, 'LKG', () => `${nameOf(session.node)} was refused something by ${nameOf(session)} and did not say so`)
  }

  sentPlain(session: Session, message: PlainMessage): void {
    holds(!session.closed, 'OWN', () => `${nameOf(session.node)}: a session that is closed sends ${message.type}`)
    this.#trace?.(() => `${nameOf(session.node)} -> ${session.key}: ${plainText(message)}`)
    this.#wire.sentPlain(session, message, nameOf(session.node))
  }

  sent(session: Session, message: SessionMessage): void {
    holds(!session.closed, 'OWN', () => `${nameOf(session.node)}: a session that is closed sends ${message.type}`)
    this.#trace?.(() => `${nameOf(session.node)} -> ${nameOf(session)}: ${messageText(message)}`)
    this.#wire.sent(session, message, nameOf(session.node))
    const { link, node } = session
    const spoken = this.#spokenIn.get(link) ?? new Map<string, number>()
    if (!spoken.has(node.name)) this.#spokenIn.set(link, spoken.set(node.name, this.#losses.lifeOf(node.name)))
  }

  reported(session: Session, channel: Channel, report: ChannelReport): void {
    const where = `${nameOf(session.node)}, ${channel} from ${nameOf(session)}`
    if (report.type !== 'kept' || report.writtenRows > 0 || report.refused.length > 0)
      this.#trace?.(() => `${where}: ${shortened(report)}`)
    switch (report.type) {
      case 'kept':
        this.counts.written += report.writtenRows
        this.counts.refused += report.refused.length
        return
      case 'repairing':
        this.counts.repairs++
        this.#repairedMs.set(where, session.node.clock.nowMs)
        return
      case 'inStep':
        this.#mismatched.delete(where)
        this.#interrupted.delete(where)
        for (const one of [session.node, this.#node(session.peer)]) this.#inStepAgain(one, where)
        this.#compactions.inStep(where, this.#node(session.peer).store.image.logFrom, report.mark.cursor.revision)
        return
      case 'mismatch':
      case 'diverged':
        // A repair that was followed by more changes has to wait for its next turn, and says so. What is known to differ is
        // found again by whoever goes on after the repair of it was interrupted; that it ends, the calm demands.
        holds(
          this.tampered ||
            this.#mismatched.has(where) ||
            this.#interrupted.has(where) ||
            this.#repairsLately({ where, node: session.node }) ||
            this.#compactions.within(where, this.#node(session.peer).store.image.logFrom),
          'EQ',
          () => `${where}: ${report.type}, and nobody had changed anything by hand`,
        )
        this.#mismatched.add(where)
        return
      case 'older':
        holds(this.tampered, 'MONO', () => `${where}: it was shown revision ${report.revision} after ${report.reached}`)
        return
      default:
        return
    }
  }

  #inStepAgain(node: ControlPlane, where: string): void {
    const missing = this.#astray.get(node.name)
    if (missing === undefined || node.store.image.state !== 'ready') return
    missing.delete(where)
    if (missing.size === 0) this.#comesBack(node)
  }

  /** Until the next turn a receiver that is not repaired goes on from where it is not quite: changes have to flow. */
  #isAmiss(receiver: Receiver): boolean {
    return this.#mismatched.has(receiver.where) || this.#repairsLately(receiver)
  }

  #repairsLately({ where, node }: Pick<Receiver, 'where' | 'node'>): boolean {
    return node.clock.nowMs - (this.#repairedMs.get(where) ?? Number.NEGATIVE_INFINITY) < repairEveryMs
  }

  isExpected(error: unknown): boolean {
    if (error instanceof Fenced) this.counts.fenced++
    return error instanceof Fenced || error instanceof NotShown || error instanceof DatabaseDown
  }

  /** Whether a receiver was offered exactly what its sender's view is now; undefined if so, else the first difference. */
  outOfStep(but?: string): string | undefined {
    for (const node of this.#nodes())
      for (const receiver of this.#of(node).receivers.values()) {
        if (but !== undefined && (node.name === but || receiver.peer === but)) continue
        const difference = receiver.differsFrom(this.#viewLog(receiver).entries)
        if (difference !== undefined) return difference
      }
    return undefined
  }

  /** The laws look at what a store says has changed. In the end: whether it has said everything. */
  unsaid(): string | undefined {
    for (const node of this.#nodes()) {
      const key = this.#of(node).shadow.unsaid()
      if (key !== undefined) return `${nameOf(node)}: ${key} has changed, and nobody was told`
    }
    return undefined
  }

  #zones(): readonly ControlPlane[] {
    return this.#nodes().filter((node) => node.role === 'zone')
  }

  #of(node: { readonly name: string }): Known {
    const known = this.#known.get(node.name)
    if (known === undefined) throw new Error(`sim: ${node.name} is not of this world`)
    return known
  }

  #viewLog({ node, channel, peer }: Receiver): ViewLog {
    const log = this.#known.get(peer)?.views.get(channelKey(channel, node.name))
    if (log === undefined) throw new Error(`sim: nobody sends ${channel} to ${node.name}`)
    return log
  }

  /** Everything that every law has to know of what has changed in a store since it was last looked at. */
  #follow(
    node: ControlPlane,
    { byHand = false, saidIn }: { byHand?: boolean; saidIn?: number | undefined } = {},
  ): void {
    const known = this.#of(node)
    const { image } = node.store
    const changes = known.shadow.drain()
    if (changes === nothing && known.head === image.head) return
    for (const { after } of changes.refused) if (after !== undefined) this.#checkRefused(node, after)
    this.#record(node, changes)
    if (image.state === 'recovering') {
      this.#losses.foundOut(node.name)
      this.#foundOut.add(node.name)
    }
    // Found out meanwhile, or about to be returned to: what was in step before counts no more.
    if (image.state !== 'ready' && this.#astray.has(node.name)) this.#astray.set(node.name, this.#channelsOf(node))
    for (const receiver of known.receivers.values()) receiver.follow(changes)
    if (image.state === 'ready') this.#addresses.goesOn(node.name)
    this.counts.freed += this.#addresses.follow(node.name, changes.ledger, node.clock.wallMs)
    this.#losses.follow(node.name, changes.rows)
    if (saidIn === undefined && !byHand) this.#losses.letGo(node.name, changes.rows)
    const senderOf = (origin: string): MemoryStore | undefined => this.#senderTo(node, origin)?.store
    if (!byHand) this.#losses.checkGone(node.store, changes.rows, { senderOf, saidIn })
    known.absences.follow(changes.rows, node.nowMs)
    known.addresses.follow(changes)
    known.addresses.check()
  }

  /** Nobody: a Kuma zone, which has no store of ours. */
  #senderTo(node: ControlPlane, origin: string): ControlPlane | undefined {
    if (node.role === 'zone') return this.#node('')
    return this.isKuma(origin) ? undefined : this.#node(origin)
  }

  /** ISO: what is refused is wrong itself, and did not only come with something that is. */
  #checkRefused(node: ControlPlane, { channel, origin, entry, reason, ...key }: RefusedRow): void {
    const row = channel === 'status' ? undefined : this.#published.saidAs(origin, entry)
    // Two of a store's lives may have given one address to two, and that stands in no resource.
    if (row === undefined || isRefusable(row) || (row.vips !== undefined && this.#putBacks.size > 0)) return
    throw new LawBroken('ISO', `${nameOf(node)} refuses ${entryKey(key)}, and nothing is wrong with it: ${reason}`)
  }

  /** What a store has said, in order, and to whom it may be shown. */
  #record(node: ControlPlane, changes: Changes): void {
    const known = this.#of(node)
    const { image, identity } = node.store
    known.head = image.head
    this.#published.record(node.name, changes.rows)
    const stray = this.#published.strayIn(nameOf(node), node.name, changes.rows)
    if (stray !== undefined) throw stray
    for (const log of known.views.values()) {
      const { channel, peer } = log
      const say = (rowKey: string, row: Row | undefined): void => {
        const entry = row === undefined ? undefined : seenEntry(row, image, identity, channel, peer)
        log.entries.say(rowKey, row === undefined || entry === undefined ? undefined : { key: entryKey(row), entry })
      }
      for (const { key: rowKey, after } of changes.rows) say(rowKey, after)
      if (changes.visibility) for (const [rowKey, row] of image.rows) say(rowKey, row)
      const problem = log.record(image.head)
      holds(problem === undefined, 'EQ', () => `${nameOf(node)}, ${channel} to ${nameOf({ peer })}: ${problem}`)
    }
  }

  #checkReceiver(node: ControlPlane, { channel, peer }: ChannelContext, op: StoreOp): void {
    const receiver = this.#of(node).receivers.get(channelKey(channel, peer))
    if (receiver === undefined)
      throw new LawBroken('ASSERT', `${nameOf(node)} received ${channel} from ${nameOf({ peer })}`)
    receivedChanges(receiver, this.#viewLog(receiver), op)
  }

  /** DUR: what failed has left nothing behind, neither data nor a cursor. */
  #wholly<T>(node: ControlPlane, op: StoreOp, run: () => T): T {
    const { shadow } = this.#of(node)
    this.#follow(node)
    try {
      return run()
    } catch (error) {
      const left = shadow.difference()
      holds(
        left === undefined,
        'DUR',
        () => `${nameOf(node)}: ${op.op} failed, and left ${left} behind: ${String(error)}`,
      )
      throw error
    }
  }

  #noteStanding(node: ControlPlane, { channel, peer }: ChannelContext): void {
    const receiver = this.#of(node).receivers.get(channelKey(channel, peer))
    if (receiver !== undefined) receiver.compare(this.#viewLog(receiver), this.#node(peer).store.image.head.epoch)
  }

  #node(name: string): ControlPlane {
    const node = this.#nodes().find((one) => one.name === name)
    if (node === undefined) throw new Error(`sim: ${nameOf({ name })} is not of this world`)
    return node
  }

  /** What a sender takes for acked is what its receiver has stored, or has proven to be equal to it. */
  #checkAcked(node: ControlPlane, { channel, peer }: ChannelContext): void {
    const receiver = this.#known.get(peer)?.receivers.get(channelKey(channel, node.name))
    const acked = cursorOf(node, peer, channel, 'acked')?.cursor
    if (receiver === undefined || acked === undefined || this.tampered || this.#isAmiss(receiver)) return
    receiver.compare(this.#viewLog(receiver), acked.epoch)
    const reached = receiver.hasReached(acked.epoch)
    holds(
      reached >= acked.revision,
      'EQ',
      () => `${nameOf(node)} takes revision ${acked.revision} for acked; ${receiver.where} has come to ${reached}`,
    )
  }
}

const cursorOf = (node: ControlPlane, peer: string, channel: Channel, side: CursorRow['side']): CursorRow | undefined =>
  [...node.store.image.cursors.values()].find((c) => c.peer === peer && c.channel === channel && c.side === side)

/** Of a store that has nothing yet no commit has a tag. */
function tagsOf(store: MemoryStore): (epoch: string, revision: number) => string | undefined {
  const { tagAt } = store.logHistory()
  const { head } = store.image
  return (epoch, revision) => (epoch === head.epoch && revision === head.revision ? head.tag : tagAt(epoch, revision))
}

const short = (session: Session): string => session.sessionId.slice(0, 8)
export const nameOf = (one: { readonly name: string } | { readonly peer: string }): string =>
  ('name' in one ? one.name : one.peer) || 'global'
