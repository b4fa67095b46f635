import {
  type Batch,
  type ChannelContext,
  type ChannelStore,
  type Cursor,
  endOf,
  type LogPage,
  type Mark,
  type Standing,
  type StandingFacts,
  type StoreOp,
  type StoreResults,
} from '@holdfast/kds'
import { Problem, wireKey } from '@holdfast/model'
import { dueRefusal } from '../plan/due.js'
import { Fenced } from '../plan/fenced.js'
import type { HookCover } from '../plan/forms.js'
import type { HoldThresholds } from '../plan/holds.js'
import { originWords } from '../plan/keys.js'
import { nothingNeeded } from '../plan/loaded.js'
import type { PlanOptions } from '../plan/local.js'
import { mustBeShown } from '../plan/not-shown.js'
import { batchUnit } from '../plan/received.js'
import { type Evidence, furthestOf, oldThrough, standingOf } from '../plan/recovery.js'
import type { RoleIdentity } from '../plan/types.js'
import type { Unit } from '../plan/unit.js'
import { admitUnit } from '../plan/zones.js'
import type { Acks } from './acks.js'
import { cursorOf, factsFor, type LogTail, markFor, pageFrom } from './log-tail.js'
import type { Database, Sql } from './sql.js'
import { endOfEpoch, type Head, readEpochs, readHead, tagsAt } from './statements/head.js'
import { keyParts, offeredBuckets, offeredEntries, repairParts, viewBuckets } from './statements/repair.js'
import { noteDivergence, noteRepairs, turnsOf } from './statements/repairs.js'
import { lockFences } from './statements/sessions.js'
import { settledFacts } from './statements/settled.js'
import { ackedLogsOf, dueRefusals, readOffered, readStanding } from './statements/sync-read.js'
import { readSeenDigests } from './statements/tail.js'
import { inPageOrder, logPage, toggledOrigins, wholeList } from './statements/views.js'
import { digestsByType, View } from './view.js'
import { type Fence, offeredDigest, type ProgressStep, type Work } from './work.js'
import type { Writer } from './writer.js'

export interface ChannelParts {
  readonly database: Database
  readonly writer: Writer
  readonly tail: LogTail
  readonly acks: Acks
  readonly identity: RoleIdentity
  readonly hooks?: HookCover | undefined
  readonly nowMs: () => number
  readonly thresholds: HoldThresholds | undefined
  /** The newest position of the log that this process knows. */
  readonly seen: () => Cursor
  /** Throws a Problem `unavailable` if the database is not whole, after a look. */
  readonly checkNow: () => Promise<void>
  /** A peer remembers what our history does not have. */
  readonly onEvidence: (evidence: Evidence) => Promise<void>
  /** Global: a zone was in step with a log that is not ours, and we are not what was lost. */
  readonly onStranger: (peer: string) => void
  /** Global's mark has agreed with what we were offered. */
  readonly onProven: () => Promise<void>
}

/** Refusals that are asked for again in one go. */
const dueMax = 2_048

const nothing: Unit<null> = { needs: nothingNeeded, more: () => nothingNeeded, plan: () => null }

/** One channel of one session on PostgreSQL. Reads need no right; every write is compared with the session's fence. */
export class PgChannel implements ChannelStore {
  readonly #parts: ChannelParts
  readonly #context: ChannelContext
  readonly #view: View
  readonly #fence: Fence | undefined

  constructor(parts: ChannelParts, context: ChannelContext) {
    this.#parts = parts
    this.#context = context
    this.#view = new View(parts.identity, context)
    const { fence, peer } = context
    this.#fence =
      fence === undefined ? undefined : { peer: fence.key ?? peer, sessionId: fence.sessionId, fence: fence.fence }
  }

