import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Problem } from '@holdfast/model'
import { expect, test } from 'vitest'
import { FakeStore } from './testing/fake-store.js'
import { harness } from './testing/harness.js'

const path = '/_holdfast/vips/blocks'

/** A global whose store answers this one question when the test says so. */
function asked() {
  let hasAsked = false
  let fail: (error: Error) => void = () => undefined
  const answer = new Promise<never>((_, reject) => {
    fail = reject
  })
  const port = new FakeStore('').port()
  const blocks = (): Promise<never> => {
    hasAsked = true
    return answer
  }
  return { ...harness('global', { store: { ...port, vip: { ...port.vip, blocks } } }), isAsked: () => hasAsked, fail }
}

test('F01: what fails for a client that has gone away is no error of ours', async () => {
  const { app, logged, isAsked, fail } = asked()
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const { port } = app.server.address() as AddressInfo
    const asking = request({ host: '127.0.0.1', port, path, agent: false })
    asking.on('error', () => {})
    asking.end()
    await expect.poll(isAsked, { timeout: 20_000 }).toBe(true)
    asking.destroy()
    const connections = (): Promise<number> =>
      new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))
    await expect.poll(connections, { timeout: 20_000 }).toBe(0)
    fail(new Error('the client went away'))
    await app.close()
    expect(logged).toEqual([])
  } finally {
    await app.close()
  }
})

test('F27: what is under way when a control plane drains is told so, and is no error of ours', async () => {
  let hasAsked = false
  const port = new FakeStore('').port()
  const apply: typeof port.local.apply = (_, { signal }) => {
    hasAsked = true
    return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const { app, call, logged } = harness('global', { store: { ...port, local: { ...port.local, apply } } })
  const asking = call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop' })
  await expect.poll(() => hasAsked, { timeout: 20_000 }).toBe(true)
  await app.close()
  expect(await asking).toMatchObject({ status: 503, body: { detail: expect.stringMatching(/is stopping; ask again/) } })
  expect(logged).toEqual([])
})

test('what is not to be had yet, and says so, is no error of ours either', async () => {
  const port = new FakeStore('').port()
  const apply: typeof port.local.apply = () => Promise.reject(new Problem('unavailable', 'global is not ready'))
  const { call, logged } = harness('global', { store: { ...port, local: { ...port.local, apply } } })
  expect(await call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop' })).toMatchObject({
    status: 503,
    body: { detail: 'global is not ready' },
  })
  expect(logged).toEqual([])
})

test('what fails for one that waits is', async () => {
  const { call, logged, fail } = asked()
  fail(new Error('broken'))
  expect((await call('GET', path)).status).toBe(500)
  expect(logged).toHaveLength(1)
})
