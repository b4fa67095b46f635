import { EventEmitter } from 'node:events'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { answerOn } from './clerk.js'
import { decodeAdminAnswer, encodeAdminRequest } from './messages.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

class Line extends EventEmitter {
  readonly said: string[] = []
  write(bytes: Buffer): boolean {
    const answer = decodeAdminAnswer('stats', bytes)
    this.said.push(`${answer.requestId}: ${'error' in answer ? answer.error : Buffer.from(answer.body)}`)
    return true
  }
  ask(requestId: string): void {
    const question = {
      resourceType: 'Dataplane',
      name: 'dp',
      mesh: 'default',
      format: 'text',
      includeEds: false,
    } as const
    this.emit('data', encodeAdminRequest(requestId, { ...question, kind: 'stats', usedOnly: false }))
  }
}

function line() {
  const made = new Line()
  const answers: ((body: string) => void)[] = []
  answerOn(
    made as unknown as ClientDuplexStream<Buffer, Buffer>,
    'stats',
    () => new Promise((resolve) => answers.push((body) => resolve(Buffer.from(body)))),
    1 << 20,
  )
  return { line: made, answers }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a question that is answered too late for a Kuma has been told so in time, and the answer is not said: it would end the session', async () => {
  const { line: call, answers } = line()
  call.ask('slow')
  call.ask('quick')
  vi.advanceTimersByTime(8_999)
  answers[1]?.('in time')
  await settled()
  expect(call.said).toEqual(['quick: in time'])
  vi.advanceTimersByTime(1)
  answers[0]?.('too late')
  await settled()
  expect(call.said).toEqual(['quick: in time', 'slow: no answer within 9000 ms'])
})

test('when the stream has ended nothing is said, and nothing is waited for', async () => {
  const { line: call, answers } = line()
  call.ask('slow')
  call.emit('close')
  expect(vi.getTimerCount()).toBe(0)
  answers[0]?.('nobody there')
  await settled()
  expect(call.said).toEqual([])
})
