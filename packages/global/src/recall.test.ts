import type { SessionEnd, SessionHandle } from '@holdfast/peer'
import type { ReturnPage } from '@holdfast/store'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { answerRecall, type RecallOptions } from './recall.js'

const page: ReturnPage = {
  ...{ standing: { nowMs: 0, isAdopted: false }, blocks: [], ledger: [], rows: [], refused: [] },
}
const returns = { page: async () => page, done: async () => undefined } as unknown as RecallOptions['returns']

/** East asks for what is kept of it, and `unheard` says in turn who has not been heard yet. */
function asks(
  unheard: readonly (readonly string[])[],
  { heldMs = 45_000, ended = new Promise<SessionEnd>(() => {}) } = {},
) {
  const left = [...unheard]
  const said: { readonly body: string; readonly error: string }[] = []
  const session = { sessionId: 's', ended, answerRecall: (answer: (typeof said)[number]) => said.push(answer) }
  const log = pino({ level: 'silent' })
  const over = answerRecall(
    'east',
    session as unknown as SessionHandle,
    { after: '', done: false },
    {
      ...{ returns, log, heldMs },
      unheard: async () => (left.length > 1 ? (left.shift() ?? []) : (left[0] ?? [])),
    },
  )
  return { said, over }
}

test('VIP-3: a global that recovers returns what it keeps of a zone when all others have been heard', async () => {
  vi.useFakeTimers()
  const { said, over } = asks([['north', 'west'], ['west'], []])
  await vi.advanceTimersByTimeAsync(1_500)
  expect(said).toEqual([])
  await vi.advanceTimersByTimeAsync(1_000)
  await over
  expect(said).toEqual([{ body: expect.stringContaining('"ledger"'), error: '' }])
  vi.useRealTimers()
})

test('whom it waits for is said before the zone takes the silence for a failure, with the next act', async () => {
  const { said, over } = asks([['a', 'b', 'c', 'd', 'e', 'f']], { heldMs: 1 })
  await over
  expect(said).toEqual([
    { body: '', error: expect.stringMatching(/what a, b, c, d, e, … remember .*recover finish --yes/) },
  ])
})

test('OWN: nothing is said in a session that has ended meanwhile', async () => {
  const { said, over } = asks([['west']], { ended: Promise.resolve({} as SessionEnd) })
  await over
  expect(said).toEqual([])
})
