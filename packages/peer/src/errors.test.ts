import type { Link, LinkEvent } from '@holdfast/transport'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test, vi } from 'vitest'
import { sessionMetrics } from './metrics.js'
import { Questions } from './questions.js'
import { runSession, type SessionOptions } from './run-session.js'

// Why a question to a peer has no answer, as whoever asked gets it, in one file that a person has read. A test of the testkit
// reads off the source which there are.

type Act = (questions: Questions, ids: readonly string[]) => void

const cases: readonly (readonly [what: string, act: Act, count?: number])[] = [
  ['more questions than a peer is asked at once', () => {}, 65],
  ['no answer in time', () => vi.advanceTimersByTime(10_000)],
  ['an error for an answer', (questions, [id = '']) => questions.answered(id, 'no such question', '', false)],
  [
    'an answer that does not end',
    (questions, [id = '']) => {
      for (let part = 1; part <= 64; part++) questions.answered(id, '', 'x', true)
    },
  ],
  ['a session that ends meanwhile', (questions) => questions.end('UNAVAILABLE the connection was lost')],
]

/** What is said of a session that has not met its peer yet. */
async function unmet(peer: string): Promise<string> {
  let hear: (event: LinkEvent) => void = () => {}
  const link = {
    ...{ peer: { name: peer }, streams: [], send: () => {}, traffic: {} },
    start: (listener: typeof hear) => {
      hear = listener
    },
    close: async () => hear({ type: 'closed', by: 'us', code: 'OK', reason: '' }),
  }
  const status = { identity: { storeId: '11111111-2222-4333-8444-555555555555' }, state: 'ready' }
  const store = {
    ...{ status: async () => status, onAdvanced: () => () => {}, faults: () => [] },
    ...{ read: { hasFollowed: async () => false }, sessions: {} },
  }
  const session = await runSession({
    ...{ role: peer === '' ? 'dialer' : 'acceptor', peer, sessionId: 'aaaaaaaa', instanceId: 'a', version: '0.1.0' },
    ...{
      link: link as unknown as Link,
      store,
      log: pino({ level: 'silent' }),
      metrics: sessionMetrics(new Registry()),
    },
    onQuestion: async () => '',
  } as unknown as SessionOptions)
  const said = await session.ask('status', '{}', { timeoutMs: 10_000 }).catch((error: Error) => error.message)
  // Its store answers nothing more; what runs by itself ends at once.
  void session.close('the test is over')
  return said
}

test('why a question has no answer says who was asked, and the limit', async () => {
  vi.useFakeTimers()
  const told: string[] = []
  for (const [what, act, count = 1] of cases) {
    const questions = new Questions('east')
    const ids: string[] = []
    const asked = Array.from({ length: count }, () =>
      questions
        .ask('ledger', { timeoutMs: 10_000 }, (id) => ids.push(id))
        .then(
          () => 'no error',
          (error: Error) => error.message,
        ),
    )
    act(questions, ids)
    told.push(`# ${what}\n${await asked.at(-1)}\n`)
    questions.end('the test is over')
  }
  vi.useRealTimers()
  for (const [what, peer] of [
    ['a zone that has just dialled', 'east'],
    ['a global that has not answered yet', ''],
  ] as const)
    told.push(`# ${what}\n${await unmet(peer)}\n`)
  expect(told.join('')).not.toContain('no error')
  expect(told.join('\n')).toBeGolden('errors.txt')
})
