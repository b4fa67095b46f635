import { agrees } from './decide.js'
import type { Answer, Channel, Hello, SessionMessage } from './messages.js'
import { begunBeating } from './session-beats.js'
import { startSender, toReceiver } from './session-channels.js'
import {
  closed,
  enter,
  type InPhase,
  type SessionEffect,
  type SessionState,
  type SessionStep,
} from './session-state.js'
import { andThen, invariant } from './step.js'
import type { StoreAnswer } from './sync-store.js'

/** Nothing is read or said for a zone before the store has let it in. */
export function helloArrived(s: InPhase<'awaiting-hello'>, hello: Hello, nowMs: number): SessionStep {
  const { hashAlgorithm, typeSet } = s.config
  if (hello.hashAlgorithm !== hashAlgorithm)
    return refused(
      s,
      `hash algorithm ${hello.hashAlgorithm} is not known here, this is ${hashAlgorithm}: upgrade ${hello.hashAlgorithm > hashAlgorithm ? 'global' : 'the zone'}`,
    )
  const types: readonly SessionEffect[] =
    hello.typeSet === typeSet ? [] : [{ type: 'typeSetDiffers', ours: typeSet, theirs: hello.typeSet }]
  const admit: SessionEffect = { type: 'store', channel: 'down', op: { op: 'admit', hello, nowMs } }
  return [enter(s, { phase: 'admitting', deadlineMs: s.deadlineMs, hello }), [...types, admit]]
}

function refused(s: SessionState, reason: string): SessionStep {
  const [after, effects] = closed(s, 'FAILED_PRECONDITION', reason)
  return [after, [{ type: 'send', message: { type: 'refused-entry', reason } }, ...effects]]
}

/** Let in: compare what it presents, and look whether we have what it would provide. */
export function admitted(s: InPhase<'admitting'>, answer: StoreAnswer, nowMs: number): SessionStep {
  invariant(answer.op === 'admit', `the store answered ${answer.op} to an admission`)
  if (!answer.result.admitted) return refused(s, answer.result.reason)
  const { hello, deadlineMs } = s
  // Met only now: whoever is met takes the place of an older session, and a stranger with the same name must not.
  const met: SessionEffect = { type: 'met', storeId: hello.storeId, state: hello.state, version: hello.version }
  const owesReturn = answer.result.owesReturn === true
  // Behind the answer, which goes before everything else.
  const early = typesToSay(s, hello, answer.result.typesKnown === true)
  const answering: SessionStep = [enter(s, { phase: 'answering', deadlineMs, hello, owesReturn, early }), [met]]
  const compared = andThen(answering, (now) => startSender(now, 'down', hello.down))
  if (!receives(s, owesReturn)) return andThen(compared, (now) => answeredIfComplete(now, nowMs))
  return andThen(compared, (now) => [
    now,
    [
      { type: 'store', channel: 'up', op: { op: 'standing' } },
      { type: 'store', channel: 'status', op: { op: 'standing' } },
    ],
  ])
}

/** Where the sets differ, both sides are told the other's once: nothing where both remember it, or where they are equal. */
function typesToSay(s: SessionState, hello: Hello, typesKnown: boolean): readonly SessionMessage[] {
  const { typeSet, types } = s.config
  const isTold = hello.knownTypeSet === typeSet
  if (hello.typeSet === typeSet || (isTold && typesKnown)) return []
  return [{ type: 'types', typeSet, types: isTold ? [] : types, wanted: !typesKnown }]
}

/**
 * A store that is recovering takes what its zones remember; one that was never initialised takes nothing. Nor does any
 * from a zone whose own store was lost: what it lacks is no statement before it has come back.
 */
const receives = (s: SessionState, owesReturn: boolean): boolean => s.storeState !== 'uninitialised' && !owesReturn

export function answeringRead(
  s: InPhase<'answering'>,
  channel: 'up' | 'status',
  answer: StoreAnswer,
  nowMs: number,
): SessionStep {
  invariant(answer.op === 'standing', `the store of ${channel} answered ${answer.op} before the answer`)
  return answeredIfComplete({ ...s, [channel]: answer.result }, nowMs)
}

/** The answer goes out when everything that it says has been read. */
export function answeredIfComplete(s: SessionState, nowMs: number): SessionStep {
  if (s.phase !== 'answering') return [s, []]
  const { hello, owesReturn, begin, up, status, early } = s
  if (s.storeState === 'ready' && begin === undefined) return [s, []]
  const isReceiving = receives(s, owesReturn)
  if (isReceiving && (up === undefined || status === undefined)) return [s, []]
  // A zone whose own store is not ready proves nothing: it is asked to compare when it is.
  const provable = hello.state === 'ready'
  const upInStep = provable && up !== undefined && agrees(up, hello.up)
  const statusInStep = provable && status !== undefined && agrees(status, hello.status)
  const { storeId, version } = s.config
  const answer: Answer = {
    storeId,
    state: s.storeState,
    down: begin,
    upInStep,
    statusInStep,
    upCursor: up?.cursor,
    ...(owesReturn ? { owesReturn } : {}),
    version,
  }
  const said: readonly SessionMessage[] = [{ type: 'answer', answer }, ...early]
  const open: SessionStep = [
    begunBeating(enter(s, { phase: 'open' }), nowMs),
    said.map((message) => ({ type: 'send', message })),
  ]
  if (!isReceiving) return open
  return andThen(
    andThen(open, (now) => begunReceiving(now, 'up', hello, up, upInStep, nowMs)),
    (now) => begunReceiving(now, 'status', hello, status, statusInStep, nowMs),
  )
}

function begunReceiving(
  s: SessionState,
  channel: Exclude<Channel, 'down'>,
  hello: Hello,
  standing: InPhase<'answering'>['up'],
  inStep: boolean,
  nowMs: number,
): SessionStep {
  if (!inStep || standing === undefined) return toReceiver(s, channel, { type: 'present', nowMs })
  const presented = toReceiver(s, channel, { type: 'presented', standing, nowMs })
  const begin = { mode: 'in-step', mark: hello[channel] } as const
  return andThen(presented, (now) => toReceiver(now, channel, { type: 'begin', begin, nowMs }))
}
