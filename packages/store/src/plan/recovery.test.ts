import { describe, expect, test } from 'vitest'
import {
  ageBeside,
  type Evidence,
  furthestOf,
  judgeHistory,
  type LogHistory,
  oldThrough,
  standingOf,
} from './recovery.js'

const [present, past, foreign] = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)]
const tags = new Map([
  [`${past} 5`, 'five'],
  [`${present} 10`, 'ten'],
  [`${present} 12`, 'twelve'],
])
const history: LogHistory = {
  epoch: present,
  head: 12,
  oldest: 5,
  epochs: new Set([past, present]),
  untried: false,
  tagAt: (epoch, revision) => tags.get(`${epoch} ${revision}`),
}
const seen = (epoch: string, revision: number, tag: string, from: Evidence['from'] = 'file'): Evidence => ({
  from,
  witness: from === 'peer' ? 'zone east' : 'the high-water file',
  cursor: { epoch, revision, tag },
})

describe('whether a store is still the one that its witnesses remember', () => {
  test.each<[string, readonly Evidence[], RegExp | undefined]>([
    ['nobody remembers anything', [], undefined],
    ['the head is remembered', [seen(present, 12, 'twelve')], undefined],
    ['a position in the middle', [seen(present, 10, 'ten', 'peer')], undefined],
    ['a position of an epoch before', [seen(past, 5, 'five', 'peer')], undefined],
    ['what a peer had from a log before, whatever became of it', [seen(past, 5, 'other', 'peer')], undefined],
    ['what we wrote down ourselves of a log before', [seen(past, 5, 'other')], /wrote on/],
    ['one older than the history proves nothing', [seen(present, 3, 'three', 'peer')], undefined],
    ['a log that never began', [seen(present, 0, '0'.repeat(16), 'peer')], undefined],
    ['another installation proves nothing', [seen(foreign, 99, 'other', 'peer')], undefined],
    [
      'what a peer has followed after the log that is here does',
      [{ ...seen(foreign, 99, 'other', 'peer'), acked: present }],
      /never had: .* backup/,
    ],
    [
      'what it has followed after a log before does not',
      [{ ...seen(foreign, 99, 'other', 'peer'), acked: past }],
      undefined,
    ],
    ['a foreign log that never began', [{ ...seen(foreign, 0, 'other', 'peer'), acked: present }], undefined],
    ['our own file of another log does', [seen(foreign, 99, 'other')], /replaced or restored/],
    ['a head below what is remembered', [seen(present, 13, 'thirteen', 'peer')], /ends at 12: .* backup/],
    ['another tag at a revision', [seen(present, 10, 'other', 'peer')], /wrote on/],
    ['a revision that is not there', [seen(present, 11, 'eleven', 'process')], /the database has none/],
    ['one witness against many', [seen(present, 12, 'twelve'), seen(present, 13, 'x', 'peer')], /zone east/],
  ])('%s', (_, evidence, reason) => {
    const judgement = judgeHistory(evidence, history)
    if (reason === undefined) expect(judgement).toEqual({ verdict: 'keep' })
    else expect(judgement).toEqual({ verdict: 'new-epoch', reason: expect.stringMatching(reason) })
  })
})

test.each([
  ['none', undefined, 0],
  ['foreign-epoch', { epoch: past, revision: 5, tag: 'five' }, 5],
  ['known', { epoch: present, revision: 10, tag: 'ten' }, 10],
  ['known', { epoch: present, revision: 12, tag: 'twelve' }, 12],
  ['contradiction', { epoch: present, revision: 13, tag: 'thirteen' }, 13],
  ['contradiction', { epoch: present, revision: 10, tag: 'other' }, 10],
  ['compacted', { epoch: present, revision: 3, tag: 'three' }, 3],
  // A range had brought it beyond our head before it was interrupted.
  ['contradiction', { epoch: present, revision: 10, tag: 'ten' }, 13],
  ['contradiction', { epoch: present, revision: 0, tag: '0'.repeat(16) }, 13],
  // An interrupted first range goes on above what was compacted; one below it may have missed a removal.
  ['known', { epoch: present, revision: 0, tag: '0'.repeat(16) }, 9],
  ['compacted', { epoch: present, revision: 0, tag: '0'.repeat(16) }, 7],
] as const)('a receiver stands %s', (standing, cursor, reachesFrom) => {
  expect(standingOf(cursor, history, { reachesFrom, logFrom: 8 })).toBe(standing)
})

