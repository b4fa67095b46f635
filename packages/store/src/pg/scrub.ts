import type { HeldLease } from '../lease-port.js'
import { originWords, ownerOf, ownerText, ownerWords } from '../plan/keys.js'
import { judgeRow } from '../plan/scrub.js'
import type { LedgerRow, RoleIdentity, Row } from '../plan/types.js'
import type { ScrubFinding, ScrubStep } from '../port.js'
import { codeOf, type Database, type Sql } from './sql.js'
import { typeOrderOf } from './statements/columns.js'
import { lockHead } from './statements/head.js'
import { lockLease } from './statements/leases.js'
import { ledgerOfOwners } from './statements/ledger-read.js'
import {
  bucketsOfType,
  endOfPage,
  lockScrub,
  nextType,
  type Page,
  type ScrubRow,
  scrubLedger,
  scrubRows,
} from './statements/scrub-read.js'
import {
  addPage,
  book,
  bringUp,
  disbelieveStatus,
  forgetFindings,
  hasMended,
  mendDerived,
  mendSums,
  moveScrub,
  relabelRow,
  type WrongSum,
  writeFindings,
} from './statements/scrub-write.js'
import { mendCounts, type WrongCount, wrongCounts } from './statements/vip-read.js'

export interface ScrubOptions {
  readonly database: Database
  readonly identity: RoleIdentity
  readonly nowMs: number
  /** Rows in this step, about. */
  readonly rows: number
  /** No sooner than this after the last step of whatever process: two replicas scrub no faster than one. */
  readonly everyMs: number
  /** A new round begins no sooner than this after the last one began. */
  readonly roundEveryMs: number
  /** Done only while this is held. */
  readonly lease?: HeldLease | undefined
}

type Finding = Omit<ScrubFinding, 'sinceMs' | 'lastAtMs'>

const idle: ScrubStep = { rows: 0, found: [], roundEnded: false }

/**
 * One bounded step of the scrub, in one transaction under the lock of the head, like every write of the program. Rows
 * are mended first and summed up then, so that the sums at the end of a type are exactly those of its rows; what others
 * write behind the position is added by a trigger. Nothing here takes a revision: peers find out by their proofs.
 */
export async function scrubStep(options: ScrubOptions): Promise<ScrubStep> {
  const step = await scrubRowsStep(options)
  return step.roundEnded ? { ...step, found: [...step.found, ...(await scrubCounts(options))] } : step
}

/** What is counted on write, at the end of a round. Looked at without the lock; that is taken only where something is wrong. */
async function scrubCounts({ database, nowMs, lease }: ScrubOptions): Promise<readonly Finding[]> {
  if ((await wrongCounts(database)).length === 0) return []
  return database.transaction('write', async (sql) => {
    await lockHead(sql, 0)
    if (lease !== undefined) await lockLease(sql, lease)
    const { round } = await lockScrub(sql)
    const found = (await mendCounts(sql)).map(
      (count): Finding => ({ subject: count.what, problem: countWords(count), outcome: 'mended' }),
    )
    if (found.length === 0) return []
    // Found in the round that has just ended.
    await writeFindings(sql, found, round - 1, nowMs)
    await hasMended(sql)
    return found
  })
}

export const countWords = ({ said, counted }: WrongCount): string => `it said ${said}, and there are ${counted}`

async function scrubRowsStep(options: ScrubOptions): Promise<ScrubStep> {
  const { database, nowMs, everyMs, roundEveryMs, lease } = options
  return database.transaction('write', async (sql) => {
    await lockHead(sql, 0)
    if (lease !== undefined) await lockLease(sql, lease)
    const at = await lockScrub(sql)
    // A clock that was set back does not stop it.
    const wait = (since: number | undefined, ms: number): boolean =>
      since !== undefined && nowMs >= since && nowMs < since + ms
    if (wait(at.tickedAtMs, everyMs)) return idle
    const inLedger = at.ledgerAfter !== undefined
    if (at.type === '' && !inLedger) {
      if (wait(at.roundStartedAtMs, roundEveryMs)) return idle
      const type = await nextType(sql, '')
      const begun = { ...at, roundStartedAtMs: nowMs, tickedAtMs: nowMs, bucket: 0 }
      await moveScrub(sql, type === undefined ? { ...begun, ledgerAfter: [] } : { ...begun, type }, false)
      return idle
    }
    return inLedger ? ledgerStep(sql, at, options) : resourcesStep(sql, at, options)
  })
}

