import { type Digest, digestEquals, emptyDigest } from '@holdfast/model'
import { bucketFanOut, bucketLevels, entryBucketsMax, prefixesMax, repairEveryMs, wholeTypeMax } from './constants.js'
import type { BucketDigest, Delta, KeyedEntry, SenderMessage, TypeDigest } from './messages.js'
import {
  present,
  type ReceiverState,
  type ReceiverStep,
  type Repairing,
  type RepairTask,
  violated,
} from './receiver-state.js'
import { chunked } from './sizes.js'
import { invariant } from './step.js'
import type { RepairTurns, StoreAnswer, StoreOp } from './sync-store.js'

type RepairingState = ReceiverState & Repairing
type RepairOp = Extract<
  StoreOp,
  { op: 'offered-types' | 'repair-turns' | 'repaired' | 'offered-buckets' | 'offered-entries' }
>

/**
 * Repair: types that differ, one after the other; a small one whole, a large one by three levels of buckets, of which
 * only those that differ are followed. `tasks` is a stack: the first is under way, what it finds goes in front.
 * When it is empty we present ourselves again, from the cursor at which the sender's digests were read. A type that was
 * repaired within the last minute is left out: the store keeps the turns, for a session or a process may be new.
 */
export function repairOp(s: RepairingState, nowMs: number): RepairOp | undefined {
  if (s.awaiting === 'peer') return undefined
  if (s.tasks === undefined) return { op: 'offered-types' }
  if (s.due === undefined)
    return { op: 'repair-turns', epoch: s.from.epoch, types: s.tasks.map((t) => t.resourceType), nowMs }
  const [task] = s.tasks
  if (task === undefined) return { op: 'repaired', epoch: s.from.epoch, types: s.due, nowMs }
  const { resourceType } = task
  return task.kind === 'level'
    ? { op: 'offered-buckets', resourceType, level: task.level, prefixes: task.prefixes }
    : { op: 'offered-entries', resourceType, buckets: task.buckets }
}

type RepairAnswer = Extract<StoreAnswer, { op: RepairOp['op'] }>

export function repairRead(s: ReceiverState, answer: RepairAnswer, nowMs: number): ReceiverStep {
  invariant(s.phase === 'repairing', `${answer.op} arrived while ${s.phase}`)
  switch (answer.op) {
    case 'offered-types': {
      const tasks = differing(s.digests, answer.result)
      // The sum of all differs and that of no type does: comparing again at once would find the same.
      return goOn(tasks.length > 0 ? s : { ...s, repairNotBeforeMs: nowMs + repairEveryMs }, tasks)
    }
    case 'repair-turns':
      return turned(s, answer.result)
    case 'repaired':
      return [present(s, { why: 'repaired', from: s.from }), []]
    case 'offered-buckets':
      return askBuckets(s, answer.result)
    case 'offered-entries':
      return askEntries(s, answer.result)
  }
}

function turned(s: RepairingState, { due, retryAtMs }: RepairTurns): ReceiverStep {
  const all = s.tasks ?? []
  const tasks = all.filter((task) => due.includes(task.resourceType))
  const undue = all.map((task) => task.resourceType).filter((type) => !due.includes(type))
  const waits = tasks.length === 0 && retryAtMs !== undefined ? { repairNotBeforeMs: retryAtMs } : {}
  const [after, effects] = goOn({ ...s, due, undue, ...waits }, tasks)
  return [after, tasks.length === 0 ? effects : [{ type: 'repairing', types: [...due] }, ...effects]]
}

/** A type that one side does not list is empty there: what we hold of it must be asked for too, its end is news to us. */
function differing(theirs: readonly TypeDigest[], ours: readonly TypeDigest[]): readonly RepairTask[] {
  const their = new Map(theirs.map((t) => [t.type, t.digest]))
  const own = new Map(ours.map((t) => [t.type, t.digest]))
  return [...new Set([...their.keys(), ...own.keys()])].flatMap((type) => {
    const a = their.get(type) ?? emptyDigest
    const b = own.get(type) ?? emptyDigest
    return digestEquals(a, b) ? [] : [taskFor(type, a, b)]
  })
}

const taskFor = (resourceType: string, theirs: Digest, ours: Digest): RepairTask =>
  theirs.count + ours.count <= wholeTypeMax
    ? { kind: 'entries', resourceType, buckets: [] }
    : { kind: 'level', resourceType, level: 1, prefixes: children([0]) }