  async perform<O extends StoreOp>(
    op: O,
    { signal, traces }: { readonly signal: AbortSignal; readonly traces?: readonly string[] | undefined },
  ): Promise<StoreResults[O['op']]> {
    signal.throwIfAborted()
    // Each arm answers what its operation promises; a union of operations cannot be narrowed through its type variable.
    return (await this.#perform(op, signal, traces)) as StoreResults[O['op']]
  }

  async #perform(
    op: StoreOp,
    signal: AbortSignal,
    traces: readonly string[] | undefined,
  ): Promise<StoreResults[StoreOp['op']]> {
    const { database, tail, acks } = this.#parts
    const { peer, channel } = this.#context
    switch (op.op) {
      case 'compare':
        return this.#compare(op.standing)
      case 'changes':
        return this.#changes(op)
      case 'mark':
        return markFor(await tail.fresh(), this.#view)
      case 'buckets':
        return viewBuckets(database, this.#view, { ...op, type: op.resourceType })
      case 'repair':
        return this.#repair(op)
      case 'keys':
        return keyParts(database, this.#view, { type: op.resourceType, keys: op.keys })
      case 'list':
        return this.#list(op.resourceType)
      case 'standing':
        return this.#standing()
      case 'offered-types':
        return digestsByType(await this.#offeredRows(database))
      case 'offered-buckets':
        return offeredBuckets(database, { ...op, type: op.resourceType, peer, channel })
      case 'offered-entries':
        return offeredEntries(database, { ...op, type: op.resourceType, peer, channel })
      case 'due-refusals':
        return this.#dueRefusals(op.nowMs)
      case 'apply':
        return this.#apply(op.batch, op.nowMs, signal, traces)
      case 'verify':
        return this.#verify(op.mark, signal)
      case 'acked':
        acks.note({ peer, channel, side: 'acked', cursor: op.cursor, fence: this.#fence })
        return null
      case 'settled':
        // What others have said is written down in batches.
        await acks.flush()
        return settledFacts(database, this.#parts.identity, { peer, channel })
      case 'peer-settled':
        acks.note({ peer, channel, side: 'settled', ...op.settled, fence: this.#fence })
        return null
      case 'admit': {
        // That a zone was ever in step is learned from what it has acked.
        await acks.flush()
        const unit = admitUnit(op.hello, peer, this.#options(op.nowMs), op.instanceId)
        return (await this.#submit(unit, 1, undefined, signal)).value
      }
      case 'repair-turns':
        return turnsOf(database, { peer, channel, ...op })
      case 'repaired':
        await this.#fenced((sql) => noteRepairs(sql, { peer, channel, ...op }))
        return null
      case 'diverged':
        await this.#fenced((sql) => noteDivergence(sql, { peer, channel, ...op }))
        return null
    }
  }

  async #compare(standing: Standing): Promise<StandingFacts> {
    const { database, tail, onEvidence } = this.#parts
    const { cursor, partial } = standing
    const snapshot = await tail.fresh()
    const { head } = snapshot
    // Who stands at our head, as after every quiet time, is compared with it; anybody else with the history.
    const tags =
      cursor === undefined || cursor.revision === head.revision ? [head] : await tagsAt(database, [cursor.revision])
    // What we send was heard from nobody but our own store: a log of ours that we never had was lost here.
    if (cursor !== undefined && this.#view.channel !== 'down' && cursor.epoch !== head.epoch) {
      const epochs = await readEpochs(database)
      if (!epochs.has(cursor.epoch)) {
        await onEvidence({ from: 'peer', isOurs: true, witness: originWords(this.#context.peer), cursor })
        return factsFor(await tail.fresh(), this.#view, 'contradiction')
      }
    }
    const history = {
      epoch: head.epoch,
      head: head.revision,
      oldest: 0,
      epochs: new Set([head.epoch]),
      untried: false,
      tagAt: (epoch: string, revision: number) =>
        tags.find((row) => row.epoch === epoch && row.revision === revision)?.tag,
    }
    const reachesFrom = partial?.revision ?? cursor?.revision ?? 0
    const known = standingOf(cursor, history, { reachesFrom, logFrom: head.logFrom })
    // Another session has found out meanwhile that we were restored: nothing is said from here, whatever this one says.
    if (this.#isGlobalSending() && head.state !== 'ready') return factsFor(snapshot, this.#view, 'contradiction')
    if (
      known === 'foreign-epoch' &&
      cursor !== undefined &&
      (await this.#isOurLoss(furthestOf(cursor, partial, head), head.epoch))
    )
      return factsFor(await tail.fresh(), this.#view, 'contradiction')
    if (known !== 'contradiction' || cursor === undefined) return factsFor(snapshot, this.#view, known)
    // The peer was told of it by us, so it is we who were restored.
    const furthest = furthestOf(cursor, partial, head)
    await onEvidence({ from: 'peer', witness: originWords(this.#context.peer), cursor: furthest })
    return factsFor(await tail.fresh(), this.#view, known)
  }

  /**
   * A zone that has followed another log: that of a database in whose place ours stands, or it has moved, or it comes
   * late from before a recovery that is over: then it may know of what we had lost and have not heard of.
   */
  async #isOurLoss(cursor: Cursor, epoch: string): Promise<boolean> {
    const { database, tail, acks, onEvidence, onStranger } = this.#parts
    const { peer } = this.#context
    if (!this.#isGlobalSending()) return false
    if (!(await readEpochs(database)).has(cursor.epoch)) {
      // That others are in step, and that this one was, is learned from what they have acked.
      await acks.flush()
      const acked = (await ackedLogsOf(database, [peer])).get(peer)
      await onEvidence({ from: 'peer', acked, witness: originWords(peer), cursor })
    }
    const isLoss = (await tail.fresh()).head.epoch !== epoch
    if (!isLoss) onStranger(peer)
    return isLoss
  }

  #isGlobalSending(): boolean {
    return this.#parts.identity.role === 'global' && this.#context.channel === 'down'
  }

  async #changes(op: Extract<StoreOp, { op: 'changes' }>): Promise<LogPage> {
    const { database, tail, seen } = this.#parts
    const snapshot = await tail.reaching(seen())
    // What is remembered of the state may be older than the state.
    if (snapshot.head.state !== 'ready') mustBeShown((await tail.fresh()).head.state)
    const known = pageFrom(snapshot, this.#view, op)
    if (known !== undefined) return known
    return database.transaction('read', async (sql): Promise<LogPage> => {
      const head = await headOf(sql)
      mustBeShown(head.state)
      const toggled = this.#view.channel === 'down' ? await toggledOrigins(sql, op.from.revision) : []
      const { items, complete } = await logPage(sql, this.#view, { ...op, toggled })
      const last = items.at(-1)
      const page = { items: inPageOrder(items), epoch: head.epoch }
      return complete || last === undefined
        ? { ...page, through: endOf(head.revision), head: await this.#markAt(sql, head) }
        : { ...page, through: last.position }
    })
  }

  async #repair(op: Extract<StoreOp, { op: 'repair' }>): Promise<StoreResults['repair']> {
    const { database } = this.#parts
    const { followed, resourceType: type, buckets, entries } = op
    const end = followed === undefined ? undefined : await endOfEpoch(database, followed.epoch)
    const old = followed === undefined ? undefined : oldThrough(followed, { endOf: () => end })
    const parts = await repairParts(database, this.#view, { type, buckets, entries, oldThrough: old })
    // That something is not here is said only by a store that has all that it should have (EMPTY).
    if (parts.absent.length > 0) await this.#parts.checkNow()
    return parts
  }

  async #list(type: string): Promise<StoreResults['list']> {
    return this.#parts.database.transaction('read', async (sql) => {
      const head = await headOf(sql)
      mustBeShown(head.state)
      const offers = await wholeList(sql, this.#view, type)
      const digests = await readSeenDigests(sql)
      const said = this.#view.typeDigests(digests).find((row) => row.type === type)?.digest.count ?? 0
      // A Kuma obeys an empty list (EMPTY).
      if (offers.length === 0 && said > 0)
        throw new Problem(
          'unavailable',
          `0 rows for ${type}, digest says ${said}: no list is sent; holdfastctl status tells what was lost`,
        )
      return { offers, head: { cursor: cursorOf(head), digest: this.#view.digest(digests) } }
    })
  }

  async #markAt(sql: Sql, head: Head): Promise<Mark> {
    return { cursor: cursorOf(head), digest: this.#view.digest(await readSeenDigests(sql)) }
  }

  async #standing(): Promise<Standing> {
    const { peer, channel } = this.#context
    const { cursor, offered } = await readStanding(this.#parts.database, { peer, channel })
    return { cursor: cursor?.cursor, offered: offeredDigest(offered, channel, peer), partial: cursor?.partial }
  }

  async #offeredRows(sql: Sql) {
    const { peer, channel } = this.#context
    const rows = await readOffered(sql, channel)
    return rows.filter((row) => channel === 'down' || row.origin === peer)
  }

  async #dueRefusals(nowMs: number): Promise<StoreResults['due-refusals']> {
    const { peer, channel } = this.#context
    const due = await dueRefusals(this.#parts.database, { peer, channel, due: dueRefusal(nowMs), limit: dueMax })
    return [...new Set(due.map((row) => row.type))].map((resourceType) => ({
      resourceType,
      keys: due.filter((row) => row.type === resourceType).map((row) => wireKey(row.mesh, row.name)),
    }))
  }

  async #apply(
    batch: Batch,
    nowMs: number,
    signal: AbortSignal,
    traces: readonly string[] = [],
  ): Promise<StoreResults['apply']> {
    const { peer, channel } = this.#context
    const unit = batchUnit(batch, { peer, channel }, this.#options(nowMs))
    const size = batch.offers.length + batch.removals.length + batch.absent.length + 1
    const step: ProgressStep['step'] | undefined =
      batch.progress === undefined ? undefined : { kind: 'range', progress: batch.progress }
    const { value, proof } = await this.#submit(unit, size, step && { peer, channel, atMs: nowMs, step }, signal, {
      types: [batch.type],
      traces,
      wrote: ({ writtenRows }) => writtenRows > 0,
    })
    if (proof?.verified === true) await this.#proven()
    return { ...value, verified: proof?.verified, offered: proof?.offered }
  }

  async #verify(mark: Mark, signal: AbortSignal): Promise<StoreResults['verify']> {
    const { peer, channel } = this.#context
    const step = { peer, channel, atMs: this.#parts.nowMs(), step: { kind: 'verify', mark } } as const
    const { proof } = await this.#submit(nothing, 1, step, signal)
    if (proof === undefined) throw new Error('a mark was not compared')
    if (proof.verified) await this.#proven()
    return proof
  }

  async #proven(): Promise<void> {
    if (this.#context.channel === 'down') await this.#parts.onProven()
  }

  /** A small transaction of this session beside the log. */
  #fenced<T>(write: (sql: Sql) => Promise<T>): Promise<T> {
    const { peer } = this.#context
    return this.#parts.database.transaction('write', async (sql) => {
      const fence = this.#fence
      if (fence !== undefined && (await lockFences(sql, [fence.peer])).get(fence.peer) !== fence.fence)
        throw new Fenced(peer, fence.sessionId)
      return write(sql)
    })
  }

  #submit<T>(
    unit: Unit<T>,
    size: number,
    progress: ProgressStep | undefined,
    signal: AbortSignal,
    traced?: Work<T>['traced'],
  ) {
    const { peer, channel } = this.#context
    return this.#parts.writer.submit(
      { unit, size, fence: this.#fence, progress, hearing: `${channel} ${peer}`, traced },
      signal,
    )
  }

  #options(nowMs: number): PlanOptions {
    const { identity, hooks, thresholds } = this.#parts
    return { identity, nowMs, hooks, thresholds }
  }
}

async function headOf(sql: Sql): Promise<Head> {
  const head = await readHead(sql)
  if (head === undefined) throw new Error('store_head has no row')
  return head
}
