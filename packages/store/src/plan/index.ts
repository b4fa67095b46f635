export type { Absent } from './absence.js'
export { absenceUnit } from './absence.js'
export { type Adoption, type AdoptRequest, adoptZoneUnit, returnDoneUnit } from './adopt.js'
export { type Hearing, maySpeakFor, originOf } from './attribution.js'
export {
  isPausedReason,
  type Pause,
  type PauseRequest,
  pausedWords,
  pauseUnit,
  type ReadOnly,
  type ReadOnlyRequest,
  readOnlyUnit,
  readOnlyWords,
} from './brakes.js'
export { type Decommission, type DecommissionRequest, decommissionUnit } from './decommission.js'
export { entryOfOffer, entryOfRow, statusEntry } from './entries.js'
export { type FederateRequest, type Federation, federateUnit } from './federate.js'
export { Fenced } from './fenced.js'
export {
  authoredEntryOf,
  authoredOf,
  type Form,
  type FormState,
  type HookCover,
  isDamaged,
  isStale,
  isUnpublished,
  noHooks,
  versionOf,
} from './forms.js'
export { approveUnit, type HoldDecision, type HoldRequest, holdFate, rejectUnit } from './hold-decisions.js'
export { type HoldThreshold, type HoldThresholds, holdThresholdDefault } from './holds.js'
export {
  type ImportedVerdict,
  type ImportedVip,
  type ImportVips,
  importAddresses,
} from './import-vips.js'
export {
  type JoinFate,
  type JoiningService,
  type JoinPlan,
  type JoinRequest,
  type JoinVerdict,
  joinPlanUnit,
} from './join-plan.js'
export { changeProblem, type HookWork, type Judged, judgedUnit, sweptUnit, type Verdict, workOf } from './judged.js'
export { ownerText } from './keys.js'
export { type Learned, learnedTypesKey, learnUnit, type TypesOfPeer } from './learned-types.js'
export { demandOf, kindsOf, knownPools, type Leased, type LeaseRequest, leaseUnit } from './lease.js'
export { LeaseLost } from './lease-lost.js'
export type { BlockUse } from './ledger-set.js'
export { isNothing, type Loaded, mergedNeeds, nothingNeeded, type Vanishing, type ZoneFacts } from './loaded.js'
export { localUnit, type PlanOptions } from './local.js'
export { NotShown } from './not-shown.js'
export { addPoolUnit, type PoolAdded, type PoolAddition, type PoolsRequest, poolsUnit } from './pools.js'
export { afterMark, afterProgress, originOfLog } from './progress.js'
export {
  type RebuildFacts,
  type RebuildItem,
  type RebuildPlan,
  type ReleaseOutcome,
  rebuildChunkMax,
  rebuildPlan,
  rebuildUnit,
  releaseUnit,
} from './rebuild.js'
export { batchUnit, type Received } from './received.js'
export { type RecoverRequest, type RecoveryItem, recoverUnit, recoveryPlanUnit } from './recover.js'
export {
  type Evidence,
  furthestOf,
  type Judgement,
  judgeHistory,
  type LogHistory,
  oldThrough,
  standingOf,
  type WholeHistory,
} from './recovery.js'
export {
  openItems,
  type RecoveryFacts,
  type RecoveryWait,
  type ReturningZone,
  recoveryWaits,
  unheardBeside,
} from './recovery-end.js'
export { type Remembered, rememberUnit } from './remember.js'
export { type LastRepair, repairTurns } from './repairs.js'
export { returnLedgerUnit } from './return-ledger.js'
export { returnRestUnit } from './return-rest.js'
export { returnRowsUnit } from './return-rows.js'
export {
  addedReturns,
  nothingReturned,
  type Returned,
  type ReturnedRow,
  type ReturnPage,
  type ReturnRules,
  ReturnSeen,
  type ReturnStanding,
  returnRules,
} from './returned.js'
export { type RememberedRow, remembering, type Testimony, type Witness } from './testimony.js'
export type * from './types.js'
export type { Unit } from './unit.js'
export { adoptUnit, freeUnit, servingUnit, statusUnit } from './upkeep.js'
export { WorkingSet } from './working-set.js'
export { isEmptyPlan, takesRevision } from './write-plan.js'
export { type ZoneObject, zoneObjectsOf } from './zone-objects.js'
export { type Admission, admitUnit, enabledZone, firstStepUnit, planFirstStep } from './zones.js'
