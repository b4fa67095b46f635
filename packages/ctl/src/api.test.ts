import { expect, test } from 'vitest'
import { Api } from './api.js'

const failing = (cause: unknown) =>
  new Api({
    url: 'http://cp:5681',
    fetch: () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause })),
    signal: new AbortController().signal,
  })

const code = (text: string) => Object.assign(new Error(`connect ${text}`), { code: text })

test.each([
  [code('ECONNREFUSED'), 'connection refused'],
  [code('ENOTFOUND'), 'no such host'],
  [new AggregateError([code('ECONNREFUSED'), code('ECONNREFUSED')]), 'connection refused'],
  [new Error('other side closed'), 'other side closed'],
])('nobody answers: %s', async (cause, said) => {
  await expect(failing(cause).get('/')).rejects.toThrow(
    `cannot reach a control plane at http://cp:5681: ${said}; is it running there? Say another place with --url or HOLDFAST_URL`,
  )
})
