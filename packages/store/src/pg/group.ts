import { digestEquals, type Problem } from '@holdfast/model'
import { Fenced } from '../plan/fenced.js'
import { LeaseLost } from '../plan/lease-lost.js'
import { isNothing, mergedNeeds, remainingNeeds } from '../plan/loaded.js'
import { afterMark, afterProgress } from '../plan/progress.js'
import type { CursorRow, WritePlan } from '../plan/types.js'
import { WorkingSet } from '../plan/working-set.js'
import { isEmptyPlan, takesRevision } from '../plan/write-plan.js'
import { execute } from './execute.js'
import { load } from './load.js'
import { type Sql, timestamp, together } from './sql.js'
import { advanceHead, type Head, readHead } from './statements/head.js'
import { lostLeases } from './statements/leases.js'
import { lockFences } from './statements/sessions.js'
import { cursorsOf, type DigestRow, readOffered } from './statements/sync-read.js'
import { writeCursors } from './statements/sync-write.js'
import { markOf, offeredDigest, type ProgressStep, type Proof, type Work } from './work.js'

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

export interface Planned {
  /** What was true when the reading began. */
  readonly head: Head
  readonly plan: WritePlan
  readonly outcomes: ReadonlyMap<Work<unknown>, Outcome>
}

/**
 * Reads what a group needs, in two rounds, and plans its units one after another: a later one sees what the earlier
 * ones have done, and one that fails leaves nothing behind.
 */
export async function planGroup(sql: Sql, works: readonly Work<unknown>[], nowMs: number): Promise<Planned> {
  const head = await readHead(sql)
  if (head === undefined) throw new Error('store_head has no row')
  const needs = mergedNeeds(works.map((work) => work.unit.needs))
  const ws = new WorkingSet(head.identity, await load(sql, needs, head, nowMs))
  const more = remainingNeeds(mergedNeeds(works.map((work) => work.unit.more(ws))), needs)
  if (!isNothing(more)) ws.load(await load(sql, more, head, nowMs))
  const outcomes = new Map(works.map((work): [Work<unknown>, Outcome] => [work, attempted(work, ws)]))
  return { head, plan: ws.toWritePlan(nowMs), outcomes }
}

function attempted(work: Work<unknown>, ws: WorkingSet): Outcome {
  try {
    return { ok: true, value: ws.attempt(() => ({ keep: true, value: work.unit.plan(ws) })) }
  } catch (error) {
    return { ok: false, error }
  }
}

/** Works whose session was superseded or whose lease was lost meanwhile, each with what its caller is told (OWN, ONE). */
export async function voided(sql: Sql, works: readonly Work<unknown>[]): Promise<ReadonlyMap<Work<unknown>, Problem>> {
  return new Map((await together([leaseless(sql, works), superseded(sql, works)])).flat())
}

async function leaseless(sql: Sql, works: readonly Work<unknown>[]): Promise<readonly [Work<unknown>, LeaseLost][]> {
  const leases = works.flatMap(({ lease }) => (lease === undefined ? [] : [lease]))
  if (leases.length === 0) return []
  const lost = await lostLeases(sql, leases)
  return works.flatMap((work): [Work<unknown>, LeaseLost][] =>
    work.lease !== undefined && lost.has(work.lease) ? [[work, new LeaseLost(work.lease.name)]] : [],
  )
}

async function superseded(sql: Sql, works: readonly Work<unknown>[]): Promise<readonly [Work<unknown>, Fenced][]> {
  const peers = [...new Set(works.flatMap((work) => work.fence?.peer ?? []))].sort()
  if (peers.length === 0) return []
  const fences = await lockFences(sql, peers)
  return works.flatMap((work): [Work<unknown>, Fenced][] =>
    work.fence === undefined || fences.get(work.fence.peer) === work.fence.fence
      ? []
      : [[work, new Fenced(work.fence.peer, work.fence.sessionId)]],
  )
}

export interface Written {
  /** Set if the commit took a revision. */
  readonly cursor?: { readonly epoch: string; readonly revision: number; readonly tag: string } | undefined
  readonly proofs: ReadonlyMap<Work<unknown>, Proof>
}

/**
 * Everything that a group writes, the head last. The head's row is locked by the caller. What is read of what was written is
 * sent right behind it: the server takes one after the other.
 */
