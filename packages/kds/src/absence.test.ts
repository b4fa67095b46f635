import { emptyDigest } from '@holdfast/model'
import { expect, test } from 'vitest'
import type { Standing } from './messages.js'
import { stepReceiver } from './receiver.js'
import { enter, newReceiver, type ReceiverEvent, type ReceiverState, type RepairTask } from './receiver-state.js'
import { stepSender } from './sender.js'
import { newSender, type SenderEvent } from './sender-state.js'
import type { StandingFacts, StoreAnswer, StoreOp } from './sync-store.js'

const task = (resourceType: string, bucket: number): RepairTask => ({
  kind: 'entries',
  resourceType,
  buckets: [bucket],
})

/** In the middle of a repair: the first of these questions has been asked. */
const repairing = (...tasks: readonly RepairTask[]): ReceiverState =>
  enter(newReceiver, {
    phase: 'repairing',
    from: { epoch: 'e1', revision: 7, tag: 't7' },
    digests: [],
    due: ['MeshService'],
    tasks,
    awaiting: 'peer',
    absent: [],
  })

const told = (resourceType: string, nonce: string, absent: readonly string[], more = false): ReceiverEvent => ({
  type: 'delta',
  delta: { type: resourceType, nonce, offers: [], removals: [], absent, purpose: { kind: 'repair', more } },
  nowMs: 0,
})

const stored = (answer: StoreAnswer): ReceiverEvent => ({ type: 'stored', answer, nowMs: 0 })
const applied = stored({
  op: 'apply',
  result: { refused: [], warnings: [], writtenRows: 0, heldKeys: [], verified: undefined, offered: emptyDigest },
})
const noEntries = stored({ op: 'offered-entries', result: [] })

/** What the store was told, one batch after the other: type and absent keys. */
function batches(
  from: ReceiverState,
  ...events: readonly ReceiverEvent[]
): readonly (readonly [string, readonly string[]])[] {
  let state = from
  return events.flatMap((event) => {
    const [next, effects] = stepReceiver(state, event)
    state = next
    return effects.flatMap((effect) =>
      effect.type === 'store' && effect.op.op === 'apply'
        ? [[effect.op.batch.type, effect.op.batch.absent] as const]
        : [],
    )
  })
}

test('HOLD: what a type lacks is told to the store at once, with the last part of its repair, and not bucket by bucket', () => {
  const begun = repairing(task('MeshService', 1), task('MeshService', 2), task('MeshTimeout', 1))
  expect(
    batches(
      begun,
      told('MeshService', '1', ['a.m'], true),
      applied,
      told('MeshService', '2', ['b.m']),
      applied,
      noEntries,
      told('MeshService', '3', ['c.m']),
      applied,
      noEntries,
      told('MeshTimeout', '4', ['d.m']),
    ),
  ).toEqual([
    ['MeshService', []],
    ['MeshService', []],
    ['MeshService', ['a.m', 'b.m', 'c.m']],
    ['MeshTimeout', ['d.m']],
  ])
})

/** What the store is asked when a receiver that stands there names what it has of a type. */
function askedAfter(standing: Standing, cursor: StandingFacts['cursor']): readonly StoreOp[] {
  const head = { cursor: { epoch: 'e2', revision: 9, tag: 't9' }, digest: emptyDigest }
  const events: readonly SenderEvent[] = [
    { type: 'start', standing },
    { type: 'stored', answer: { op: 'compare', result: { head, cursor, typeDigests: [] } } },
    { type: 'entries', resourceType: 'MeshService', buckets: [], entries: [] },
  ]
  let state = newSender
  return events.flatMap((event) => {
    const [next, effects] = stepSender(state, event)
    state = next
    return effects.flatMap((effect) => (effect.type === 'store' && effect.op.op === 'repair' ? [effect.op] : []))
  })
}

test('EMPTY: who is compared says how far it had followed the log before, be it within a range', () => {
  const offered = { ...emptyDigest, count: 1 }
  const cursor = { epoch: 'e1', revision: 7, tag: 't7' }
  const partial = { revision: 11, typeOrder: 1, mesh: 'm', name: 'x' }
  const asked = (standing: Standing, how: StandingFacts['cursor']) =>
    askedAfter(standing, how).map((op) => (op.op === 'repair' ? op.followed : op))
  expect(asked({ offered, cursor }, 'contradiction')).toEqual([{ epoch: 'e1', revision: 7 }])
  expect(asked({ offered, cursor, partial }, 'foreign-epoch')).toEqual([{ epoch: 'e1', revision: 11 }])
  expect(asked({ offered }, 'none')).toEqual([undefined])
})
