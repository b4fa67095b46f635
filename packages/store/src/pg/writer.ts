import type { Cursor } from '@holdfast/kds'
import { Problem, problemOf } from '@holdfast/model'
import type { RevisionTraces, TracedWrite } from '@holdfast/tracing'
import { toldFrom } from '../asked-by.js'
import { isEmptyPlan } from '../plan/write-plan.js'
import { Stale } from './execute.js'
import { type Outcome, type Planned, planGroup, voided, type Written, writeGroup } from './group.js'
import { codeOf, type Database, LockedOut, together } from './sql.js'
import { type Head, lockHead, readHead } from './statements/head.js'
import { type Done, markOf, type Work } from './work.js'

export interface WriterOptions {
  readonly database: Database
  readonly nowMs: () => number
  /** A random tag, 16 hex digits. */
  readonly nextTag: () => string
  /** Throws a Problem `unavailable` while the database is not whole. */
  readonly check: () => void
  /** The newest position of the log that this process knows: it must still be in it. */
  readonly seen: () => Cursor
  readonly onCommitted: (cursor: Cursor) => void
  /** This process, in the hints that tell others of a commit; undefined: `onCommitted` tells them. */
  readonly mark?: string | undefined
  /** So many resources are new. */
  readonly onInserted?: ((rows: number) => void) | undefined
  /** Something may wait for a policy hook now. */
  readonly onForms?: (() => void) | undefined
  /** Told what was traced, before anybody can read it. */
  readonly traces?: Pick<RevisionTraces, 'note'> | undefined
  /** The log does not have what we know of it. The group is given up. */
  readonly onContradiction: (found: { readonly head: Head; readonly tag: string | undefined }) => Promise<void>
}

/** Changes in a group. More would make others wait; a request that is larger stands alone. */
const groupSizeMax = 500
const attemptsMax = 3
/** Requests that may wait. A caller beyond it is told to come back: the database is slower than they come. */
const queueMax = 10_000
const unavailableRetryMs = 100

interface Waiting {
  readonly work: Work<unknown>
  readonly signal: AbortSignal | undefined
  resolve(done: Done<unknown>): void
  reject(error: unknown): void
}

/**
 * Commits requests in groups: whatever has come while the last group was being written is the next one. Each group is
 * planned completely, then written in one short transaction that holds the head's row, so revisions are in commit order
 * and no reader of the log can miss one. A group that fails is taken apart, and only the culprit's caller hears of it.
 */
export class Writer {
  readonly #options: WriterOptions
  readonly #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** @throws Fenced if the request's session was superseded; whatever its unit throws; Problem `unavailable` */
  submit<T>(work: Work<T>, signal?: AbortSignal): Promise<Done<T>> {
    if (this.#closed) return Promise.reject(new Problem('unavailable', 'the store is closing'))
    try {
      if (work.mends !== true) this.#options.check()
    } catch (error) {
      return Promise.reject(error)
    }
    if (this.#queue.length >= queueMax)
      return Promise.reject(
        new Problem('unavailable', `${queueMax} writes are waiting for the database already; try again later`),
      )
    return new Promise<Done<T>>((resolve, reject) => {
      // The unit answers its own caller: what comes out is what its type says.
      this.#queue.push({
        work: { ...(work as Work<unknown>), unit: toldFrom<unknown>(work.unit) },
        signal,
        resolve: resolve as (done: Done<unknown>) => void,
        reject,
      })
      this.#running ??= this.#run()
    })
  }

