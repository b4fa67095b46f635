import { expect, test } from 'vitest'
import { differences } from './diff.js'

const row = (key: string, entry: string, content = entry) => ({ key, entry, content })

test('kinds of difference: by entry, content, and what the receiver says of it', () => {
  const shown = [
    row('same', '1'),
    row('gone', '2'),
    row('edited', '3'),
    row('moved', '4', 'c'),
    row('no', '5'),
    row('old', '6'),
  ]
  const kept = [
    row('same', '1'),
    row('edited', '33'),
    row('moved', '44', 'c'),
    row('more', '7'),
    { ...row('kept', '8'), held: '40 of 50 vanished' },
    { key: 'no', refused: 'its VIP is taken' },
    { ...row('old', '66'), refused: 'too large' },
    { key: 'never', refused: 'not shown any more' },
  ]
  expect(differences(shown, kept)).toEqual([
    { key: 'edited', kind: 'content' },
    { key: 'gone', kind: 'missing' },
    { key: 'kept', kind: 'held', reason: '40 of 50 vanished' },
    { key: 'more', kind: 'extra' },
    { key: 'moved', kind: 'VIPs' },
    { key: 'never', kind: 'refused', reason: 'not shown any more' },
    { key: 'no', kind: 'refused', reason: 'its VIP is taken' },
    { key: 'old', kind: 'refused', reason: 'too large' },
  ])
})
