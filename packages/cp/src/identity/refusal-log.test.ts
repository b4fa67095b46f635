import { expect, test } from 'vitest'
import { RefusalLog } from './refusal-log.js'

test('a flood of refusals is a hundred lines and one a second after that, which says how many were left out', () => {
  let nowMs = 0
  const lines: object[] = []
  const log = new RefusalLog({ warn: (about: object) => void lines.push(about) }, () => nowMs)
  for (let n = 0; n < 5_000; n++) log.warn({ n }, 'refused')
  expect(lines).toHaveLength(100)
  nowMs += 1_000
  for (let n = 5_000; n < 10_000; n++) log.warn({ n }, 'refused')
  expect(lines.slice(100)).toEqual([{ n: 5_000, untold: 4_900 }])
})
