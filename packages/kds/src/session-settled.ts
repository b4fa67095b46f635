import type { Channel, Cursor, Settled } from './messages.js'
import { cursorEquals } from './position.js'
import type { SessionState, SessionStep } from './session-state.js'
import type { StoreAnswer } from './sync-store.js'

/**
 * When an address may go to another owner: every control plane must have let go of the one that had it. Each end tells in
 * its heartbeats how far that is so.
 *
 * A zone speaks for itself: all through what it has proven is settled, but for origins of which it holds or refuses
 * something. Global speaks for itself and all zones. It cannot ask where a zone's removal stands in each of the others' logs,
 * and need not: what it has proven of a zone now is in its own log by now, so it notes that pair of positions, and once
 * every other zone has settled its log through there, all of them have let go of what the zone had removed by then.
 * One pair at a time; the next one is noted when the last one is through.
 */
const mainChannel = (s: SessionState): Channel => (s.config.role === 'acceptor' ? 'up' : 'down')

/** With each heartbeat, while there is something proven that is not settled yet. One question at a time. */
export function askSettled(s: SessionState): SessionStep {
  const channel = mainChannel(s)
  const machine = s.machines[channel]
  const { asked, said } = s.settling
  if (s.phase !== 'open' || s.storeState !== 'ready' || asked !== undefined || machine.role !== 'receiver')
    return [s, []]
  const proven = machine.state.proven?.mark.cursor
  if (proven === undefined) return [s, []]
  if (said !== undefined && said.except.length === 0 && cursorEquals(said.cursor, proven)) return [s, []]
  return [{ ...s, settling: { ...s.settling, asked: proven } }, [{ type: 'store', channel, op: { op: 'settled' } }]]
}

type Answer = Extract<StoreAnswer, { op: 'settled' | 'peer-settled' }>

export function settledAnswered(s: SessionState, answer: Answer): SessionStep {
  const { asked } = s.settling
  if (answer.op === 'peer-settled' || asked === undefined) return [s, []]
  const { except, head, others } = answer.result
  const free = { ...s.settling, asked: undefined }
  // A zone speaks for itself alone.
  if (s.config.role === 'dialer') return [{ ...s, settling: { ...free, said: { cursor: asked, except } } }, []]
  const settled = throughOf(free.candidate, others)
  const next = settled === undefined ? free.candidate : undefined
  // What is held here of the zone has not gone everywhere, and what the zone removes from now on is no better.
  const fresh = except.length > 0 ? undefined : { cursor: asked, head }
  const candidate = next ?? fresh
  const said = (next === undefined ? throughOf(candidate, others) : undefined) ?? settled
  return [
    { ...s, settling: { ...free, candidate, said: said === undefined ? free.said : { cursor: said, except: [] } } },
    [],
  ]
}

const throughOf = (candidate: SessionState['settling']['candidate'], others: number): Cursor | undefined =>
  candidate !== undefined && others >= candidate.head ? candidate.cursor : undefined

/** The peer's word is written down when it says something new. */
export function heardSettled(s: SessionState, settled: Settled | undefined): SessionStep {
  const { heard } = s.settling
  if (settled === undefined || isSame(settled, heard)) return [s, []]
  const channel: Channel = s.config.role === 'acceptor' ? 'down' : 'up'
  return [
    { ...s, settling: { ...s.settling, heard: settled } },
    [{ type: 'store', channel, op: { op: 'peer-settled', settled } }],
  ]
}

const isSame = (a: Settled, b: Settled | undefined): boolean =>
  b !== undefined && cursorEquals(a.cursor, b.cursor) && a.except.join(' ') === b.except.join(' ')
