import type { LedgerRow } from '@holdfast/store'
import { expect, test } from 'vitest'
import { LawBroken } from './broken.js'
import { AddressBook } from './ledger-laws.js'

const at = (displayName: string, address: string): LedgerRow => ({
  ...{ scope: 'canonical', family: 4, address, state: 'active', generation: 0, allocatedAtMs: 0 },
  ...{ kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName },
})
const [web, log] = [at('web', '241.64.0.1'), at('log', '241.64.0.2')]

/** East gave "log" an address, global heard of it, and east was put back to before that. */
function comesBackWith(
  rows: readonly LedgerRow[],
  { isUnnoticed, tookBack }: { readonly isUnnoticed: boolean; readonly tookBack?: readonly LedgerRow[] },
): () => void {
  const book = new AddressBook()
  for (const store of ['east', ''])
    book.follow(
      store,
      [web, log].map((after) => ({ key: after.address, before: undefined, after })),
      0,
    )
  const history = [{ ...web, event: 'allocated', atMs: 0, revision: 1, why: '' }] as const
  book.putBack('east', { before: [web, log], now: [web], history, elsewhere: [web, log] }, ['east'], 1)
  if (tookBack !== undefined) {
    book.tookBack('east', tookBack)
    book.goesOn('east')
  }
  return () => book.comesBack('east', rows, isUnnoticed, 2)
}

test('VIP-3: an address that a zone has lost may go to another owner if nothing tells it so, and no other address may', () => {
  const taken = [web, at('api', log.address)]
  expect(comesBackWith(taken, { isUnnoticed: false })).toThrow(LawBroken)
  expect(comesBackWith(taken, { isUnnoticed: false })).toThrow(/241.64.0.2 is MeshService default\/api/)
  expect(comesBackWith(taken, { isUnnoticed: true })).not.toThrow()
  expect(comesBackWith([log, at('api', web.address)], { isUnnoticed: true })).toThrow(/241.64.0.1 is MeshService/)
})

test('VIP-2: an owner that a zone has lost may have either address if nothing tells it so, and no other owner may', () => {
  const moved = [web, at('log', '241.64.0.3')]
  expect(comesBackWith(moved, { isUnnoticed: false })).toThrow(/log of east had 241.64.0.2 and has 241.64.0.3/)
  expect(comesBackWith(moved, { isUnnoticed: true })).not.toThrow()
  expect(comesBackWith([at('web', '241.64.0.4')], { isUnnoticed: true })).toThrow(/web of east had 241.64.0.1/)
})

test('VIP-2: a family of an owner that only a zone that was put back has had never was', () => {
  const six = (address: string): LedgerRow => ({ ...log, family: 6, address })
  const givesAnother =
    (...elsewhere: readonly LedgerRow[]) =>
    () => {
      const book = new AddressBook()
      const gives = (after: LedgerRow) => book.follow('east', [{ key: after.address, before: undefined, after }], 0)
      for (const row of [log, six('fd00::2')]) gives(row)
      book.putBack('east', { before: [log, six('fd00::2')], now: [log], history: [], elsewhere }, ['east'], 1)
      book.comesBack('east', [log, six('fd01::2')], false, 2)
    }
  expect(givesAnother(log)).not.toThrow()
  expect(givesAnother(log, six('fd00::2'))).toThrow(/log of east had fd00::2 and has fd01::2/)
})

/** East gave "log" its address again, perhaps unheard by anybody, lost its store, and got back what global has of it. */
test('VIP-2: a generation that only a zone that was put back has had never was, and one that others have had was', () => {
  const rests: LedgerRow = { ...log, state: 'tombstoned', blockId: 'block' }
  const again: LedgerRow = { ...rests, generation: 1 }
  const day = 25 * 3_600_000
  const givesAnother =
    ({ isHeard }: { readonly isHeard: boolean }) =>
    () => {
      const book = new AddressBook()
      const kept = isHeard ? again : rests
      const now = (store: string, before: LedgerRow | undefined, after: LedgerRow | undefined, atMs: number) =>
        book.follow(store, [{ key: 'log', before, after }], atMs)
      for (const store of ['east', '']) now(store, undefined, rests, 0)
      now('east', rests, again, 1)
      now('', rests, kept, 1)
      book.putBack('east', { before: [again], now: [], history: [], elsewhere: [kept] }, ['east'], 2)
      book.comesBack('east', [kept], false, 3)
      now('east', kept, undefined, day)
      now('east', undefined, { ...log, address: '241.64.0.3', generation: 1 }, day)
    }
  expect(givesAnother({ isHeard: false })).not.toThrow()
  expect(givesAnother({ isHeard: true })).toThrow(/log of east had 241.64.0.2 and has 241.64.0.3/)
})

test('VIP-3: what a zone has lost and a global that was put back too, and does not know it, it is told by nobody', () => {
  const taken = [web, at('api', log.address)]
  expect(comesBackWith(taken, { isUnnoticed: false, tookBack: [web] })).not.toThrow()
  expect(comesBackWith(taken, { isUnnoticed: false, tookBack: [web, log] })).toThrow(
    /241.64.0.2 is MeshService default\/api/,
  )
  expect(comesBackWith([log, at('api', web.address)], { isUnnoticed: false, tookBack: [] })).toThrow(/241.64.0.1 is/)
})

test('VIP-3: what a zone took back in vain, before global knew of its own loss, excuses nothing that it took back later', () => {
  const book = new AddressBook()
  book.follow('', [{ key: log.address, before: undefined, after: log }], 0)
  book.putBack('east', { before: [log], now: [], history: [], elsewhere: [log] }, ['east'], 1)
  book.tookBack('east', [])
  book.tookBack('east', undefined)
  book.goesOn('east')
  expect(() => book.comesBack('east', [at('api', log.address)], false, 2)).toThrow(
    /241.64.0.2 is MeshService default\/api/,
  )
})

test('VIP-3: a backup of a life that was lost everywhere brings back an address that was given to another since', () => {
  const api = at('api', log.address)
  const given = { key: api.address, before: undefined, after: api }
  for (const isGivenSince of [true, false]) {
    const book = new AddressBook()
    for (const store of ['east', '']) book.follow(store, [{ ...given, after: log }], 0)
    const lost = { before: [log], now: [], history: [] }
    book.putBack('east', { ...lost, elsewhere: [log] }, ['east'], 1)
    book.putBack('', { ...lost, elsewhere: [] }, [''], 2)
    book.comesBack('', [], false, 3)
    book.comesBack('east', isGivenSince ? [api] : [], false, 3)
    book.putBack('', { before: [], now: [log], history: [], elsewhere: isGivenSince ? [api] : [] }, [''], 4)
    expect(() => book.comesBack('', [log], false, 5)).not.toThrow()
    // Who gives it to another only now has had somebody to tell it.
    if (!isGivenSince) expect(() => book.follow('east', [given], 6)).toThrow(/241.64.0.2 is MeshService default\/api/)
  }
})
