import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { noSync } from './sync/sync-view.js'
import { harness } from './testing/harness.js'

test('F01: a client that goes away before it is answered is no error of ours; one that stays and gets none is', async () => {
  let asked: () => void = () => undefined
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const ended: string[] = []
  const { app, logged } = harness('global', {
    sync: {
      ...noSync,
      askZone: (_zone, _question, _body, { signal }) =>
        new Promise((_, reject) => {
          asked()
          signal.addEventListener('abort', () => {
            ended.push(String((signal.reason as Error).message))
            reject(signal.reason as Error)
          })
        }),
    },
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const { port } = app.server.address() as AddressInfo
    const asking = request({ host: '127.0.0.1', port, path: '/_holdfast/sync/diff?zone=east' })
    asking.on('error', () => {})
    asking.end()
    await isAsked
    asking.destroy()
    await expect.poll(() => ended).toEqual(['the client went away'])
    // The handler of the error runs in the same turn as what it ends.
    await new Promise((resolve) => setImmediate(resolve))
    expect(logged).toEqual([])
  } finally {
    await app.close()
  }
  const failing = harness('global', { sync: { ...noSync, askZone: () => Promise.reject(new Error('broken')) } })
  expect((await failing.call('GET', '/_holdfast/sync/diff?zone=east')).status).toBe(500)
  expect(failing.logged).toHaveLength(1)
})
