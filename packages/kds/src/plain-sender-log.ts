import { encodeForZone, kumaVersion, wireKey } from '@holdfast/model'
import { plainLateMax } from './constants.js'
import type { Offer } from './messages.js'
import { isDoubted } from './plain-doubts.js'
import { isLeftBehind, keysLeftBehind, keysOfPart, withLate } from './plain-late.js'
import {
  type PlainPart,
  type PlainSenderEffect,
  type PlainSenderState,
  type PlainSenderStep,
  plainViolated,
  type Subscription,
} from './plain-sender-state.js'
import { comparePositions, cursorEquals, endOf } from './position.js'
import { cutBySize, keyBytes, offerBytes } from './sizes.js'
import { withEntry } from './step.js'
import type { LogItem, LogPage, RepairParts, StoreResults } from './sync-store.js'

export const withSubscription = (s: PlainSenderState, type: string, subscription: Subscription): PlainSenderState => ({
  ...s,
  subscriptions: withEntry(s.subscriptions, type, subscription),
})

const isOpen = (subscription: Subscription): boolean =>
  subscription.state === 'asked' || (subscription.state === 'listed' && subscription.flight !== undefined)

/** Nothing waits, nothing flies, no list is owed, nothing was left behind or is being read again. */
const isIdle = (s: PlainSenderState): boolean =>
  s.waiting.length === 0 && s.late.size === 0 && s.busy?.op !== 'keys' && ![...s.subscriptions.values()].some(isOpen)

/** The peer has answered everything through the head that the last page reached. */
export const reached = (s: PlainSenderState): PlainSenderState =>
  isIdle(s) && s.head !== undefined && !cursorEquals(s.acked, s.head.cursor)
    ? { ...s, acked: s.head.cursor, ackedDue: s.head.cursor }
    : s

export function listed(s: PlainSenderState, type: string, { offers, head }: StoreResults['list']): PlainSenderStep {
  const subscription = s.subscriptions.get(type)
  if (subscription?.state !== 'asked') return [s, []]
  const { epoch, revision } = head.cursor
  if (s.log !== undefined && s.log.epoch !== epoch) return storeChanged(s, epoch)
  const part = wholeList(type, offers, subscription.initialVersions)
  const sizeBytes = piecesOf(part).reduce((sum, piece) => sum + pieceBytes(piece), 0)
  if (sizeBytes > s.listBytesMax) {
    const effect = { type: 'tooLarge', resourceType: type, sizeBytes, limitBytes: s.listBytesMax } as const
    const { initialVersions } = subscription
    return [withSubscription(s, type, { state: 'too-large', since: revision, initialVersions }), [effect]]
  }
  // Types are listed one after the other: what changed between the first and this one is still to be read for the others.
  const position = s.log?.position ?? endOf(revision)
  const logGrew = s.logGrew || comparePositions(endOf(revision), position) > 0
  const subscribed = withSubscription(s, type, { state: 'listed', since: revision, flight: undefined })
  return sendPart({ ...subscribed, log: { epoch, position }, logGrew }, part)
}

/** Whole for a peer that has nothing; for one that says what it has, the difference, which a Kuma honours as well. */
function wholeList(
  resourceType: string,
  offers: readonly Offer[],
  initial: Readonly<Record<string, string>>,
): PlainPart {
  const keys = new Set(offers.map(keyOf))
  const removals = Object.keys(initial).filter((key) => !keys.has(key))
  return { resourceType, offers: offers.filter((offer) => !isHeld(offer, initial[keyOf(offer)])), removals }
}

/** A plain zone knows a resource by the version that it has on the wire, which is of the bytes there and not ours. */
const isHeld = ({ version, resource }: Offer, said: string | undefined): boolean =>
  said !== undefined && (said === version || said === kumaVersion(encodeForZone(resource)))

const keyOf = ({ resource }: Offer): string => wireKey(resource.mesh, resource.name)

const storeChanged = (s: PlainSenderState, epoch: string): PlainSenderStep => [
  { ...s, phase: 'closed' },
  [{ type: 'storeChanged', reason: `the log is now ${epoch}, it was ${s.log?.epoch ?? 'unknown'}` }],
]

