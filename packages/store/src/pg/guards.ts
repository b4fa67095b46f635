import type { GuardStore } from '../guards.js'
import { isHeldByHook } from '../plan/forms.js'
import { approveUnit, rejectUnit } from '../plan/hold-decisions.js'
import type { PlanOptions } from '../plan/local.js'
import type { Unit } from '../plan/unit.js'
import type { Database } from './sql.js'
import { openForms } from './statements/forms.js'
import { absentCounts, heldKeys, holdsById, lastHolds, openHolds, waitingForMeshes } from './statements/holds.js'
import { allReports, writeReport } from './statements/reports.js'
import { oldestRefused, refusedCounts } from './statements/sync-read.js'

export interface GuardParts {
  readonly database: Database
  readonly options: () => PlanOptions
  readonly run: <T>(unit: Unit<T>) => Promise<T>
}

/** Holds and reports on PostgreSQL. */
export const pgGuards = ({ database, options, run }: GuardParts): GuardStore => ({
  holds: (limit) => lastHolds(database, limit),
  hold: async (id) => (await holdsById(database, [id]))[0],
  heldKeys: (id, limit) => heldKeys(database, id, limit),
  approve: (request) => run(approveUnit(request, options())),
  reject: (request) => run(rejectUnit(request, options())),
  absent: () => absentCounts(database),
  waitingForMeshes: () => waitingForMeshes(database),
  noteReport: (report, sessionId) => writeReport(database, report, sessionId),
  // Not of one moment: whoever looks, looks again.
  exceptions: async (limit) => ({
    refused: await oldestRefused(database, limit),
    refusedCounts: await refusedCounts(database),
    holds: await openHolds(database),
    reports: await allReports(database),
    unpublished: (await openForms(database, limit)).filter(isHeldByHook),
  }),
  reports: () => allReports(database),
})
