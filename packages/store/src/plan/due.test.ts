import { expect, test } from 'vitest'
import { dueForm, dueRefusal, isDue } from './due.js'

const nowMs = 1_700_000_000_000
const hourMs = 3_600_000

test('LKG: what is put off is due at its time, and at once where a clock that was set back would have it wait for longer than any pause', () => {
  const refusal = dueRefusal(nowMs)
  expect([-1, 0, 1, hourMs, 2 * hourMs].map((ms) => isDue(nowMs + ms, refusal))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
  expect([2 * hourMs + 1, 24 * hourMs].map((ms) => isDue(nowMs + ms, refusal))).toEqual([true, true])
})

test('a form that waits for its hook waits for no longer than a pause of it, or than a claim that a dead process has made', () => {
  expect([0, 60_000, 120_000, 120_001].map((ms) => isDue(nowMs + ms, dueForm(nowMs, 4_000)))).toEqual([
    true,
    false,
    false,
    true,
  ])
  expect([120_001, 600_000, 600_001].map((ms) => isDue(nowMs + ms, dueForm(nowMs, 300_000)))).toEqual([
    false,
    false,
    true,
  ])
})
