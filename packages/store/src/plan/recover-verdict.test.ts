import { expect, test } from 'vitest'
import {
  bestFirst,
  type LostLog,
  lostLogsOf,
  newsFirst,
  preference,
  type Recollection,
  type RecoveredHistory,
  recoveryVerdict,
} from './recover-verdict.js'
import type { Row } from './types.js'

const epoch = 'a'.repeat(32)
/** The store was put back to 21 and wrote on to 25, before anybody noticed. */
const history = {
  epochs: new Set([epoch]),
  endOf: () => 25,
  tagAt: (of: string, revision: number) => (of === epoch && revision <= 25 ? `here ${revision}` : undefined),
  lostLogs: new Map<string, LostLog>(),
}
const remembers = (
  zone: string,
  revision: number,
  tag: string,
  row: Partial<Recollection['row']>,
  log = epoch,
): Recollection => ({
  witness: { zone, storeId: zone, state: 'ready', cursor: { epoch: log, revision, tag } },
  row: {
    ...{ type: 'Mesh', mesh: '', exportName: 'shop', displayName: 'shop', namespace: '', origin: '' },
    ...{ labels: {}, typeUrl: '', spec: new Uint8Array(), modifiedAtMs: 19_000, asOffered: true, ...row },
  },
})
const deleted = {
  type: 'Mesh',
  mesh: '',
  name: 'shop',
  deleted: true,
  deletedAtMs: 2_000,
  revision: 14,
} as unknown as Row

test('DUR: who has followed what was lost is asked before those who have followed the store since it was put back', () => {
  const since = remembers('west', 25, 'here 25', { deletedAtMs: 2_000, modifiedAtMs: 23_000 })
  for (const lost of [remembers('east', 23, 'lost', {}), remembers('east', 26, 'lost', {})]) {
    const best = bestFirst([since, lost], history)
    expect(best.map(({ witness }) => witness.zone)).toEqual(['east', 'west'])
    expect(preference(lost, since, history)).toMatch(/east has followed a life of this store that was lost/)
    expect(recoveryVerdict(best, deleted, history)).toMatchObject({ verdict: 'create' })
  }
})

test('within one history the one that has followed further counts', () => {
  const [near, far] = [remembers('east', 21, 'here 21', {}), remembers('west', 25, 'here 25', { deletedAtMs: 2_000 })]
  expect(bestFirst([near, far], history)).toEqual([far, near])
  expect(preference(far, near, history)).toMatch(/west has followed global to revision 25, zone east to 21/)
})

const later = 'b'.repeat(32)
const acks = (of: Readonly<Record<string, string>>) => ({ ...history, ackedLog: (zone: string) => of[zone] })

test('a log that was never here was ours if anybody in it has followed us before, and then so it was for all in it', () => {
  const [east, west, north] = [
    remembers('east', 38, 'lost', {}, later),
    remembers('west', 39, 'lost', {}, later),
    remembers('north', 40, 'lost', {}, 'c'.repeat(32)),
  ].map(({ witness }) => witness)
  if (east === undefined || west === undefined || north === undefined) throw new Error('no witnesses')
  const all = [east, west, north]
  expect(lostLogsOf(all, acks({ east: epoch }))).toEqual(new Map([[later, { after: 25 }]]))
  expect(lostLogsOf(all, acks({ east: 'd'.repeat(32) }))).toEqual(new Map())
  // Who is in a log that is known here proves nothing about another one.
  expect(lostLogsOf([remembers('east', 30, 'lost', {}).witness, west], acks({ east: epoch }))).toEqual(new Map())
})

test('DUR: of two lives that were both lost the later memory counts, whichever of them is known here', () => {
  const ours = { ...history, lostLogs: new Map([[later, { after: 25 }]]) }
  const removed = remembers('west', 30, 'lost', { deletedAtMs: 16_000, modifiedAtMs: 30_000 })
  const made = remembers('east', 38, 'lost', { modifiedAtMs: 47_000 }, later)
  for (const both of [
    [removed, made],
    [made, removed],
  ]) {
    const best = bestFirst(both, ours)
    expect(best.map(({ witness }) => witness.zone)).toEqual(['east', 'west'])
    expect(recoveryVerdict(best, deleted, ours)).toMatchObject({ verdict: 'create' })
  }
  expect(preference(made, removed, ours)).toBe('zone east has stored it later')
  // Of another installation it would be nobody's word against ours.
  expect(bestFirst([removed, made], history)).toEqual([removed, made])
})

test('DUR: what a backup had deleted was there again in a life after it, if a zone that followed that has it', () => {
  const ours = { ...history, lostLogs: new Map([[later, { after: 25 }]]) }
  // It got its copy before the deletion, and was offered the same once more since, which is nothing to store.
  const stored = { modifiedAtMs: 1_000 }
  const verdict = (row: Row, remembered: Partial<Recollection['row']>, of: RecoveredHistory = ours) =>
    recoveryVerdict([remembers('east', 14, 'lost', remembered, later)], row, of).verdict
  expect(verdict(deleted, stored)).toBe('create')
  // Not what somebody has decided since our log began anew, nor what it keeps of its own, nor what another installation says.
  expect(verdict({ ...deleted, revision: 26 }, stored)).toBe('keep')
  expect(verdict({ ...deleted, revision: 26 }, { modifiedAtMs: 3_000 })).toBe('keep')
  expect(verdict(deleted, { ...stored, asOffered: false })).toBe('keep')
  expect(verdict(deleted, stored, history)).toBe('keep')
  // What is left of the log that it had followed is not known any more: clocks.
  expect(verdict(deleted, stored, { ...history, lostLogs: new Map([[later, { after: undefined }]]) })).toBe('keep')
})

test('DUR: a removal that stands here says nothing of what came after it, whoever remembers it as well', () => {
  const ours = { ...history, lostLogs: new Map([[later, { after: 25 }]]) }
  const made = remembers('east', 14, 'lost', { modifiedAtMs: 1_000 }, later)
  const removed = (deletedAtMs: number) => remembers('west', 30, 'lost', { deletedAtMs, modifiedAtMs: 46_000 })
  const first = (here: Row | undefined, deletedAtMs: number, other = made) =>
    newsFirst(bestFirst([other, removed(deletedAtMs)], ours), here, ours)[0]?.witness.zone
  expect(first(deleted, 2_000)).toBe('east')
  // Another removal than that, one that was decided since, and somebody of whom nothing tells that it was later.
  expect(first(deleted, 3_000)).toBe('west')
  expect(first(undefined, 2_000)).toBe('west')
  expect(first({ ...deleted, revision: 26 }, 2_000)).toBe('west')
  expect(first(deleted, 2_000, remembers('east', 20, 'here 20', { modifiedAtMs: 1_000 }))).toBe('west')
})

test('three memories of two logs have one order, whoever is heard first', () => {
  const [near, far] = [remembers('a', 21, 'here 21', { modifiedAtMs: 30_000 }), remembers('b', 25, 'here 25', {})]
  const other = remembers('c', 3, 'there', { modifiedAtMs: 25_000 }, later)
  // By times alone the first is better than the other one, that than the second, which has followed further than the first.
  for (const order of [
    [near, far, other],
    [far, other, near],
    [other, near, far],
  ])
    expect(bestFirst(order, history).map(({ witness }) => witness.zone)).toEqual(['c', 'b', 'a'])
})
