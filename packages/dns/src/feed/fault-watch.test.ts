import type { ResourceKey } from '@holdfast/model'
import { expect, test } from 'vitest'
import { serviceKey } from '../table/served.js'
import { NameTable } from '../table/table.js'
import { FakeLog } from '../testing/fake-log.js'
import { defaultGenerators, type ServiceFacts, service } from '../testing/services.js'
import { checkedPerTurn, FaultWatch, faultsToldMax } from './fault-watch.js'

/** A store and what is answered from it, which a test makes differ. */
class Stand {
  readonly log = new FakeLog()
  readonly table = new NameTable('east', defaultGenerators())
  readonly ledger = new Map<string, readonly string[]>()
  asked = 0
  questions = 0
  readonly watch: FaultWatch

  constructor() {
    const store = {
      vip: {
        standing: async (keys: readonly ResourceKey[]) => {
          this.questions++
          this.asked += keys.length
          return keys.flatMap((key) => {
            const row = this.log.get(key)
            if (row === undefined) return []
            return [{ ...row, booked: this.ledger.get(row.displayName) ?? [] }]
          })
        },
      },
    }
    this.watch = new FaultWatch(store, () => this.table)
  }

  /** As it should be: row, ledger and answer the same. */
  put(facts: ServiceFacts): string {
    this.log.put(facts)
    this.table.put(service(facts))
    this.ledger.set(facts.name, service(facts).addresses)
    const key = serviceKey(service(facts))
    this.watch.note([key])
    return key
  }

  async turns(count: number): Promise<readonly string[]> {
    for (let i = 0; i < count; i++) await this.watch.turn()
    return this.watch.faults
  }
}

test('VIP-4: what is answered as ledger and store have it is no fault, and is looked at once', async () => {
  const stand = new Stand()
  stand.put({ name: 'web' })
  expect([await stand.turns(3), stand.asked, stand.watch.due]).toEqual([[], 1, 0])
})

test.each([
  [
    'another address',
    (s: Stand) => s.table.put(service({ name: 'web', addresses: ['241.9.9.9'] })),
    /DNS answers 241.9.9.9, the store has 241.16.0.1, fd00::1/,
  ],
  [
    'another ledger',
    (s: Stand) => s.ledger.set('web', ['241.9.9.9']),
    /DNS answers 241.16.0.1, fd00::1, the ledger has 241.9.9.9/,
  ],
  [
    'no row',
    (s: Stand) => s.log.lose({ name: 'web' }),
    /MeshService web of zone east in mesh default is answered and is not in the store/,
  ],
  [
    'no answer',
    (s: Stand) => s.table.remove(serviceKey(service({ name: 'web' }))),
    /is in the store and is not answered/,
  ],
])('VIP-4: %s is told at the second look, and no more once it is mended', async (_what, spoil, words) => {
  const stand = new Stand()
  const key = stand.put({ name: 'web' })
  spoil(stand)
  expect(await stand.turns(1)).toEqual([])
  expect(await stand.turns(1)).toEqual([expect.stringMatching(words)])
  expect(await stand.turns(5)).toHaveLength(1)
  stand.put({ name: 'web' })
  expect([await stand.turns(2), stand.watch.due]).toEqual([[], 0])
  expect(key).toContain('web')
})

test('ten thousand changes are looked at in turns, and a heartbeat has a bound', async () => {
  const stand = new Stand()
  for (let i = 0; i < 10 * checkedPerTurn; i++) stand.put({ name: `s${i}` })
  await stand.turns(1)
  expect([stand.questions, stand.asked, stand.watch.due]).toEqual([1, checkedPerTurn, 9 * checkedPerTurn])
  stand.ledger.clear()
  const faults = await stand.turns(20)
  expect(faults).toHaveLength(faultsToldMax + 1)
  expect(faults.at(-1)).toMatch(/^and \d+ more$/)
})
