import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { partsOf, Questions } from './questions.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function stand() {
  const questions = new Questions('east')
  const asked: string[] = []
  const ask = (what: string, signal?: AbortSignal) =>
    questions.ask(what, { timeoutMs: 10_000, signal }, (id) => asked.push(id))
  return { questions, asked, ask }
}

test('an answer in parts is put together, whatever else is asked meanwhile', async () => {
  const { questions, asked, ask } = stand()
  const [one, other] = [ask('ledger'), ask('shown')]
  const [first = '', second = ''] = asked
  questions.answered(first, '', 'a', true)
  questions.answered(second, '', 'z', false)
  questions.answered(first, '', 'b', false)
  expect(await Promise.all([one, other])).toEqual(['ab', 'z'])
  expect(vi.getTimerCount()).toBe(0)
})

test('what is not answered in time, or is answered with an error, or ends with its session, is told in words', async () => {
  const { questions, asked, ask } = stand()
  const late = expect(ask('ledger')).rejects.toThrow('zone east did not answer "ledger" within 10 s')
  vi.advanceTimersByTime(10_000)
  await late
  const wrong = expect(ask('ledger')).rejects.toThrow('zone east answered: no such question')
  questions.answered(asked.at(-1) ?? '', 'no such question', '', false)
  await wrong
  const cut = expect(ask('ledger')).rejects.toThrow('the session with zone east ended: link cut')
  questions.end('link cut')
  await cut
  expect(vi.getTimerCount()).toBe(0)
})

test('whoever goes away takes nobody a place: of sixty-four that gave up none is left', async () => {
  const { questions, asked, ask } = stand()
  const gone = new AbortController()
  const all = Promise.allSettled(Array.from({ length: 64 }, () => ask('ledger', gone.signal)))
  await expect(ask('ledger')).rejects.toThrow('zone east has 64 questions to answer already')
  gone.abort(new Error('the client went away'))
  for (const outcome of await all) expect(outcome).toMatchObject({ reason: { message: 'the client went away' } })
  expect(vi.getTimerCount()).toBe(0)
  // Their answers come all the same, and are nobody's.
  for (const id of asked) questions.answered(id, '', 'late', false)
  await expect(ask('ledger', gone.signal)).rejects.toThrow('the client went away')
  const next = ask('ledger')
  questions.answered(asked.at(-1) ?? '', '', 'mine', false)
  expect(await next).toBe('mine')
})

test('a body is cut into parts that make it again, and is never nothing', () => {
  for (const body of ['', 'a', 'x'.repeat(600_000)]) {
    const parts = [...partsOf(body)]
    expect(parts.map((part) => part.body).join('')).toBe(body)
    expect(parts.map((part) => part.more)).toEqual(parts.map((_, at) => at < parts.length - 1))
  }
})
