import { digestEquals, emptyDigest } from '@holdfast/model'
import { pageBytes } from './constants.js'
import type { BucketDigest } from './messages.js'
import { type Part, type Question, type SenderState, type SenderStep, violated } from './sender-state.js'
import { cutBySize, keyBytes, offerBytes, removalBytes } from './sizes.js'
import { invariant, withEntry } from './step.js'
import type { RepairParts, StoreAnswer } from './sync-store.js'

/** A question waits for the store; one per type, so that a receiver cannot make a queue here. */
export function asked(s: SenderState, question: Question): SenderStep {
  const { resourceType } = question
  if (s.phase === 'quiet' || s.phase === 'comparing') return violated(s, `asked about ${resourceType} before a begin`)
  if (s.questions.has(resourceType)) return violated(s, `asked about ${resourceType} twice without an answer`)
  return [{ ...s, questions: withEntry(s.questions, resourceType, question) }, []]
}

export function answered(s: SenderState, answer: StoreAnswer): SenderStep {
  const question = s.answering?.question
  invariant(question !== undefined, `the sender's store answered ${answer.op} without a question`)
  const { resourceType } = question
  if (answer.op === 'buckets' && question.type === 'buckets') {
    const { level } = question
    const differing = differingPrefixes(question.digests, answer.result)
    const message = { type: 'bucket-answer', resourceType, level, differing } as const
    return [{ ...s, answering: undefined }, [{ type: 'send', message }]]
  }
  invariant(answer.op === 'repair' || answer.op === 'keys', `the sender's store answered ${answer.op} to a question`)
  const purposes = answer.op === 'repair' ? repairPurpose : askedPurpose
  return [{ ...s, answering: { question, parts: partsOf(resourceType, answer.result, purposes) } }, []]
}

/** A prefix that one side does not mention is empty there. */
function differingPrefixes(theirs: readonly BucketDigest[], ours: readonly BucketDigest[]): readonly number[] {
  const digests = new Map(ours.map((d) => [d.prefix, d.digest]))
  return theirs
    .filter(({ prefix, digest }) => !digestEquals(digest, digests.get(prefix) ?? emptyDigest))
    .map(({ prefix }) => prefix)
}

const repairPurpose = (more: boolean): Part['purpose'] => ({ kind: 'repair', more })
const askedPurpose = (): Part['purpose'] => ({ kind: 'asked' })

type Piece =
  | { readonly offer: RepairParts['offers'][number] }
  | { readonly removal: RepairParts['removals'][number] }
  | { readonly absent: string }

/** Cut to responses; none at all is one empty response, because the receiver waits for it. */
function partsOf(type: string, answer: RepairParts, purpose: (more: boolean) => Part['purpose']): readonly Part[] {
  const pieces: readonly Piece[] = [
    ...answer.offers.map((offer) => ({ offer })),
    ...answer.removals.map((removal) => ({ removal })),
    ...answer.absent.map((absent) => ({ absent })),
  ]
  const runs = cutBySize(pieces, pieceBytes, pageBytes)
  if (runs.length === 0) return [{ type, offers: [], removals: [], absent: [], purpose: purpose(false) }]
  return runs.map((run, index) => ({
    type,
    offers: run.flatMap((p) => ('offer' in p ? [p.offer] : [])),
    removals: run.flatMap((p) => ('removal' in p ? [p.removal] : [])),
    absent: run.flatMap((p) => ('absent' in p ? [p.absent] : [])),
    purpose: purpose(index < runs.length - 1),
  }))
}

function pieceBytes(piece: Piece): number {
  if ('offer' in piece) return offerBytes(piece.offer)
  return 'removal' in piece ? removalBytes(piece.removal) : keyBytes(piece.absent)
}
