import type { Law } from './broken.js'
import { type Cuts, noCuts } from './cuts.js'
import {
  anyOrder,
  compactionForgotten,
  heldCountsAsGone,
  holdCounted,
  holdsNothing,
  quarantineWaitsForGlobal,
  quarantineWaitsForNobody,
  sequenceOrder,
} from './planted-days.js'
import { listCut, listedOnce, listWrittenAgain, toldItsOwn } from './planted-kumas.js'
import {
  ackBeforeStore,
  believeOnSend,
  firstListFromNothing,
  nackAsAck,
  neverDead,
  noNonceCheck,
  oneStreamForgotten,
  saidTwice,
} from './planted-machines.js'
import {
  generationForgotten,
  generationIgnored,
  hashWithoutLedger,
  hookAskedOnce,
  nextFree,
  refusalForgotten,
  refusedTogether,
  returnsAnew,
  returnsWithoutAddress,
  statusOverwritten,
  tombstonesForgotten,
  unknownFieldsDropped,
  vipAfterwards,
  vipOverwritten,
} from './planted-plans.js'
import {
  conflictForgotten,
  laterLifeDisowned,
  leasedWhileRecovering,
  oldTombstoneTold,
  positionsUnread,
  recoveryEndsEarly,
  resumeWithoutTag,
  shownWhileRecovering,
} from './planted-restores.js'
import {
  attributionFromPayload,
  cursorBeforeData,
  deleteByAbsence,
  digestWithoutOrigin,
  hintsOnly,
  laggingCursor,
  noFence,
  proofIgnored,
  proofUnread,
  staleEncoding,
  statusCompared,
  touchedOnConnect,
  visibilityOutsideTheLog,
} from './planted-store.js'
import { type Planted, simulate } from './simulate.js'

/** A mistake that somebody could make, and the laws that it breaks. */
export interface PlantedBug {
  readonly name: string
  /** In words, as in `docs/planted-bugs.md`. */
  readonly mistake: string
  readonly planted: Planted
  readonly laws: readonly Law[]
  /** It must be caught within so many seeds. */
  readonly seedsMax: number
  /** Counted from here: what needs a rare world is begun near one. */
  readonly from: number
  /** Every seed has this. */
  readonly cuts?: Cuts
}

const bug = (
  name: string,
  mistake: string,
  laws: readonly Law[],
  seedsMax: number,
  planted: Planted,
  from = 1,
  cuts: Cuts = noCuts,
): PlantedBug => ({ name, mistake, laws, seedsMax, planted, from, cuts })

/** Worlds in which stores are put back. */
const putBack: Cuts = { with: ['restores'] }
/** The same, and no hook is asked: so told, seed 3581 takes a mesh away by a tombstone of a backup. */
const putBackUnasked: Cuts = { with: ['restores'], without: ['hooks'] }
/** Worlds with zones that speak plain Kuma KDS. */
const kumas: Cuts = { with: ['kumas'] }
/** Worlds in which a zone reads slowly. */
const slowReader: Cuts = { with: ['slowReader'] }
/** Worlds in which global loses its store whole. */
const wiped: Cuts = { with: ['wipes'] }

