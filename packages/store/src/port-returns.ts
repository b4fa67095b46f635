import type { Adoption, AdoptRequest } from './plan/adopt.js'
import type { Decommission, DecommissionRequest } from './plan/decommission.js'
import type { FederateRequest, Federation } from './plan/federate.js'
import type { JoinPlan, JoinRequest } from './plan/join-plan.js'
import type { Returned, ReturnPage, ReturnSeen } from './plan/returned.js'

/** What a zone whose store was lost or put back gets back from global, and whose a zone's name is. */
export interface ZoneReturns {
  /** Global: a page of what it keeps of a zone, after the place that the last page ended at; '' is the beginning. */
  page(zone: string, after: string): Promise<ReturnPage>
  /**
   * Global: the zone has stored all of it. What it says next is compared from the beginning.
   * @throws Fenced if the session is not the zone's newest
   */
  done(zone: string, sessionId: string): Promise<void>
  /** Zone: global keeps what this store does not have; `recovering` until it is back. */
  begin(reason: string): Promise<void>
  /** Zone: a page goes into the store; the same page again changes nothing. */
  take(page: ReturnPage): Promise<Returned>
  /** Zone: after the last page. Judges what global does not know of, then the store is ready and allocates again. */
  finish(seen: ReturnSeen, last: ReturnPage): Promise<Returned>
  /** Global: gives a zone's name and leases to another store, or tells what would happen. */
  adopt(request: AdoptRequest): Promise<Adoption>
  /** Global: takes a zone out of service for good, or tells what would happen. */
  decommission(request: DecommissionRequest): Promise<Decommission>
  /** Zone: what stands between it and its global after it ran by itself, or does what is needed. */
  federate(request: FederateRequest): Promise<Federation>
  /** Global: what would become of a zone that ran by itself, before it joins. Changes nothing. */
  planJoin(request: JoinRequest): Promise<JoinPlan>
}