  /** Writes what is waiting, then takes no more. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    // A turn of the loop: what comes together is written together.
    await new Promise((resolve) => setImmediate(resolve))
    for (let group = this.#take(); group.length > 0; group = this.#take()) await this.#commit(group)
    this.#running = undefined
  }

  #take(): readonly Waiting[] {
    const group: Waiting[] = []
    const marked = new Set<string>()
    let size = 0
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const { work, signal } = next
      if (signal?.aborted === true) {
        this.#queue.shift()
        next.reject(signal.reason)
        continue
      }
      // A mark speaks of what was said before it: the sum that it is compared with must not have more in it.
      if (work.hearing !== undefined && marked.has(work.hearing)) break
      if (group.length > 0 && size + work.size > groupSizeMax) break
      if (work.hearing !== undefined && work.progress !== undefined && markOf(work.progress) !== undefined)
        marked.add(work.hearing)
      this.#queue.shift()
      group.push(next)
      size += work.size
    }
    return group
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#commitTogether(group)
    } catch (error) {
      // Whoever stood behind this group has waited as long for the same lock: nobody waits for two of them in a row.
      if (error instanceof LockedOut) for (const waiting of this.#queue.splice(0)) waiting.reject(error)
      const [first] = group
      if (group.length === 1 && first !== undefined) first.reject(translated(error))
      else if (isUnavailable(error)) for (const waiting of group) waiting.reject(error)
      else for (const waiting of group) await this.#commit([waiting])
    }
  }

  async #commitTogether(group: readonly Waiting[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attempt(group, attempt)
        return
      } catch (error) {
        const again = error instanceof Stale || isConflict(error) || isUnavailable(error)
        if (!again || error instanceof LockedOut || attempt === attemptsMax) throw error
        if (isUnavailable(error)) await new Promise((resolve) => setTimeout(resolve, unavailableRetryMs))
      }
    }
  }

  /** The first attempt plans before it takes the lock; a later one plans under it, and so is sure to get through. */
  async #attempt(group: readonly Waiting[], attempt: number): Promise<void> {
    const { database, nowMs, nextTag, seen, mark, onCommitted, onContradiction } = this.#options
    const works = group.map((waiting) => waiting.work)
    const early = attempt === 1 ? await database.onOne((sql) => planGroup(sql, works, nowMs())) : undefined
    if (early !== undefined && (await this.#isDone(early, works))) {
      settle(group, early.outcomes, new Map())
      return
    }
    const known = seen()
    let noted: number | undefined
    const committed = await database
      .transaction('write', async (sql) => {
        const [locked, refused] = await together([lockHead(sql, known.revision), voided(sql, works)])
        if (contradicts(locked, known)) return { contradiction: locked }
        const rest = works.filter((work) => !refused.has(work))
        const isFresh = early !== undefined && early.head.writeSequence === locked.head.writeSequence
        const planned = isFresh && refused.size === 0 ? early : await planGroup(sql, rest, nowMs())
        const written = await writeGroup(sql, planned, { tag: nextTag(), nowMs: nowMs(), mark })
        const outcomes = new Map<Work<unknown>, Outcome>(planned.outcomes)
        for (const [work, error] of refused) outcomes.set(work, { ok: false, error })
        noted = this.#note(written, outcomes)
        const inserted = planned.plan.upserts.filter((write) => write.expectedRevision === undefined).length
        return { outcomes, written, inserted, hasForms: planned.plan.forms.length > 0 }
      })
      .catch((error: unknown) => {
        // Another one may take that revision.
        if (noted !== undefined) this.#options.traces?.note(noted, [])
        throw error
      })
    if (committed.contradiction !== undefined) {
      await onContradiction(committed.contradiction)
      throw new Problem('unavailable', 'the database is not what it was: holdfastctl status tells what was lost')
    }
    const { outcomes, written, inserted, hasForms } = committed
    this.#options.onInserted?.(inserted)
    if (written.cursor !== undefined) onCommitted(written.cursor)
    if (hasForms) this.#options.onForms?.()
    settle(group, outcomes, written.proofs)
  }

  /** @returns the revision that is noted now */
  #note({ cursor }: Written, outcomes: ReadonlyMap<Work<unknown>, Outcome>): number | undefined {
    const { traces } = this.#options
    if (traces === undefined || cursor === undefined) return undefined
    const writes: readonly TracedWrite[] = [...outcomes].flatMap(([{ traced }, outcome]) =>
      traced !== undefined && traced.traces.length > 0 && outcome.ok && traced.wrote(outcome.value) ? [traced] : [],
    )
    if (writes.length === 0) return undefined
    traces.note(cursor.revision, writes)
    return cursor.revision
  }

  /** Nothing to write, and nobody has written while we looked: no transaction is needed. */
  async #isDone({ head, plan, outcomes }: Planned, works: readonly Work<unknown>[]): Promise<boolean> {
    const writes = (work: Work<unknown>): boolean => work.progress !== undefined || work.also !== undefined
    if (works.some((work) => writes(work) && outcomes.get(work)?.ok === true)) return false
    return isEmptyPlan(plan) && (await readHead(this.#options.database))?.writeSequence === head.writeSequence
  }
}

/** What this process knows of the log must be in it: a head below it, or another tag there, is a restored backup. */
const contradicts = (
  { head, tag }: { readonly head: Head; readonly tag: string | undefined },
  known: Cursor,
): boolean => head.epoch === known.epoch && known.revision > 0 && (head.revision < known.revision || tag !== known.tag)

function settle(
  group: readonly Waiting[],
  outcomes: ReadonlyMap<Work<unknown>, Outcome>,
  proofs: Written['proofs'],
): void {
  for (const { work, resolve, reject } of group) {
    const outcome = outcomes.get(work)
    if (outcome === undefined) reject(new Error('a request was lost'))
    else if (outcome.ok) resolve({ value: outcome.value, proof: proofs.get(work) })
    else reject(outcome.error)
  }
}

const isUnavailable = (error: unknown): error is Problem => error instanceof Problem && error.kind === 'unavailable'

/** Integrity constraints, serialization failures, deadlocks: somebody was faster, or edited by hand. */
const isConflict = (error: unknown): boolean => /^(23|40)/.test(codeOf(error) ?? '')

const translated = (error: unknown): unknown => {
  if (error instanceof Stale)
    return new Problem('conflict', `the store was changed by hand meanwhile: ${error.message}`, { cause: error })
  if (isConflict(error))
    return new Problem(
      'conflict',
      `the database refused it: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    )
  return problemOf(error)
}