export const plantedBugs: readonly PlantedBug[] = [
  bug('believe-on-send', 'what is sent counts as held', ['EQ', 'HONEST'], 5, { step: believeOnSend }),
  bug('nack-as-ack', 'a NACK is read as an ack', ['LKG'], 20, { step: nackAsAck }),
  bug('ack-before-store', 'acked on arrival, stored later', ['EQ', 'HONEST'], 5, { step: ackBeforeStore }),
  bug('never-dead', 'a peer is alive while its socket is', ['EQ', 'HEAL'], 40, { step: neverDead }),
  bug('one-stream-forgotten', 'a stream that is silent alone goes unnoticed', ['EQ', 'HEAL', 'ISO'], 100, {
    step: oneStreamForgotten,
  }),
  bug('refusal-forgotten', 'a refusal is not remembered', ['LKG', 'EQ'], 20, { store: refusalForgotten }),
  bug('refused-together', 'what comes with something wrong is refused with it', ['ISO'], 20, {
    store: refusedTogether,
  }),
  bug('status-overwritten', 'content overwrites a status', ['EMPTY', 'LKG', 'EQ'], 100, { store: statusOverwritten }),
  bug('vip-overwritten', 'an update of a copy takes its VIP', ['VIP-4', 'VIP-5'], 20, { store: vipOverwritten }),
  bug('vip-afterwards', 'a service first, its VIP later', ['VIP-5'], 5, { store: vipAfterwards }),
  bug('unknown-dropped', 'unknown fields are not kept', ['UNKNOWN'], 5, { store: unknownFieldsDropped }),
  bug('tombstones-forgotten', "a deleted owner's address is free at once", ['VIP-2', 'VIP-3', 'VIP-5'], 60, {
    store: tombstonesForgotten,
  }),
  bug('next-free', 'the next free address instead of hash and ledger', ['VIP-2', 'VIP-3'], 20, { store: nextFree }),
  bug('hash-without-ledger', 'the hash is the address, nobody is asked', ['VIP-1', 'VIP-3', 'ASSERT'], 20, {
    store: hashWithoutLedger,
  }),
  bug('returns-anew', 'an owner that returns gets a new address', ['VIP-2'], 20, { store: returnsAnew }),
  bug('delete-by-absence', 'what an answer does not name is gone', ['EMPTY', 'EQ'], 5, { store: deleteByAbsence }),
  bug('cursor-before-data', 'the cursor first, the data after it', ['DUR'], 20, { store: cursorBeforeData }),
  bug('lagging-cursor', 'a cursor from a replica that lags', ['MONO'], 20, { store: laggingCursor }),
  bug('no-fence', 'every session may write', ['ONE', 'OWN'], 150, { store: noFence }),
  bug('attribution-from-payload', 'a zone is who its labels say', ['ATTR', 'EQ'], 60, {
    store: attributionFromPayload,
  }),
  bug('hints-only', 'the log is read on a hint only', ['EQ', 'HEAL'], 150, { store: hintsOnly }),
  bug('stale-encoding', 'an encoded resource outlives its change', ['MONO', 'UNKNOWN', 'EQ'], 20, {
    store: staleEncoding,
  }),
  bug('proof-unread', 'what does not add up is taken as if it did', ['HEAL'], 150, { store: proofUnread }),
  bug('proof-ignored', 'a reconnect compares positions, not digests', ['RO', 'EQ'], 5, { store: proofIgnored }),
  bug('touched-on-connect', 'a new session touches every row', ['RO', 'MONO', 'EQ'], 5, { store: touchedOnConnect }),
  bug('visibility-outside-the-log', 'a hidden zone takes no place in the log', ['EQ', 'MONO'], 300, {
    store: visibilityOutsideTheLog,
  }),
  bug('sequence-order', 'revisions before the commit: a slow one is passed by', ['EQ', 'DUR'], 20, {
    store: sequenceOrder,
  }),
  bug(
    'quarantine-waits-for-nobody',
    'an address is free though a zone has not heard of it',
    ['VIP-3'],
    40,
    {
      store: quarantineWaitsForNobody,
    },
    20,
  ),
  bug(
    'quarantine-waits-for-global',
    'a zone waits for global and not for the other zones',
    ['VIP-3'],
    40,
    {
      store: quarantineWaitsForGlobal,
    },
    20,
  ),
  bug(
    'held-counts-as-gone',
    'what a receiver holds or refuses counts as removed',
    ['VIP-3'],
    40,
    {
      store: heldCountsAsGone,
    },
    290,
  ),
  bug(
    'generation-forgotten',
    'who comes back after a quarantine is no newer',
    ['VIP-2'],
    20,
    { store: generationForgotten },
    70,
  ),
  bug('generation-ignored', "a copy's generation is not remembered", ['VIP-2'], 20, { store: generationIgnored }, 70),
  bug('no-nonce-check', 'an answer to something else is believed', ['EQ', 'HONEST', 'FLOW', 'LKG'], 100, {
    step: noNonceCheck,
  }),
  bug('digest-without-origin', 'one sum for what a zone says and what it hears', ['EQ', 'HEAL', 'DUR'], 5, {
    store: digestWithoutOrigin,
  }),
  bug('status-compared', 'a status counts as content where a peer is met', ['RO', 'EQ', 'HEAL'], 40, {
    store: statusCompared,
  }),
  bug('hook-asked-once', 'what a hook failed on waits until it changes', ['LKG'], 100, { store: hookAskedOnce }),
  bug('said-twice', 'a response is repeated before it is answered', ['FLOW'], 5, { step: saidTwice }),
  bug('any-order', 'a page as the database finds it', ['ORDER'], 20, { store: anyOrder }),
  bug('first-list-from-nothing', 'a store that was never initialised sends its lists', ['EMPTY'], 40, {
    step: firstListFromNothing,
  }),
  bug(
    'compaction-forgotten',
    'a log that was compacted is resumed as if it were whole',
    ['EQ', 'HEAL', 'RO'],
    40,
    {
      store: compactionForgotten,
    },
    30,
  ),
  bug('holds-nothing', 'what is absent is gone, a mass of it too', ['HOLD'], 40, { store: holdsNothing }, 30),
  bug(
    'hold-counted',
    'what is held still counts as offered',
    ['EQ', 'HEAL', 'EMPTY', 'MONO', 'LKG', 'RO'],
    40,
    {
      store: holdCounted,
    },
    30,
  ),
  bug(
    'resume-without-tag',
    'a revision that was given out twice is taken for one and the same',
    ['EQ', 'EMPTY', 'MONO', 'DUR', 'VIP-2', 'VIP-3', 'VIP-4'],
    40,
    { store: resumeWithoutTag },
    105,
    putBack,
  ),
  bug(
    'recovery-ends-early',
    'a recovery is over before all are back that are known',
    ['DUR', 'EMPTY', 'VIP-1', 'VIP-2', 'VIP-3'],
    40,
    { waits: recoveryEndsEarly },
    1,
    putBack,
  ),
  bug(
    'shown-while-recovering',
    'a session that has begun before is answered while its store recovers',
    ['EMPTY'],
    40,
    { store: shownWhileRecovering },
    3089,
    putBack,
  ),
  bug(
    'old-tombstone-told',
    'a tombstone of a backup takes away what came after it',
    ['EMPTY'],
    40,
    { store: oldTombstoneTold },
    3581,
    putBackUnasked,
  ),
  bug(
    'positions-unread',
    'of a tombstone of a backup and what came after it clocks decide',
    ['EMPTY', 'DUR'],
    40,
    { store: positionsUnread },
    2128,
    putBack,
  ),
  bug(
    'later-life-disowned',
    "a log that was ours and is not known is another installation's",
    ['EMPTY', 'DUR'],
    40,
    { store: laterLifeDisowned },
    59616,
    putBack,
  ),
  bug(
    'conflict-forgotten',
    'what a witness said against an address is forgotten',
    ['VIP-2'],
    40,
    { store: conflictForgotten },
    4999,
    putBack,
  ),
  bug(
    'leased-while-recovering',
    'a global that lost its store leases before its zones were heard',
    ['VIP-1'],
    40,
    { store: leasedWhileRecovering },
    1,
    wiped,
  ),
  bug(
    'one-queue',
    'one queue for all zones: whoever reads slowly is waited for',
    ['ISO'],
    20,
    { oneQueue: true },
    1,
    slowReader,
  ),
  bug(
    'list-cut',
    'the first list to a Kuma zone is a part of it, and more would follow',
    ['EMPTY', 'EQ'],
    20,
    { store: listCut },
    1,
    kumas,
  ),
  bug('told-its-own', 'a Kuma zone is told its own with everything else', ['OWN'], 20, { store: toldItsOwn }, 1, kumas),
  bug(
    'list-written-again',
    'what a Kuma zone lists again is written again',
    ['RO', 'MONO', 'EQ'],
    20,
    { store: listWrittenAgain },
    1,
    kumas,
  ),
  bug(
    'listed-once',
    'what a Kuma zone has listed while global recovered is not asked for again',
    ['VIP-5'],
    40,
    { step: listedOnce },
    1,
    { with: ['kumas', 'restores'] },
  ),
  bug(
    'returns-without-address',
    'what a zone with a new store gets back comes without its addresses',
    ['VIP-2', 'VIP-3', 'VIP-4', 'VIP-5'],
    40,
    { store: returnsWithoutAddress },
    1,
    { with: ['zoneWipes'] },
  ),
]

export interface Caught {
  readonly seeds: number
  readonly law: Law
  readonly message: string
}

/** Runs seeds until a law is broken; undefined if none is within the bound. */
export function catchBug({ planted, seedsMax, from, cuts }: PlantedBug): Caught | undefined {
  for (let seeds = 1; seeds <= seedsMax; seeds++) {
    const { violation } = simulate({ seed: from + seeds - 1, planted, cuts })
    if (violation !== undefined) return { seeds, law: violation.law, message: violation.message }
  }
  return undefined
}

/** The table of `docs/planted-bugs.md`: what was planted, which law noticed, after how many seeds, and the bound. */
export function tableOf(rows: readonly { readonly bug: PlantedBug; readonly caught: Caught | undefined }[]): string {
  const cells = [
    ['bug', 'the mistake', 'law that catches it', 'from seed', 'needed', 'at most'],
    ...rows.map(({ bug, caught }) => [
      bug.name,
      bug.mistake,
      caught?.law ?? 'none',
      String(bug.from),
      String(caught?.seeds ?? '-'),
      String(bug.seedsMax),
    ]),
  ]
  const widths = [0, 1, 2, 3, 4, 5].map((at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = cells
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...body.map(line)].join('\n')
}
