import { expect, test } from 'vitest'
import type { RecoveryItem } from './recover.js'
import { type RecoveryFacts, recoveryWaits, unheardBeside } from './recovery-end.js'

const back = { name: 'east', isKnown: true, connected: true, heard: true, inStep: true }
const item: RecoveryItem = {
  ...{ action: 'create', type: 'Mesh', mesh: '', name: 'shop', origin: '', witness: 'east', reason: '' },
  ...{ addresses: [], conflicts: [] },
}
const safe: RecoveryFacts = { zones: [back], conflicts: [], items: [] }

test.each<[string, RecoveryFacts, readonly RegExp[]]>([
  ['everybody is back and nothing differs', safe, []],
  ['what stays as it is here is no reason', { ...safe, items: [{ ...item, action: 'keep' }] }, []],
  ['no zone at all: no witness', { ...safe, zones: [] }, [/could say what was lost/]],
  [
    'nobody but a zone with a new store',
    { ...safe, zones: [{ ...back, isKnown: false }] },
    [/could say what was lost/],
  ],
  ['that one beside another', { ...safe, zones: [back, { ...back, name: 'west', isKnown: false }] }, []],
  ['one is away', { ...safe, zones: [back, { ...back, name: 'west', connected: false }] }, [/west is not back/]],
  ['one is connected and not heard', { ...safe, zones: [{ ...back, heard: false }] }, [/not said yet/]],
  ['its services are on the way', { ...safe, zones: [{ ...back, inStep: false }] }, [/still arriving/]],
  ['a conflict', { ...safe, conflicts: ['two have it'] }, [/two have it/]],
  ['something is missing here', { ...safe, items: [item, item] }, [/2 of global's resources.*Mesh "shop"/]],
])('EMPTY: a global that recovers waits while it is not safe: %s', (_, facts, reasons) => {
  const waits = recoveryWaits(facts)
  expect(waits.map(({ what }) => what)).toEqual(reasons.map((reason) => expect.stringMatching(reason)))
  expect(waits.every(({ next }) => next !== '')).toBe(true)
})

test('VIP-3: a zone that lost its store waits for all others to be heard, and not for itself', () => {
  const [west, south] = [
    { ...back, name: 'west', heard: false },
    { ...back, name: 'south', inStep: false },
  ]
  expect(unheardBeside('east', [{ ...back, heard: false }, south])).toEqual([])
  expect(unheardBeside('east', [back, { ...west, connected: false }, south])).toEqual(['west'])
})
