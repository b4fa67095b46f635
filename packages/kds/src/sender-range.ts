import type { Mark, Offer, Removal } from './messages.js'
import { comparePositions } from './position.js'
import { enter, type Part, type SenderEffect, type SenderState, type SenderStep, storeChanged } from './sender-state.js'
import { invariant, withEntry } from './step.js'
import type { LogItem, LogPage } from './sync-store.js'

/** A page of the log becomes parts, one response each; an empty one moves the position without a word if it may. */
export function pageRead(s: SenderState, page: LogPage): SenderStep {
  invariant(s.phase === 'reading', `a page arrived while ${s.phase}`)
  const { epoch, through, head } = page
  if (epoch !== s.epoch) return storeChanged(s, `the log is now ${epoch}, it was ${s.epoch}`)
  if (head === undefined) {
    invariant(comparePositions(through, s.from) > 0, `a page that is not the last one ends at or before its start`)
    if (page.items.length === 0) return [{ ...s, from: through, withRemovals: true }, []]
  } else if (page.items.length === 0 && !s.owesMark) {
    return [enter(s, { phase: 'live', position: through, head }), []]
  }
  const number = s.pageLast + 1
  const runs = runsOf(page.items)
  const waiting = runs.map((run, index): Part => {
    const mark = index === runs.length - 1 ? head : undefined
    const purpose = { kind: 'range', page: number, parts: runs.length, cursorEpoch: epoch, through } as const
    return { ...run, absent: [], purpose: mark === undefined ? purpose : { ...purpose, mark } }
  })
  return [{ ...enter(s, { phase: 'paging', epoch, through, head, waiting }), pageLast: number }, []]
}

interface Run {
  readonly type: string
  readonly offers: readonly Offer[]
  readonly removals: readonly Removal[]
}

/**
 * One response per type, cut only where ORDER asks for it: items come with upserts in dependency order and then removals
 * in the reverse order, so a type stands in at most two runs. Merging them would remove a mesh before what lives in it.
 * Nothing at all is one response without a type, for the mark.
 */
function runsOf(items: readonly LogItem[]): readonly Run[] {
  const runs: { type: string; offers: Offer[]; removals: Removal[] }[] = []
  for (const { type, change } of items) {
    let run = runs.at(-1)
    if (run?.type !== type) {
      run = { type, offers: [], removals: [] }
      runs.push(run)
    }
    if ('offer' in change) run.offers.push(change.offer)
    else run.removals.push(change.removal)
  }
  return runs.length > 0 ? runs : [{ type: '', offers: [], removals: [] }]
}

/** Parts of the page, then of the answer under way, as far as their types are free. */
export function sendParts(s: SenderState): SenderStep {
  const effects: SenderEffect[] = []
  let now = s
  if (now.phase === 'paging') {
    const [sent, rest] = take(now, now.waiting, effects)
    now = { ...now, ...sent, waiting: rest }
  }
  if (now.answering?.parts !== undefined) {
    const [sent, rest] = take(now, now.answering.parts, effects)
    // An answer shows rows as they are now, perhaps newer than our position: no mark is spoken before the log is read.
    const done = rest.length === 0
    now = { ...now, ...sent, answering: done ? undefined : { ...now.answering, parts: rest } }
    if (done) now = { ...now, logGrew: true }
  }
  return [now, effects]
}

function take(s: SenderState, parts: readonly Part[], effects: SenderEffect[]) {
  let { nonceLast, flights } = s
  let at = 0
  for (let part = parts[at]; part !== undefined && !flights.has(part.type); part = parts[at]) {
    nonceLast += 1
    at += 1
    const nonce = String(nonceLast)
    flights = withEntry(flights, part.type, { nonce, purpose: part.purpose.kind })
    effects.push({ type: 'send', message: { type: 'delta', delta: { ...part, nonce } } })
  }
  return [{ nonceLast, flights }, parts.slice(at)] as const
}

/** After an ack: when every part of a page is answered, the next one is due, or the receiver has everything. */
export function landed(s: SenderState, known: (s: SenderState, mark: Mark) => SenderState): SenderState {
  if (s.phase !== 'paging' || s.waiting.length > 0) return s
  for (const flight of s.flights.values()) if (flight.purpose === 'range') return s
  const { through, head, epoch } = s
  if (head === undefined)
    return enter(s, { phase: 'reading', epoch, from: through, withRemovals: true, owesMark: true })
  return known(enter(s, { phase: 'live', position: through, head }), head)
}
