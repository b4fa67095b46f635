import type { Digest } from '@holdfast/model'
import type {
  Begin,
  Cursor,
  Delta,
  Mark,
  Position,
  ReceiverMessage,
  SenderMessage,
  SessionMessage,
  Settled,
  Standing,
} from '../messages.js'
import type { PlainMessage } from '../plain.js'
import type { ChannelReport, SessionEffect } from '../session-state.js'
import type { StoreOp } from '../sync-store.js'
import { textOf } from './toy.js'

/** Effects as lines that a person reads: short, whole, and equal for equal effects. */
export function renderEffect(e: SessionEffect): string {
  switch (e.type) {
    case 'store':
      return `store ${e.channel} ${op(e.op)}`
    case 'send':
      return `send ${sessionMessage(e.message)}`
    case 'sendPlain':
      return `send plain ${e.channel} ${plain(e.message)}`
    case 'report':
      return `report ${e.channel} ${report(e.report)}`
    case 'close':
      return `close ${e.status}: ${e.reason}`
    case 'met':
    case 'typeSetDiffers':
    case 'wentPlain':
    case 'lateHeaders':
    case 'heard':
    case 'reported':
    case 'leaseRequested':
    case 'leaseAnswered':
    case 'recallAsked':
    case 'recalled':
    case 'owedReturn':
    case 'asked':
    case 'answered':
    case 'unsaid':
    case 'refusedEntry': {
      const { type, ...rest } = e
      return Object.keys(rest).length === 0 ? type : `${type} ${JSON.stringify(rest)}`
    }
    case 'typesHeard':
      return `typesHeard ${e.typeSet} [${e.types.map(({ name }) => name).join(' ')}]`
    case 'peerStands':
      return `peerStands ${e.channel} ${cursor(e.cursor)}`
  }
}

const digest = (d: Digest): string => (d.count === 0 ? '0' : `${d.count}#${d.lanes[0].toString(16).padStart(8, '0')}`)
const cursor = (c: Cursor): string => `${c.epoch}@${c.revision}/${c.tag}`
const mark = (m: Mark): string => `${cursor(m.cursor)} ${digest(m.digest)}`
const position = (p: Position): string =>
  p.typeOrder === 2_147_483_647
    ? `end of ${p.revision}`
    : `${p.revision}.${p.typeOrder}${p.name === '' ? '' : `.${p.name}`}`

const standing = (s: Standing): string =>
  [
    s.cursor === undefined ? 'no cursor' : cursor(s.cursor),
    digest(s.offered),
    ...(s.partial === undefined ? [] : [`partial ${position(s.partial)}`]),
  ].join(' ')

function begin(b: Begin): string {
  switch (b.mode) {
    case 'in-step':
      return `in-step ${mark(b.mark)}`
    case 'resume':
    case 'full':
      return b.mode
    case 'repair':
      return `repair from ${cursor(b.from)} [${b.digests.map((t) => `${t.type} ${digest(t.digest)}`).join(', ')}]`
  }
}

const offers = (some: Delta['offers']): readonly string[] =>
  some.length > 6 ? [`${some.length} offers`] : some.map((o) => `+${o.resource.name}=${textOf(o)}`)

const unread = (some: Delta['unreadable'] = []): readonly string[] => some.map(({ key }) => `!${key}`)

function delta(d: Delta): string {
  const gone = d.removals.map((r) => `-${r.key}`)
  const absent = d.absent.map((key) => `?${key}`)
  const items = [...offers(d.offers), ...unread(d.unreadable), ...gone, ...absent].join(' ')
  return `delta ${d.type || '(mark only)'} nonce=${d.nonce} ${purpose(d.purpose)} [${items}]`
}

function purpose(p: Delta['purpose']): string {
  switch (p.kind) {
    case 'range': {
      const complete = p.mark === undefined ? '' : ` mark ${mark(p.mark)}`
      return `page ${p.page} (${p.parts} ${p.parts === 1 ? 'part' : 'parts'}) through ${p.cursorEpoch} ${position(p.through)}${complete}`
    }
    case 'repair':
      return p.more ? 'repair, more follows' : 'repair'
    case 'asked':
      return 'asked'
  }
}

function inner(m: ReceiverMessage | SenderMessage): string {
  switch (m.type) {
    case 'begin':
      return `begin ${begin(m.begin)}`
    case 'delta':
      return delta(m.delta)
    case 'bucket-answer':
      return `bucket-answer ${m.resourceType} level ${m.level} [${m.differing.join(' ')}]`
    case 'start':
      return `start ${standing(m.standing)}`
    case 'ack':
      return `ack ${m.resourceType || '(mark only)'} nonce=${m.nonce}`
    case 'nack':
      return `nack ${m.resourceType} nonce=${m.nonce} ${m.refused.map((r) => `${r.key}: ${r.reason}`).join('; ')}`
    case 'buckets':
      return `buckets ${m.resourceType} level ${m.level}, ${m.digests.length} sums`
    case 'entries':
      return `entries ${m.resourceType} buckets [${m.buckets.join(' ')}], ${m.entries.length} entries`
    case 'ask':
      return `ask ${m.resourceType} ${m.keys.join(' ')}`
  }
}

