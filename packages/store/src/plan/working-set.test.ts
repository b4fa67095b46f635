import { expect, test } from 'vitest'
import { deleteOf, offerOf, putService, service, serviceKey } from '../conformance/fixtures.js'
import { emptyImage } from '../memory/image.js'
import { LiveImage } from '../memory/live-image.js'
import { loadNeeds } from '../memory/load.js'
import { batchUnit, isEmptyPlan, localUnit, takesRevision, type Unit, WorkingSet } from './index.js'

const identity = { role: 'zone', name: 'east', storeId: '11111111-2222-4333-8444-555555555555' } as const
const options = { identity, nowMs: 1_000 }
const image = new LiveImage(emptyImage('a'.repeat(32)))
const actor = 'test'

/** Plans units one after another on one working set that was loaded for all of them. */
function planned(...units: readonly Unit<unknown>[]) {
  const ws = new WorkingSet(identity, loadNeeds(units[0]?.needs ?? never(), image, identity, options.nowMs))
  for (const unit of units) ws.load(loadNeeds(unit.needs, image, identity, options.nowMs))
  for (const unit of units) unit.plan(ws)
  return ws.toWritePlan(options.nowMs)
}

const never = (): never => {
  throw new Error('no unit')
}

const apply = (atomic: boolean, ...changes: Parameters<typeof localUnit>[0]['changes']) =>
  localUnit({ changes, atomic, actor }, options)

test('a later unit sees the earlier one, and a row is written once', () => {
  const plan = planned(
    apply(true, putService('web')),
    apply(true, putService('web', { port: 81 })),
    apply(true, putService('api')),
  )
  expect(plan.upserts.map(({ name, expectedRevision }) => [name, expectedRevision])).toEqual([
    ['web', undefined],
    ['api', undefined],
  ])
  expect(Buffer.from(plan.upserts[0]?.row.spec ?? []).toString()).toContain('81')
})

test('what is made and deleted in one group is never written', () => {
  const plan = planned(apply(true, putService('web')), apply(true, deleteOf(serviceKey('web'))))
  expect({ upserts: plan.upserts, tombstones: plan.tombstones }).toEqual({ upserts: [], tombstones: [] })
})

test('an atomic request that is refused leaves nothing to the units after it', () => {
  const refused = apply(true, putService('web'), putService('api', { mesh: 'shop' }))
  expect(isEmptyPlan(planned(refused))).toBe(true)
  const plan = planned(refused, apply(true, putService('web', { port: 82 })))
  expect(plan.upserts.map(({ name }) => name)).toEqual(['web'])
  expect(plan.audit).toHaveLength(1)
})

test('a unit that throws leaves nothing to the units after it', () => {
  const good = service({ name: 'web', zone: 'west' })
  const bad = service({ name: 'api', zone: 'west', vips: { addresses: ['not an address'], generation: 0 } })
  const batch = { type: 'MeshService', offers: [good, bad].map(offerOf), removals: [], absent: [] }
  const unit = batchUnit(batch, { channel: 'down', peer: '' }, options)
  const ws = new WorkingSet(identity, loadNeeds(unit.needs, image, identity, options.nowMs))
  expect(() => unit.plan(ws)).toThrow('not an address')
  expect(isEmptyPlan(ws.toWritePlan(options.nowMs))).toBe(true)
})

test('a refusal is remembered without a place in the log', () => {
  const forged = { ...service({ name: 'web', zone: 'west' }), name: 'web-0000000000000000' }
  const batch = { type: 'MeshService', offers: [offerOf(forged)], removals: [], absent: [] }
  const plan = planned(batchUnit(batch, { channel: 'down', peer: '' }, options))
  expect(plan.refused).toHaveLength(1)
  expect(takesRevision(plan)).toBe(false)
})