const children = (prefixes: readonly number[]): readonly number[] =>
  prefixes.flatMap((prefix) => Array.from({ length: bucketFanOut }, (_, i) => prefix * bucketFanOut + i))

function goOn(s: RepairingState, tasks: readonly RepairTask[]): ReceiverStep {
  const [next] = tasks
  if (next === undefined) {
    // That a repair is done is written down before anything else: the next one has to wait.
    if ((s.due ?? []).length > 0) return [{ ...s, tasks, awaiting: 'store', absent: [] }, []]
    return [present(s, { why: 'repaired', from: s.from }), []]
  }
  // A type that ends with a question that finds nothing leaves what was absent before for the next repair.
  const absent = next.resourceType === s.tasks?.[0]?.resourceType ? s.absent : []
  return [{ ...s, tasks, awaiting: 'store', absent }, []]
}

function askBuckets(s: RepairingState, found: readonly BucketDigest[]): ReceiverStep {
  const task = s.tasks?.[0]
  invariant(task?.kind === 'level', 'sums were read without a question for them')
  const { resourceType, level, prefixes } = task
  const sums = new Map(found.map((d) => [d.prefix, d.digest]))
  // Empty ones are said too: the sender looks at these prefixes and at no others.
  const digests = prefixes.map((prefix) => ({ prefix, digest: sums.get(prefix) ?? emptyDigest }))
  const message = { type: 'buckets', resourceType, level, digests } as const
  return [{ ...s, awaiting: 'peer' }, [{ type: 'send', message }]]
}

function askEntries(s: RepairingState, entries: readonly KeyedEntry[]): ReceiverStep {
  const task = s.tasks?.[0]
  invariant(task?.kind === 'entries', 'entries were read without a question for them')
  const { resourceType, buckets } = task
  return [{ ...s, awaiting: 'peer' }, [{ type: 'send', message: { type: 'entries', resourceType, buckets, entries } }]]
}

export function bucketsAnswered(
  s: ReceiverState,
  answer: Extract<SenderMessage, { type: 'bucket-answer' }>,
): ReceiverStep {
  const { resourceType, level, differing } = answer
  if (s.phase === 'presenting' || s.phase === 'awaiting-begin') return [s, []]
  const [task, ...rest] = s.phase === 'repairing' && s.awaiting === 'peer' ? (s.tasks ?? []) : []
  if (s.phase !== 'repairing' || task?.kind !== 'level' || task.resourceType !== resourceType || task.level !== level)
    return violated(s, `answered about level ${level} of ${resourceType}, which was not asked`)
  const asked = new Set(task.prefixes)
  const stray = differing.find((prefix) => !asked.has(prefix))
  if (stray !== undefined) return violated(s, `answered about prefix ${stray} of ${resourceType}, which was not asked`)
  return goOn(s, [...below(task, differing), ...rest])
}

function below(
  { resourceType, level }: Extract<RepairTask, { kind: 'level' }>,
  prefixes: readonly number[],
): readonly RepairTask[] {
  if (level === bucketLevels)
    return chunked(prefixes, entryBucketsMax).map((buckets) => ({ kind: 'entries', resourceType, buckets }))
  const next = chunked(children(prefixes), prefixesMax)
  return next.map((some) => ({ kind: 'level', resourceType, level: level + 1, prefixes: some }))
}

/** Whether this delta is the answer to the question under way. */
export function repairExpects(s: RepairingState, { type, purpose }: Delta): boolean {
  const task = s.tasks?.[0]
  return purpose.kind === 'repair' && s.awaiting === 'peer' && task?.kind === 'entries' && task.resourceType === type
}

/** With this part of an answer everything of its type has been compared. */
const endsType = ({ tasks }: RepairingState, more: boolean): boolean =>
  !more && tasks?.[0]?.resourceType !== tasks?.[1]?.resourceType

/**
 * What the store is told to be absent: of a type at once, with its last part. Told bucket by bucket, a mass that
 * vanishes would pass as many small ones, each below the threshold of a hold (HOLD).
 */
export const absentWith = (s: RepairingState, absent: readonly string[], more: boolean): readonly string[] =>
  endsType(s, more) ? [...s.absent, ...absent] : []

/** A part of the answer is stored; with the last one the next task is due. */
export function repairApplied(s: ReceiverState, absent: readonly string[], more: boolean): ReceiverStep {
  if (s.phase !== 'repairing') return [s, []]
  const after: RepairingState = { ...s, absent: endsType(s, more) ? [] : [...s.absent, ...absent] }
  return more ? [after, []] : goOn(after, s.tasks?.slice(1) ?? [])
}
