import { createServer } from 'node:net'
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

test('a port at which nobody listens any more', async () => {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  await new Promise((resolve) => server.close(resolve))
  const api = new Api({ url: `http://127.0.0.1:${port}/`, fetch, signal: new AbortController().signal })
  await expect(api.get('/meshes')).rejects.toThrow(
    `cannot reach a control plane at http://127.0.0.1:${port}: connection refused; is it running there?`,
  )
})
