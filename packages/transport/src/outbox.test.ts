import { expect, test } from 'vitest'
import { createOutbox } from './outbox.js'

const sized = (length: number): Uint8Array => new Uint8Array(length)

/** A writer that keeps what it was handed until the test says that it is written. */
function held(options: { readonly max: number; readonly high: number; readonly handedMax: number }) {
  const handed: { readonly length: number; readonly written: () => void }[] = []
  const outbox = createOutbox({
    ...options,
    write: (bytes, written) => handed.push({ length: bytes.length, written }),
  })
  return { outbox, handed, lengths: () => handed.map(({ length }) => length) }
}

test('hands over in order and no more at once than allowed, but always one message', () => {
  const { outbox, handed, lengths } = held({ max: 1000, high: 10, handedMax: 100 })
  for (const length of [150, 60, 30, 20]) outbox.push(sized(length))
  expect(lengths()).toEqual([150])
  handed[0]?.written()
  expect(lengths()).toEqual([150, 60, 30])
  handed[1]?.written()
  expect(lengths()).toEqual([150, 60, 30, 20])
  expect(outbox.waitingBytes()).toBe(50)
})

test('FLOW: refuses what would pass the bound, and takes nothing of it', () => {
  const { outbox } = held({ max: 100, high: 10, handedMax: 10 })
  expect([outbox.push(sized(60)), outbox.push(sized(40)), outbox.push(sized(1))]).toEqual([
    'queued',
    'queued',
    'overflow',
  ])
  expect(outbox.waitingBytes()).toBe(100)
})

test('drained at the high mark, flushed at nothing', async () => {
  const { outbox, handed } = held({ max: 100, high: 30, handedMax: 100 })
  outbox.push(sized(30))
  outbox.push(sized(20))
  const order: string[] = []
  const drained = outbox.drained().then(() => order.push('drained'))
  const flushed = outbox.flushed().then(() => order.push('flushed'))
  handed[0]?.written()
  await drained
  expect(order).toEqual(['drained'])
  handed[1]?.written()
  await flushed
  expect(order).toEqual(['drained', 'flushed'])
})

test('dropping releases whoever waits, and nothing is written afterwards', async () => {
  const { outbox, handed, lengths } = held({ max: 100, high: 0, handedMax: 10 })
  for (const length of [10, 10, 10]) outbox.push(sized(length))
  const waiting = Promise.all([outbox.drained(), outbox.flushed()])
  outbox.drop()
  await waiting
  handed[0]?.written()
  expect(outbox.push(sized(5))).toBe('queued')
  expect({ lengths: lengths(), waiting: outbox.waitingBytes() }).toEqual({ lengths: [10], waiting: 0 })
})
