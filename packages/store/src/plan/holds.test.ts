import { expect, test } from 'vitest'
import { type Absence, holdId, holdReason } from './holds.js'

const absence = (
  over: Partial<Absence> & { readonly live?: number; readonly vanished?: number; readonly kept?: number },
): Absence => {
  const { live = 100, vanished = 0, kept = 0, ...rest } = over
  const counts = { type: 'MeshService', origin: 'east', live, vanished, kept, keptLately: kept }
  return { type: 'MeshService', origin: 'east', going: 1, sameEpoch: true, wholeList: false, ...rest, counts }
}

const own = { MeshService: { count: 5, share: 0.3 }, default: { count: 0, share: 0 } }

test.each([
  ['one of many goes', absence({}), undefined],
  ['ten of twenty go: the smaller bound is a number', absence({ going: 10, live: 20 }), undefined],
  ['eleven of twenty are held', absence({ going: 11, live: 20 }), /11 of 20 .* at most 10/],
  ['a fifth of a hundred goes', absence({ going: 20 }), undefined],
  ['more than a fifth is held', absence({ going: 21 }), /21 of 100 .* at most 20/],
  ['what went in the last minutes counts', absence({ going: 6, live: 45, vanished: 5 }), /11 of 50 .* at most 10/],
  ['what is held already has vanished as well', absence({ going: 6, live: 50, kept: 5 }), /11 of 50 .* at most 10/],
  ['a type has a threshold of its own', absence({ going: 30, thresholds: own }), undefined],
  ['and it is one', absence({ going: 31, thresholds: own }), /31 of 100 .* at most 30/],
  [
    'the others have the one that was set for them',
    absence({ type: 'MeshTimeout', thresholds: own }),
    /1 of 100 .* at most 0/,
  ],
  ['no threshold lets a mesh go', absence({ type: 'Mesh', thresholds: { Mesh: { count: 9, share: 1 } } }), /explicit/],
  ['nor a whole list', absence({ going: 2, live: 2, wholeList: true, thresholds: own }), /empty list/],
  ['another log proves nothing', absence({ sameEpoch: false }), /change of the sender's log/],
  ['a mesh is never deleted by absence', absence({ type: 'Mesh' }), /a mesh is deleted only by an explicit removal/],
  ['a whole list is never deleted by absence', absence({ going: 2, live: 2, wholeList: true }), /empty list/],
])('EMPTY, HOLD: %s', (_, given, reason) => {
  if (reason === undefined) expect(holdReason(given)).toBeUndefined()
  else expect(holdReason(given)).toMatch(reason)
})

test('a hold is named by a UUID of its peer, type, origin and moment', () => {
  const id = holdId('east', 'MeshService', 'east', 1)
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(holdId('east', 'MeshService', 'east', 1)).toBe(id)
  expect(new Set([id, holdId('west', 'MeshService', 'east', 1), holdId('east', 'MeshService', 'east', 2)]).size).toBe(3)
})
