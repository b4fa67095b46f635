import { Fenced } from '../plan/fenced.js'
import { authoredOf } from '../plan/forms.js'
import type { Returned, ReturnedRow, ReturnPage, ReturnSeen } from '../plan/index.js'
import {
  type Adoption,
  type AdoptRequest,
  addedReturns,
  adoptZoneUnit,
  type Decommission,
  type DecommissionRequest,
  decommissionUnit,
  type FederateRequest,
  type Federation,
  federateUnit,
  type JoinPlan,
  type JoinRequest,
  joinPlanUnit,
  type ReturnRules,
  returnDoneUnit,
  returnLedgerUnit,
  returnRestUnit,
  returnRowsUnit,
  returnRules,
  servingUnit,
} from '../plan/index.js'
import { nothingNeeded } from '../plan/loaded.js'
import { cursorText, tagText } from './image.js'
import type { MemoryStore } from './memory-store.js'

/** The return of a zone's rows on a store in memory: everything in one page. */
export function pageOf(store: MemoryStore, zone: string): ReturnPage {
  const { image } = store
  const received = image.cursors.get(cursorText({ peer: zone, channel: 'up', side: 'received' }))
  return {
    standing: {
      nowMs: store.nowMs(),
      isAdopted: image.zones.get(zone)?.owesReturn === true,
      cursor: received?.cursor,
      provenAtMs: received?.provenAtMs,
    },
    blocks: [...image.blocks.values()].filter((block) => block.owner === zone),
    ledger: [...image.ledger.values()].filter((row) => row.origin === zone && row.scope === 'canonical'),
    refused: [...image.refused.values()]
      .filter((row) => row.peer === zone && row.channel === 'up' && row.newcomer)
      .map(({ type, mesh, exportName }) => ({ type, mesh, name: exportName })),
    rows: [...image.rows.values()]
      .filter((row) => row.origin === zone)
      .map(authoredOf)
      .map(
        (row): ReturnedRow => ({
          type: row.type,
          mesh: row.mesh,
          name: row.exportName,
          labels: row.labels,
          typeUrl: row.typeUrl,
          spec: row.spec,
          status: row.status,
          deleted: row.deleted && row.audience !== 'suspended',
          deletedAtMs: row.deletedAtMs,
        }),
      ),
  }
}

/** The zone has it all: the next thing that it says is compared from the beginning. */
export const doneWith = (store: MemoryStore, zone: string, sessionId: string): void =>
  store.transaction(undefined, () => {
    if (store.image.fences.get(zone)?.sessionId !== sessionId) throw new Fenced(zone, sessionId)
    store.run(returnDoneUnit(zone, store.options(store.nowMs())))
    for (const [key, row] of store.image.cursors)
      if (row.peer === zone && row.side === 'received')
        store.image.cursors.set(key, { ...row, cursor: undefined, partial: undefined })
  })

const rulesFor = (store: MemoryStore, { standing }: ReturnPage): ReturnRules => {
  const { cursor } = standing
  const knows = cursor !== undefined && store.image.tags.get(tagText(cursor.epoch, cursor.revision)) === cursor.tag
  return returnRules(standing, knows, store.nowMs())
}

export function take(store: MemoryStore, page: ReturnPage): Returned {
  const options = store.options(store.nowMs())
  const rules = rulesFor(store, page)
  const ledger = store.run(returnLedgerUnit(page, options))
  return addedReturns(ledger, store.run(returnRowsUnit(page.rows, rules, options)))
}

export const finish = (store: MemoryStore, seen: ReturnSeen, last: ReturnPage): Returned =>
  store.transaction(undefined, () => {
    const options = store.options(store.nowMs())
    const rest = store.run(returnRestUnit(seen, rulesFor(store, last), options))
    store.image.initialised = true
    store.image.state = 'ready'
    store.image.reasons = []
    store.run(servingUnit(options))
    return rest
  })

export const begin = (store: MemoryStore, reason: string): void =>
  store.transaction(undefined, () => {
    store.image.state = 'recovering'
    store.image.reasons = [reason]
    store.run({
      needs: nothingNeeded,
      more: () => nothingNeeded,
      plan: (ws) =>
        ws.audit({
          atMs: store.nowMs(),
          actor: 'holdfast',
          action: 'began to recover',
          subject: 'the store',
          detail: { reason },
        }),
    })
  })

export const decommission = (store: MemoryStore, request: DecommissionRequest): Decommission =>
  store.transaction(undefined, () => {
    const report = store.run(decommissionUnit(request, store.options(store.nowMs())))
    if (report.changed && request.apply)
      for (const [key, row] of [...store.image.cursors]) if (row.peer === request.zone) store.image.cursors.delete(key)
    return report
  })

export const federate = (store: MemoryStore, request: FederateRequest): Federation =>
  store.run(federateUnit(request, store.options(store.nowMs())))

export const planJoin = (store: MemoryStore, request: JoinRequest): JoinPlan => store.run(joinPlanUnit(request))

export const adopt = (store: MemoryStore, request: AdoptRequest): Adoption =>
  store.run(adoptZoneUnit(request, store.options(store.nowMs())))
