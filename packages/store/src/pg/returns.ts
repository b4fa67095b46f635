import { adoptZoneUnit, returnDoneUnit } from '../plan/adopt.js'
import { decommissionUnit } from '../plan/decommission.js'
import { federateUnit } from '../plan/federate.js'
import { Fenced } from '../plan/fenced.js'
import { joinPlanUnit } from '../plan/join-plan.js'
import { nothingNeeded } from '../plan/loaded.js'
import type { PlanOptions } from '../plan/local.js'
import { returnLedgerUnit } from '../plan/return-ledger.js'
import { returnRestUnit } from '../plan/return-rest.js'
import { returnRowsUnit } from '../plan/return-rows.js'
import { addedReturns, type ReturnPage, type ReturnRules, type ReturnStanding, returnRules } from '../plan/returned.js'
import type { RoleIdentity } from '../plan/types.js'
import type { Unit } from '../plan/unit.js'
import { servingUnit } from '../plan/upkeep.js'
import type { ZoneReturns } from '../port-returns.js'
import { firstPlace, fitting, ledgerMax, type Place, placeOf, placeText, rowsMax } from '../returns/place.js'
import type { Acks } from './acks.js'
import { type Database, timestamp } from './sql.js'
import { readHead, setState, tagsAt } from './statements/head.js'
import {
  blocksOfZone,
  dropCursors,
  fenceOf,
  forgetCursors,
  ledgerOfZone,
  refusedOfZone,
  rowsOfZone,
} from './statements/returns.js'
import { cursorsOf, zoneFacts } from './statements/sync-read.js'
import type { Writer } from './writer.js'

export interface ReturnsParts {
  readonly database: Database
  readonly writer: Writer
  readonly acks: Acks
  readonly identity: RoleIdentity
  readonly nowMs: () => number
}

/** The return of a zone's rows, and whose name it is, on PostgreSQL. */
export const pgReturns = ({ database, writer, acks, identity, nowMs }: ReturnsParts): ZoneReturns => {
  const options = (): PlanOptions => ({ identity, nowMs: nowMs() })
  const run = async <T>(unit: Unit<T>): Promise<T> => (await writer.submit({ unit, size: rowsMax })).value

  const standingOf = async (zone: string): Promise<ReturnStanding> => {
    const [cursor] = await cursorsOf(database, [{ peer: zone, channel: 'up' }])
    const [facts] = await zoneFacts(database, [zone], nowMs())
    return {
      nowMs: nowMs(),
      isAdopted: facts?.owesReturn === true,
      ...(cursor?.cursor === undefined ? {} : { cursor: cursor.cursor }),
      ...(cursor?.provenAtMs === undefined ? {} : { provenAtMs: cursor.provenAtMs }),
    }
  }

  const rulesFor = async ({ standing }: ReturnPage): Promise<ReturnRules> => {
    const { cursor } = standing
    const tags = cursor === undefined ? [] : await tagsAt(database, [cursor.revision])
    const knows = tags.some((row) => row.epoch === cursor?.epoch && row.tag === cursor.tag)
    return returnRules(standing, knows, nowMs())
  }

  return {
    page: async (zone, after) => {
      const place = placeOf(after)
      const standing = await standingOf(zone)
      const isFirst = after === ''
      const base = {
        standing,
        blocks: isFirst ? await blocksOfZone(database, zone) : [],
        refused: isFirst ? await refusedOfZone(database, zone) : [],
        ledger: [],
        rows: [],
      }
      return place.part === 'ledger'
        ? { ...base, ...(await ledgerPart(database, zone, place)) }
        : { ...base, ...(await rowsPart(database, zone, place)) }
    },

    done: async (zone, sessionId) => {
      const fence = await fenceOf(database, zone, sessionId)
      if (fence === undefined) throw new Fenced(zone, sessionId)
      await writer.submit({
        unit: returnDoneUnit(zone, options()),
        size: 1,
        fence: { peer: zone, sessionId, fence },
        also: (sql) => forgetCursors(sql, zone),
      })
    },

    begin: async (reason) => {
      await writer.submit({
        unit: noted('began to recover', reason, options()),
        size: 1,
        also: (sql) => setState(sql, { state: 'recovering', reasons: [reason] }),
      })
    },

    take: async (page) => {
      const rules = await rulesFor(page)
      const ledger = await run(returnLedgerUnit(page, options()))
      return addedReturns(ledger, await run(returnRowsUnit(page.rows, rules, options())))
    },

    finish: async (seen, last) => {
      const rest = await run(returnRestUnit(seen, await rulesFor(last), options()))
      const head = await readHead(database)
      await writer.submit({
        unit: noted('recovery finished', 'global has returned what it keeps of this zone', options()),
        size: 1,
        also: (sql) =>
          setState(sql, {
            state: 'ready',
            reasons: [],
            ...(head?.initialised === true ? {} : { initialisedAt: timestamp(nowMs()) }),
          }),
      })
      await run(servingUnit(options()))
      return rest
    },

    adopt: (request) => run(adoptZoneUnit(request, options())),

    federate: (request) => run(federateUnit(request, options())),

    planJoin: (request) => run(joinPlanUnit(request)),

    decommission: async (request) => {
      // What it had acked is forgotten with it, and must not be written afterwards.
      await acks.flush()
      const { value } = await writer.submit({
        unit: decommissionUnit(request, options()),
        size: rowsMax,
        also: async (sql, { changed }) => {
          if (changed && request.apply) await dropCursors(sql, request.zone)
        },
      })
      return value
    },
  }
}

const noted = (action: string, reason: string, { nowMs }: PlanOptions): Unit<null> => ({
  needs: nothingNeeded,
  more: () => nothingNeeded,
  plan: (ws) => {
    ws.audit({ atMs: nowMs, actor: 'holdfast', action, subject: 'the store', detail: { reason } })
    return null
  },
})

async function ledgerPart(
  database: Database,
  zone: string,
  place: Place,
): Promise<Pick<ReturnPage, 'ledger' | 'next'>> {
  const ledger = await ledgerOfZone(database, zone, place.after, ledgerMax)
  const last = ledger.at(-1)
  if (last === undefined || ledger.length < ledgerMax) return { ledger, next: placeText({ part: 'rows', after: [] }) }
  const { kind, mesh, namespace, displayName, family } = last
  return { ledger, next: placeText({ ...firstPlace, after: [kind, mesh, namespace, displayName, String(family)] }) }
}

async function rowsPart(database: Database, zone: string, place: Place): Promise<Pick<ReturnPage, 'rows' | 'next'>> {
  const found = await rowsOfZone(database, zone, place.after, rowsMax)
  const rows = fitting(found, ({ spec, status, labels }) => spec.length + (status?.length ?? 0) + sizeOf(labels))
  const last = rows.at(-1)
  const isLast = last === undefined || (rows.length === found.length && found.length < rowsMax)
  return {
    rows: rows.map(({ storedName: _, ...row }) => row),
    ...(isLast ? {} : { next: placeText({ part: 'rows', after: [last.type, last.mesh, last.storedName] }) }),
  }
}

const sizeOf = (labels: Readonly<Record<string, string>>): number =>
  Object.entries(labels).reduce((sum, [key, value]) => sum + key.length + value.length, 64)
