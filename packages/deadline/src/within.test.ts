import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { within } from './index.js'

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason)
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })

test('the time comes although nothing but a listener waits for it and everything else was collected as garbage', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { signal } = new AbortController()
  const waiting = within(200, [signal], aborted)
  for (let round = 0; round < 5; round++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await waiting).toMatchObject({ name: 'TimeoutError', message: 'not done within 0.2 s' })
})

test('the first signal that aborts is the reason, before the work begins too', async () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const waiting = within(60_000, [one.signal, other.signal], aborted)
  other.abort('enough')
  one.abort('too late')
  expect(await waiting).toBe('enough')
  expect(await within(60_000, [one.signal], aborted)).toBe('too late')
})

test('nothing is left of it on a signal that lives longer, whether it was done or has failed', async () => {
  const { signal } = new AbortController()
  let during = 0
  expect(
    await within(60_000, [signal], async () => {
      during = getEventListeners(signal, 'abort').length
      return 'done'
    }),
  ).toBe('done')
  await expect(within(60_000, [signal], () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  expect([during, getEventListeners(signal, 'abort').length]).toEqual([1, 0])
})