export function changed(s: PlainSenderState, page: LogPage): PlainSenderStep {
  if (page.epoch !== s.log?.epoch) return storeChanged(s, page.epoch)
  const log = { epoch: page.epoch, position: page.through }
  const parts = partsOf(s, page.items)
  const waiting = parts.filter(({ resourceType }) => !isLeftBehind(s, resourceType))
  const late = parts
    .filter(({ resourceType }) => isLeftBehind(s, resourceType))
    .reduce((sum, part) => withLate(sum, part.resourceType, keysOfPart(part)), s.late)
  const next = { ...s, log, waiting, late, head: page.head, logGrew: s.logGrew || page.head === undefined }
  if (keysLeftBehind(next) <= plainLateMax) return [reached(next), []]
  const types = [...late.keys()].join(', ')
  return plainViolated(s, `does not answer ${types}, of which more than ${plainLateMax} resources have changed since`)
}

/** One response per type; what its list already said, and what was refused as it is, stays out. */
function partsOf(s: PlainSenderState, items: readonly LogItem[]): readonly PlainPart[] {
  const parts = new Map<string, { resourceType: string; offers: Offer[]; removals: string[] }>()
  for (const { type, position, change } of items) {
    const subscription = s.subscriptions.get(type)
    if (subscription?.state !== 'listed' || position.revision <= subscription.since) continue
    const doubt = s.doubts.get(type)
    if ('offer' in change && isDoubted(doubt, keyOf(change.offer), change.offer.version)) continue
    const part = parts.get(type) ?? { resourceType: type, offers: [], removals: [] }
    if ('offer' in change) part.offers.push(change.offer)
    else part.removals.push(change.removal.key)
    parts.set(type, part)
  }
  return [...parts.values()]
}

export function offeredAgain(
  s: PlainSenderState,
  resourceType: string,
  { offers, removals, absent }: RepairParts,
): PlainSenderState {
  const gone = [...removals.map((r) => r.key), ...absent]
  if (offers.length === 0 && gone.length === 0) return s
  return { ...s, waiting: [...s.waiting, { resourceType, offers, removals: gone }] }
}

/** What a response is made of, in the order in which it is sent: removals take their room as well. */
type Piece = { readonly offer: Offer } | { readonly removal: string }

const piecesOf = ({ offers, removals }: PlainPart): readonly Piece[] => [
  ...offers.map((offer) => ({ offer })),
  ...removals.map((removal) => ({ removal })),
]

const pieceBytes = (piece: Piece): number => ('offer' in piece ? offerBytes(piece.offer) : keyBytes(piece.removal))

const partFrom = (resourceType: string, pieces: readonly Piece[]): PlainPart => ({
  resourceType,
  offers: pieces.flatMap((piece) => ('offer' in piece ? piece.offer : [])),
  removals: pieces.flatMap((piece) => ('offer' in piece ? [] : piece.removal)),
})

/** Sends a part, or keeps it while its type is in flight: whole if it is a list, otherwise as much as a Kuma receives. */
export function sendPart(s: PlainSenderState, part: PlainPart): PlainSenderStep {
  const { resourceType } = part
  const subscription = s.subscriptions.get(resourceType)
  if (subscription?.state !== 'listed') return [s, []]
  if (isLeftBehind(s, resourceType)) return [{ ...s, late: withLate(s.late, resourceType, keysOfPart(part)) }, []]
  if (subscription.flight !== undefined) return [{ ...s, waiting: [...s.waiting, part] }, []]
  const tooLarge = part.offers.filter((offer) => offerBytes(offer) > s.listBytesMax)
  const left = tooLarge.map((offer): PlainSenderEffect => {
    const [key, sizeBytes] = [keyOf(offer), offerBytes(offer)]
    return { type: 'tooLarge', resourceType, key, sizeBytes, limitBytes: s.listBytesMax }
  })
  const kept = left.length === 0 ? part.offers : part.offers.filter((offer) => !tooLarge.includes(offer))
  if (left.length > 0 && kept.length === 0 && part.removals.length === 0) return [s, left]
  const [first = [], ...rest] = cutBySize(piecesOf({ ...part, offers: kept }), pieceBytes, s.listBytesMax)
  const { offers, removals } = partFrom(resourceType, first)
  const later = rest.length === 0 ? [] : [partFrom(resourceType, rest.flat())]
  const nonce = String(s.nonceLast + 1)
  const versions = new Map([
    ...offers.map((o) => [keyOf(o), o.version] as const),
    ...removals.map((k) => [k, ''] as const),
  ])
  const flying = withSubscription(s, resourceType, { ...subscription, flight: { nonce, versions } })
  const message = { type: 'response', resourceType, nonce, offers, removals } as const
  const waiting = [...flying.waiting, ...later]
  return [{ ...flying, waiting, nonceLast: s.nonceLast + 1 }, [...left, { type: 'send', message }]]
}
