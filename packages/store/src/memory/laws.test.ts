import type { Batch, StoreOp, SyncChannelStore } from '@holdfast/kds'
import { zoneLabel } from '@holdfast/model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attr, dur, eq, type Law, own, vip1, vip2, vip5 } from './laws.js'
import { allBatches, type Bugs, type Move, schemaOnly, World } from './world.js'

const zone = fc.constantFrom('east', 'west')
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
const channel = fc.constantFrom('up', 'down')
const batches = fc.integer({ min: 0, max: 6 })
const sync = fc.record({
  move: fc.constant('sync'),
  zone,
  channel,
  batches: fc.oneof(batches, fc.constant(allBatches)),
})

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: fc.constant('put'), zone, name, spec: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('delete'), zone, name }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('lease'), zone }) },
  { weight: 6, arbitrary: sync },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('torn'), zone, channel, batches }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('mesh'), there: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('forge'), zone, name }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('readdress'), zone, name }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('supersede'), zone }) },
)

/** Every history keeps the law, at each of its moments. The seed is fixed: a failure is the same one for everybody. */
function holds(lawOf: () => Law, bugs: Bugs = {}, numRuns = 100): void {
  fc.assert(
    fc.property(fc.array(move, { minLength: 5, maxLength: 40 }), (moves) => {
      const world = new World(bugs)
      const law = lawOf()
      for (const one of moves) {
        world.do(one)
        const wrong = law(world)
        if (wrong.length > 0) throw new Error(wrong.join('; '))
      }
    }),
    { seed: 20_261_121, numRuns },
  )
}

/** The law itself has to say what is wrong: a plan that trips over a bug proves nothing. */
const isCaught = (lawOf: () => Law, bugs: Bugs, saying: RegExp): void => {
  let found = ''
  try {
    holds(lawOf, bugs, 300)
  } catch (error) {
    found = `${error} ${error instanceof Error ? error.cause : ''}`
  }
  expect(found).toMatch(saying)
}

/** A receiver that does something else with what it is handed. */
const tampering =
  (change: (batch: Batch) => Batch): NonNullable<Bugs['receiver']> =>
  (channel) => ({
    perform: <O extends StoreOp>(op: O) => channel.perform(op.op === 'apply' ? { ...op, batch: change(op.batch) } : op),
  })

describe('laws of the plans, and a planted bug for each', () => {
  test('VIP-1: one owner per address, one address per owner', () => holds(() => vip1))
  test('VIP-1 notices a witness that does not look who has the address', () => {
    isCaught(() => vip1, { zone: { loaded: (loaded) => ({ ...loaded, ledger: [] }) } }, /would have two owners/)
  })

  test('VIP-2: an address moves only when its generation is raised', () => holds(vip2))
  test('VIP-2 notices a witness that forgets what it knew of the owner', () => {
    isCaught(vip2, { global: { loaded: (loaded) => ({ ...loaded, ledger: [] }) } }, /moved from/)
  })
  test('VIP-2 notices an allocator that gives out the next free address', () => {
    let next = 0
    isCaught(
      vip2,
      {
        zone: {
          plan: (plan) => ({
            ...plan,
            ledgerTombstones: [],
            ledgerRevivals: [],
            ledgerFreed: [...plan.ledgerFreed, ...plan.ledgerTombstones.map((row) => ({ ...row, family: 4 as const }))],
            ledgerInserts: plan.ledgerInserts.map((row) => {
              next++
              return { ...row, address: `241.16.0.${(next % 14) + 1}` }
            }),
          }),
        },
      },
      /moved from/,
    )
  })

  test('VIP-5: no service without its VIP, no VIP without its service', () => holds(() => vip5))
  test('VIP-5 notices a VIP that is written a transaction later', () => {
    isCaught(() => vip5, { zone: { plan: (plan) => ({ ...plan, ledgerInserts: [] }) } }, /the ledger has nothing/)
  })
  test('VIP-5 notices a removal that leaves the ledger alone', () => {
    isCaught(
      () => vip5,
      { global: { plan: (plan) => ({ ...plan, ledgerTombstones: [] }) } },
      /in the ledger and is not there/,
    )
  })

  test('EQ, UNKNOWN: after a complete sync holds and refusals are all that differs, to the byte', () => holds(() => eq))
  test('EQ notices a removal that is lost', () => {
    isCaught(
      () => eq,
      { receiver: tampering((batch) => ({ ...batch, removals: [], absent: [] })) },
      /not in step after a complete sync/,
    )
  })
  test('EQ notices refusals that are not remembered', () => {
    isCaught(
      () => eq,
      { global: { plan: (plan) => ({ ...plan, refused: [], offered: [] }) } },
      /not in step after a complete sync/,
    )
  })
  test('UNKNOWN notices a receiver that keeps the fields of its schema only', () => {
    isCaught(
      () => eq,
      {
        receiver: tampering((batch) => ({
          ...batch,
          offers: batch.offers.map((offer) =>
            offer.resource.type === 'MeshService'
              ? { ...offer, resource: { ...offer.resource, spec: schemaOnly(offer.resource.spec) } }
              : offer,
          ),
        })),
      },
      /not in step after a complete sync/,
    )
  })

  test('ATTR: what global keeps of a zone was said by that zone', () => holds(() => attr))
  test('ATTR notices a receiver that believes the payload', () => {
    isCaught(() => attr, { receiver: believing }, /which never said so/)
  })

  test('DUR: what lies behind a cursor is there, whenever power is lost', () => holds(() => dur))
  test('DUR notices a cursor that is written before its data', () => {
    isCaught(() => dur, { receiver: cursorFirst }, /lies behind the cursor/)
  })

  test('OWN: a superseded session has no effects', () => holds(() => own))
  test('OWN notices a fence that nobody looks at', () => {
    isCaught(() => own, { withoutFence: true }, /an older session of \w+ wrote/)
  })
})

/** Takes the zone from the payload: what a zone says of another one is kept as that one's. */
const believing: NonNullable<Bugs['receiver']> = (channel, context, store): SyncChannelStore => ({
  perform: <O extends StoreOp>(op: O) => {
    const claimed = op.op === 'apply' ? op.batch.offers[0]?.resource.labels[zoneLabel] : undefined
    return claimed === undefined || context.channel !== 'up'
      ? channel.perform(op)
      : store.channel({ channel: 'up', peer: claimed }).perform(op)
  },
})

/** Two transactions: the position, then what it speaks of. */
const cursorFirst: NonNullable<Bugs['receiver']> = (channel): SyncChannelStore => ({
  perform: <O extends StoreOp>(op: O) => {
    if (op.op !== 'apply' || op.batch.progress === undefined) return channel.perform(op)
    const { progress, ...data } = op.batch
    const position = { type: '', offers: [], removals: [], absent: [], progress: { ...progress, mark: undefined } }
    channel.perform({ op: 'apply', batch: position, nowMs: op.nowMs })
    return channel.perform({ ...op, batch: { ...data, progress } })
  },
})