export async function writeGroup(
  sql: Sql,
  { head, plan, outcomes }: Planned,
  { tag, nowMs, mark }: { readonly tag: string; readonly nowMs: number; readonly mark: string | undefined },
): Promise<Written> {
  const isEmpty = isEmptyPlan(plan)
  const taken = takesRevision(plan)
  const revision = head.revision + (taken ? 1 : 0)
  const execution = isEmpty ? undefined : execute(sql, plan, { revision, atMs: plan.atMs })
  const stepping = [...outcomes].flatMap(([work, outcome]): Stepping[] =>
    work.progress !== undefined && outcome.ok ? [[work, work.progress]] : [],
  )
  const others = [...outcomes].flatMap(([{ also }, outcome]) =>
    also !== undefined && outcome.ok ? [() => also(sql, outcome.value)] : [],
  )
  if (execution?.isSent === false || others.length > 0) await execution?.done
  for (const write of others) await write()
  const [, standing] = await together([execution?.done, readStandings(sql, stepping)])
  const { moved, proofs } = advanced(stepping, standing)
  const cursor = taken ? { epoch: head.epoch, revision, tag } : undefined
  await together([
    moved.length === 0 ? undefined : writeCursors(sql, moved),
    isEmpty ? undefined : advanceHead(sql, { cursor, at: timestamp(nowMs), mark }),
  ])
  return { cursor, proofs }
}

type Stepping = readonly [Work<unknown>, ProgressStep]

type Part = 'content' | 'status'

interface Standings {
  readonly cursors: readonly CursorRow[]
  /** Of the parts that a mark speaks of. */
  readonly sums: ReadonlyMap<Part, readonly DigestRow[]>
}

const partOf = ({ channel }: ProgressStep): Part => (channel === 'status' ? 'status' : 'content')
const keyOf = ({ peer, channel }: Pick<CursorRow, 'peer' | 'channel'>): string => `${channel} ${peer}`

/** Where the peers stood, and the sums that their marks are compared with: in the transaction that has written, and after it. */
async function readStandings(sql: Sql, stepping: readonly Stepping[]): Promise<Standings> {
  const targets = new Map(stepping.map(([, step]) => [keyOf(step), { peer: step.peer, channel: step.channel }]))
  const marked = new Map(
    stepping.flatMap(([, step]) => (markOf(step) === undefined ? [] : [[partOf(step), step.channel] as const])),
  )
  const [cursors, ...sums] = await together([
    targets.size === 0 ? [] : cursorsOf(sql, [...targets.values()]),
    ...[...marked].map(async ([part, channel]) => [part, await readOffered(sql, channel)] as const),
  ])
  return { cursors, sums: new Map(sums) }
}

/** Cursors after what was just written, and proofs over it. A cursor is written only if it moves or was proven. */
function advanced(
  stepping: readonly Stepping[],
  standing: Standings,
): { readonly moved: readonly CursorRow[]; readonly proofs: ReadonlyMap<Work<unknown>, Proof> } {
  const proofs = new Map<Work<unknown>, Proof>()
  const cursors = new Map(standing.cursors.map((row) => [keyOf(row), row]))
  const moved = new Map<string, CursorRow>()
  for (const [work, progress] of stepping) {
    const key = keyOf(progress)
    const before: CursorRow = cursors.get(key) ?? { ...progressKey(progress), side: 'received' }
    const mark = markOf(progress)
    let proof: Proof | undefined
    if (mark !== undefined) {
      const rows = standing.sums.get(partOf(progress)) ?? []
      const offered = offeredDigest(rows, progress.channel, progress.peer)
      proof = { verified: digestEquals(offered, mark.digest), offered }
      proofs.set(work, proof)
    }
    const at = after(before, progress, proof?.verified)
    const isMoved = at.cursor !== before.cursor || at.partial !== before.partial
    if (!isMoved && proof?.verified !== true) continue
    const row: CursorRow = {
      ...progressKey(progress),
      side: 'received',
      cursor: at.cursor,
      partial: at.partial,
      ...(proof?.verified === true ? { provenAtMs: progress.atMs } : {}),
    }
    cursors.set(key, row)
    moved.set(key, row)
  }
  return { moved: [...moved.values()], proofs }
}

const progressKey = ({ peer, channel }: ProgressStep) => ({ peer, channel })

const after = (
  before: CursorRow,
  { step }: ProgressStep,
  verified: boolean | undefined,
): Pick<CursorRow, 'cursor' | 'partial'> =>
  step.kind === 'range'
    ? afterProgress(before, step.progress, verified)
    : verified === true
      ? afterMark(before, step.mark)
      : before