function sessionMessage(m: SessionMessage): string {
  switch (m.type) {
    case 'hello': {
      const { down, up, status, state, knownTypeSet } = m.hello
      const remembers = knownTypeSet === undefined ? '' : `, remembers ${knownTypeSet}`
      return `hello (${state}) down ${standing(down)}, up ${mark(up)}, status ${mark(status)}${remembers}`
    }
    case 'answer': {
      const { down, upInStep, statusInStep, state, owesReturn } = m.answer
      const inStep = (yes: boolean): string => (yes ? 'in-step' : 'to be started')
      const how = down === undefined ? 'nothing yet' : begin(down)
      return `answer (${state}) down ${how}, up ${inStep(upInStep)}, status ${inStep(statusInStep)}${owesReturn === true ? ', owes a return' : ''}`
    }
    case 'refused-entry':
      return `refused-entry ${m.reason}`
    case 'to-sender':
    case 'to-receiver':
      return `${m.channel} ${inner(m.message)}`
    case 'heartbeat': {
      const { sequence, mark: main, statusMark, ackedRevision, settled } = m.heartbeat
      const marks = [main, statusMark].map((x) => (x === undefined ? 'none' : mark(x)))
      const gone = settled === undefined ? '' : ` settled ${settledText(settled)}`
      return `heartbeat ${sequence} marks ${marks.join(', ')} acked ${ackedRevision}${gone}`
    }
    case 'types':
      return `types ${m.typeSet} [${m.types.map(({ name }) => name).join(' ')}]${m.wanted ? ', wants ours' : ''}`
    case 'lease':
    case 'lease-answer':
    case 'recall':
    case 'recalled':
    case 'question':
    case 'question-answer':
      return JSON.stringify(m)
  }
}

function plain(m: PlainMessage): string {
  switch (m.type) {
    case 'subscribe':
      return `subscribe ${m.resourceType}`
    case 'response':
      return `response ${m.resourceType} nonce=${m.nonce} [${[...offers(m.offers), ...unread(m.unreadable), ...m.removals.map((k) => `-${k}`)].join(' ')}]`
    case 'ack':
      return `ack ${m.resourceType} nonce=${m.nonce}`
    case 'nack':
      return `nack ${m.resourceType} nonce=${m.nonce} ${m.message}`
  }
}

const settledText = ({ cursor: through, except }: Settled): string =>
  `${cursor(through)}${except.length === 0 ? '' : ` but ${except.join(' ')}`}`

function op(o: StoreOp): string {
  switch (o.op) {
    case 'compare':
      return `compare ${standing(o.standing)}`
    case 'changes':
      return `changes from ${position(o.from)}${o.withRemovals ? '' : ', no removals'}`
    case 'verify':
      return `verify ${mark(o.mark)}`
    case 'acked':
      return `acked ${cursor(o.cursor)}`
    case 'peer-settled':
      return `peer-settled ${settledText(o.settled)}`
    case 'apply': {
      const { type, offers: kept, unreadable = [], removals, absent, wholeList, progress } = o.batch
      const moves = progress === undefined ? '' : `, ${progress.lastOfPage ? 'moves the position' : 'inside a page'}`
      const list = wholeList === true ? ', whole list' : ''
      const bad = unreadable.length === 0 ? '' : ` !${unreadable.length}`
      return `apply ${type || '(mark only)'} +${kept.length}${bad} -${removals.length} ?${absent.length}${moves}${list}`
    }
    case 'buckets':
    case 'offered-buckets':
      return `${o.op} ${o.resourceType} level ${o.level}, ${o.prefixes.length} prefixes`
    case 'repair':
      return `repair ${o.resourceType} buckets [${o.buckets.join(' ')}], ${o.entries.length} entries`
    case 'offered-entries':
      return `offered-entries ${o.resourceType} buckets [${o.buckets.join(' ')}]`
    case 'keys':
      return `keys ${o.resourceType} ${o.keys.join(' ')}`
    case 'list':
      return `${o.op} ${o.resourceType}`
    case 'repair-turns':
    case 'repaired':
    case 'diverged':
      return `${o.op} ${o.types.join(' ')}`.trimEnd()
    case 'mark':
    case 'standing':
    case 'offered-types':
    case 'due-refusals':
    case 'settled':
    case 'admit':
      return o.op
  }
}

function report(r: ChannelReport): string {
  switch (r.type) {
    case 'inStep':
      return `inStep ${mark(r.mark)}`
    case 'mismatch':
      return `mismatch ${mark(r.mark)}, offered ${digest(r.offered)}`
    case 'contradiction':
      return `contradiction ${cursor(r.cursor)} against ${cursor(r.head)}`
    case 'kept': {
      const refused = r.refused.length === 0 ? '' : `, refused ${r.refused.map((x) => x.key).join(' ')}`
      return `kept ${r.resourceType || '(mark only)'}, ${r.writtenRows} rows${refused}`
    }
    case 'refusedByPeer':
    case 'stale':
    case 'repairing':
    case 'diverged':
    case 'older':
    case 'ignored':
    case 'refusedByPlainPeer':
    case 'tooLarge': {
      const { type, ...rest } = r
      return `${type} ${JSON.stringify(rest)}`
    }
  }
}