const within = (revision: number) => ({ revision, typeOrder: 1, mesh: '', name: 'web' })

test('MONO: a receiver within a range remembers more than its cursor says, and that is evidence', () => {
  const cursor = { epoch: present, revision: 10, tag: 'ten' }
  const head = { epoch: present, revision: 12 }
  const judged = (partial: number) =>
    judgeHistory([{ from: 'peer', witness: 'zone east', cursor: furthestOf(cursor, within(partial), head) }], history)
  expect(judged(11)).toEqual({ verdict: 'keep' })
  expect(judged(12)).toEqual({ verdict: 'keep' })
  expect(judged(13)).toEqual({ verdict: 'new-epoch', reason: expect.stringMatching(/ends at 12: .* backup/) })
})

describe('EMPTY: a database that nobody was ever in step with, and a zone that was in step with another one', () => {
  const untried: LogHistory = { ...history, epochs: new Set([present]), untried: true }
  test('it stands in the place of one that was lost', () => {
    const judgement = judgeHistory([seen(foreign, 99, 'other', 'peer')], untried)
    expect(judgement).toEqual({ verdict: 'new-epoch', reason: expect.stringMatching(/zone east .* that was lost/) })
  })
  test('so does a zone that had come to the middle of its first range', () => {
    const cursor = { epoch: foreign, revision: 0, tag: '0'.repeat(16) }
    const judged = (partial: number | undefined, head = 12) => {
      const at = partial === undefined ? undefined : within(partial)
      const said = furthestOf(cursor, at, { epoch: present, revision: head })
      return judgeHistory([{ from: 'peer', witness: 'zone east', cursor: said }], untried).verdict
    }
    expect([judged(2), judged(99), judged(undefined)]).toEqual(['new-epoch', 'new-epoch', 'keep'])
  })
  test.each([
    ['a zone that never got anything proves nothing', seen(foreign, 0, '0'.repeat(16), 'peer')],
    ['a zone of this very log proves nothing', seen(present, 12, 'twelve', 'peer')],
  ])('%s', (_, evidence) => {
    expect(judgeHistory([evidence], untried)).toEqual({ verdict: 'keep' })
  })
})

describe('what is after what, told by the log', () => {
  const ends = new Map([
    [past, 8],
    [present, 12],
  ])
  const whole = { ...history, endOf: (epoch: string) => ends.get(epoch) }
  const at = (epoch: string, revision: number, tag: string) => ({ epoch, revision, tag })

  test.each<[string, number, ReturnType<typeof at> | undefined, ReturnType<typeof ageBeside>]>([
    ['nothing without a position', 5, undefined, 'unknown'],
    ['nothing by a log that is not ours', 5, at(foreign, 99, 'x'), 'unknown'],
    ['what was written since the log began anew', 9, at(past, 30, 'x'), 'newer'],
    ['what the witness has not come to', 6, at(past, 5, 'five'), 'newer'],
    ['what was written beside what it remembers', 7, at(past, 6, 'x'), 'newer'],
    ['what it has left behind in a life that was lost', 7, at(past, 30, 'x'), 'older'],
    ['what was written at the very place', 6, at(past, 6, 'x'), 'older'],
    ['what it had heard, and all that we have', 4, at(past, 5, 'five'), 'unknown'],
  ])('%s', (_, revision, cursor, age) => {
    expect(ageBeside(revision, cursor, whole)).toBe(age)
  })

  test('a receiver knew what we had until its log ended here, or until it stood still', () => {
    expect(oldThrough({ epoch: past, revision: 30 }, whole)).toBe(8)
    expect(oldThrough({ epoch: past, revision: 3 }, whole)).toBe(3)
    expect(oldThrough({ epoch: foreign, revision: 30 }, whole)).toBeUndefined()
  })
})
