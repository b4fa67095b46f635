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
      ...{ returns, log, heldMs, epoch: async () => 'first' },
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

test('VIP-3: what was returned before global found out that it was put back is not all that it keeps', async () => {
  for (const isFoundOut of [false, true]) {
    const [said, done]: [{ readonly error: string }[], string[]] = [[], []]
    let epoch = 'first'
    const ended = new Promise<SessionEnd>(() => {})
    const session = { sessionId: 's', ended, answerRecall: (answer: (typeof said)[number]) => said.push(answer) }
    const asks = (question: { readonly after: string; readonly done: boolean }) =>
      answerRecall('east', session as unknown as SessionHandle, question, {
        returns: { ...returns, done: async (zone) => void done.push(zone) },
        unheard: async () => [],
        epoch: async () => epoch,
        log: pino({ level: 'silent' }),
      })
    await asks({ after: '', done: false })
    if (isFoundOut) epoch = 'second'
    await asks({ after: '', done: true })
    expect(said.map(({ error }) => error)).toEqual([
      '',
      isFoundOut ? expect.stringMatching(/found out meanwhile.*asked anew in the next session/) : '',
    ])
    expect(done).toEqual(isFoundOut ? [] : ['east'])
  }
})

test('OWN: nothing is said in a session that has ended meanwhile', async () => {
  const { said, over } = asks([['west']], { ended: Promise.resolve({} as SessionEnd) })
  await over
  expect(said).toEqual([])
})
