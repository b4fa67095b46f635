import { describe, expect, test } from 'vitest'
import { type RebuildFacts, rebuildPlan } from './rebuild.js'
import type { HistoryRow, LedgerRow, Owner } from './types.js'

const owner = (displayName: string): Owner => ({
  ...{ kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName },
})
const row = (name: string, address: string): LedgerRow => ({
  ...owner(name),
  ...{ scope: 'canonical', family: 4, address, generation: 0, state: 'active', allocatedAtMs: 1 },
})
const service = (name: string, ...addresses: readonly string[]): RebuildFacts['services'][number] => ({
  ...{ type: 'MeshService', mesh: 'default', name, origin: 'east', namespace: '', displayName: name },
  ...(addresses.length === 0 ? {} : { vips: { addresses, generation: 0 } }),
})
const event = (name: string, address: string, what: HistoryRow['event']): HistoryRow => ({
  ...row(name, address),
  ...{ event: what, atMs: 7, revision: 3, why: '' },
})
const none: RebuildFacts = { services: [], ledger: [], history: [] }

const said = (facts: Partial<RebuildFacts>) => {
  const { restore, conflicts } = rebuildPlan({ ...none, ...facts })
  return {
    restore: restore.map((item) => `${item.displayName} ${item.address} ${item.state}: ${item.witness}`),
    conflicts,
  }
}
const nothing = { restore: [], conflicts: [] }

describe('VIP-2: what a ledger that has lost rows gets back', () => {
  test.each<[string, Partial<RebuildFacts>, ReturnType<typeof said>]>([
    [
      'nothing where all is there',
      { services: [service('web', '241.16.0.1')], ledger: [row('web', '241.16.0.1')] },
      nothing,
    ],
    [
      'what a living service serves, before what the history says of it',
      { services: [service('web', '241.16.0.1')], history: [event('web', '241.16.0.9', 'allocated')] },
      { restore: ['web 241.16.0.1 active: the service itself'], conflicts: [] },
    ],
    [
      'what the history says of a service that has lost its VIP',
      { services: [service('web')], history: [event('web', '241.16.0.9', 'revived')] },
      { restore: ['web 241.16.0.9 active: the history'], conflicts: [] },
    ],
    [
      'what rests for one that is gone, even if nobody has noted its end',
      { history: [event('gone', '241.16.0.2', 'tombstoned'), event('lost', '241.16.0.3', 'allocated')] },
      {
        restore: ['gone 241.16.0.2 tombstoned: the history', 'lost 241.16.0.3 tombstoned: the history'],
        conflicts: [],
      },
    ],
    ['nothing of what was freed', { history: [event('gone', '241.16.0.2', 'freed')] }, nothing],
  ])('%s', (_, facts, expected) => {
    expect(said(facts)).toEqual(expected)
  })

  test('VIP-1: an address that stands with another is a conflict, and the ledger stays', () => {
    expect(said({ services: [service('web', '241.16.0.1')], ledger: [row('cart', '241.16.0.1')] })).toEqual({
      restore: [],
      conflicts: [expect.stringMatching(/241\.16\.0\.1 for MeshService "web".*"cart".* has it/)],
    })
    expect(said({ services: [service('web', '241.16.0.1')], ledger: [row('web', '241.16.0.7')] }).conflicts).toEqual([
      expect.stringMatching(/"web".* serves 241\.16\.0\.1, the ledger has 241\.16\.0\.7/),
    ])
    const twice = said({ services: [service('a', '241.16.0.1'), service('b', '241.16.0.1')] })
    expect(twice).toEqual({
      restore: ['a 241.16.0.1 active: the service itself'],
      conflicts: [expect.stringContaining('"a"')],
    })
  })
})