async function resourcesStep(sql: Sql, at: ScrubRow, options: ScrubOptions): Promise<ScrubStep> {
  const { nowMs } = options
  const page = { type: at.type, from: at.bucket, to: await endOfPage(sql, at.type, at.bucket, options.rows) }
  const { found, rows } = await scrubPage(sql, page, options)
  await addPage(sql, page)
  const ends = page.to >= bucketsOfType
  // From here on its rows are counted by the trigger no more.
  const wrong = ends ? await mendSums(sql, at.type) : []
  const all = [...found, ...wrong.map((sum) => sumFinding(at.type, sum))]
  const moved = { ...at, bucket: page.to, rows: at.rows + rows, tickedAtMs: nowMs }
  const type = ends ? await nextType(sql, at.type) : at.type
  const next = !ends
    ? moved
    : { ...moved, bucket: 0, type: type ?? '', ledgerAfter: type === undefined ? [] : undefined }
  if (all.length > 0) await writeFindings(sql, all, at.round, nowMs)
  await moveScrub(sql, next, all.length > 0)
  return { rows, found: all, roundEnded: false }
}

/** Looks at the rows of a page, and mends what can be. */
async function scrubPage(
  sql: Sql,
  page: Page,
  { identity, nowMs }: ScrubOptions,
): Promise<{ readonly rows: number; readonly found: readonly Finding[] }> {
  const stored = await scrubRows(sql, page)
  const live = stored.map(({ row }) => row).filter((row) => !row.deleted)
  const owners = live.filter((row) => row.vips !== undefined || row.pendingReason === undefined).map(ownerOf)
  const booked = new Map<string, LedgerRow[]>()
  for (const row of owners.length === 0 ? [] : await ledgerOfOwners(sql, owners))
    if (row.scope === 'canonical' && row.state === 'active')
      booked.set(ownerText(row), [...(booked.get(ownerText(row)) ?? []), row])
  const found: Finding[] = []
  const typeOrder = typeOrderOf(page.type)
  for (const each of stored) {
    const ledger = booked.get(ownerText(ownerOf(each.row))) ?? []
    const judgement = judgeRow(each, { ...each, identity, typeOrder, ledger })
    if (judgement.problems.length === 0) continue
    const { problems, derived, altered, relabel, statusAltered, stray, book: books, alarm } = judgement
    const { row } = each
    // Two rows that claim one name: the constraint stands, and the row is told as it is.
    const isMended = derived === undefined || (await attempted(sql, () => mendDerived(sql, row, derived)))
    if (relabel !== undefined) await relabelRow(sql, row, relabel)
    if (statusAltered) await disbelieveStatus(sql, row)
    if (stray === true) await bringUp(sql, row)
    const isBooked = books !== true || (await book(sql, ownerOf({ ...row, ...derived }), row.vips, nowMs))
    const isAsked = altered || statusAltered || stray === true
    found.push({
      subject: subjectOf(row),
      problem: problems.join('; '),
      outcome: isAsked ? 'asked' : alarm || !isBooked || !isMended ? 'alarm' : 'mended',
    })
  }
  return { rows: stored.length, found }
}

/** @returns false if the database did not take it; the rest of the transaction stands */
async function attempted(sql: Sql, mend: () => Promise<void>): Promise<boolean> {
  await sql.run('before a mend', 'savepoint mend')
  try {
    await mend()
    await sql.run('after a mend', 'release savepoint mend')
    return true
  } catch (error) {
    if (!/^23/.test(codeOf(error) ?? '')) throw error
    await sql.run('no mend', 'rollback to savepoint mend')
    return false
  }
}

async function ledgerStep(sql: Sql, at: ScrubRow, options: ScrubOptions): Promise<ScrubStep> {
  const { nowMs } = options
  const after = at.ledgerAfter?.length === 0 ? undefined : at.ledgerAfter
  const { rows, last, orphans } = await scrubLedger(sql, after, options.rows)
  const found = orphans.map(
    (owner): Finding => ({
      subject: `VIP of ${ownerWords(owner)}`,
      problem: 'the ledger says that it is active, and there is no such service',
      // A copy that was lost is missing in what was offered as well, and comes back.
      outcome: owner.origin === options.identity.name ? 'alarm' : 'asked',
    }),
  )
  const roundEnded = last === undefined
  if (found.length > 0) await writeFindings(sql, found, at.round, nowMs)
  if (roundEnded) await forgetFindings(sql, at.round)
  const moved = { ...at, ledgerAfter: last, rows: at.rows + rows, tickedAtMs: nowMs }
  await moveScrub(sql, roundEnded ? { ...moved, round: at.round + 1, roundEndedAtMs: nowMs } : moved, false)
  return { rows, found, roundEnded }
}

const subjectOf = ({ type, mesh, name, origin }: Row): string =>
  `${type} "${name}"${mesh === '' ? '' : ` in mesh "${mesh}"`} of ${originWords(origin)}`

function sumFinding(type: string, { part, origin, audience, said, counted }: WrongSum): Finding {
  const of = audience === '' ? part : `${part}, audience ${audience}`
  return {
    subject: `digest of ${type} of ${originWords(origin)} (${of})`,
    problem:
      said === counted
        ? `its sum was not that of the ${counted} rows`
        : `it said ${said} rows, and there are ${counted}`,
    outcome: 'mended',
  }
}
