import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { type HookClient, type HookEndpoint, type HookItem, openHook } from '@holdfast/transport'
import { afterEach, describe, expect, test } from 'vitest'
import { allow, type PolicyHookServer, startGrpcHook, startHttpHook } from './policy-hook.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const pem = (name: string): Buffer => readFileSync(new URL(`../../transport/testdata/tls/${name}.pem`, import.meta.url))
const items: readonly HookItem[] = ['a', 'b'].map((name, index) => ({
  id: String(index),
  zone: 'east',
  resource: { type: 'MeshService', mesh: 'default', name, labels: {}, spec: {} },
}))
const never = new Promise<never>(() => {})
const { signal } = new AbortController()

function clientOf(url: string, more: Partial<HookEndpoint> = {}): HookClient {
  const client = openHook({ url, timeoutMs: 5_000, maxBodyBytes: 1 << 20, ...more })
  closers.push(() => client.close())
  return client
}

async function started(hook: Promise<PolicyHookServer>): Promise<PolicyHookServer> {
  const server = await hook
  closers.push(() => server.stop())
  return server
}

describe.each([
  ['HTTP', startHttpHook],
  ['gRPC', startGrpcHook],
] as const)('over %s', (_, start) => {
  test('every outcome comes back under its id', async () => {
    const hook = await started(start())
    const resource = { type: 'MeshService', name: 'changed' }
    hook.judge = ({ resource: { name } }) =>
      name === 'a' ? { allowed: { resource } } : { denied: { reasons: ['no', 'never'] } }
    expect(await clientOf(hook.url).review('policy', items, { signal })).toEqual([
      { id: '0', outcome: 'allowed', resource },
      { id: '1', outcome: 'denied', reasons: ['no', 'never'] },
    ])
    hook.judge = ({ resource: { name } }) => (name === 'a' ? { allowed: {} } : { failed: { reason: 'not now' } })
    expect(await clientOf(hook.url).review('policy', items, { signal })).toEqual([
      { id: '0', outcome: 'allowed' },
      { id: '1', outcome: 'failed', reason: 'not now' },
    ])
  })

  test('one that hangs is given up in time, and its client can be told to stop at once', async () => {
    const hook = await started(start())
    hook.judge = () => never
    await expect(clientOf(hook.url, { timeoutMs: 100 }).review('policy', items, { signal })).rejects.toThrow(
      'does not answer within 100 ms',
    )
    const stop = new AbortController()
    const call = clientOf(hook.url).review('policy', items, { signal: stop.signal })
    stop.abort(new Error('stopping'))
    await expect(call).rejects.toThrow('stopping')
  })

  test('20 MiB are not read', async () => {
    const hook = await started(start())
    hook.judge = () => ({ allowed: { resource: { text: 'x'.repeat(20 << 20) } } })
    await expect(clientOf(hook.url).review('policy', items, { signal })).rejects.toThrow(/1048576.*maxBodyBytes/)
  })

  test('one that is away says so, and is asked on the same client when it is back', async () => {
    const hook = await started(start())
    const client = clientOf(hook.url)
    await client.review('policy', items, { signal })
    await hook.stop()
    await expect(client.review('policy', items, { signal })).rejects.toThrow(/cannot be reached|UNAVAILABLE|closes/)
    await hook.start()
    // A connection that failed is made again after a pause.
    const end = Date.now() + 10_000
    for (;;)
      try {
        expect(await client.review('policy', items, { signal })).toHaveLength(2)
        break
      } catch (error) {
        if (Date.now() > end) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
  })

  test('plaintext where TLS is spoken, and the other way round', async () => {
    const hook = await started(start())
    await expect(
      clientOf(hook.url.replace('://', 's://'), { timeoutMs: 2_000 }).review('policy', items, { signal }),
    ).rejects.toThrow(/cannot be reached|UNAVAILABLE|within/)
  })
})

const send = (response: ServerResponse, body: string, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

test.each<readonly [string, NonNullable<PolicyHookServer['raw']>, RegExp]>([
  ['no JSON', (response) => send(response, '{"results": ['), /^answers what is not JSON: /],
  ['JSON of another kind', (response) => send(response, '[]'), /^answers without a list of "results"$/],
  ['a result without id', (response) => send(response, '{"results":[{"allowed":{}}]}'), /^results\[0\] has no "id"/],
  [
    'a result that says two things',
    (response) => send(response, '{"results":[{"id":"0","allowed":{},"denied":{}}]}'),
    /^results\[0\] must have one of "allowed", "denied" and "failed"/,
  ],
  ['HTTP 500', (response) => send(response, '', 500), /^answers HTTP 500 instead of 200$/],
  [
    'a redirect',
    (response) => response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end(),
    /^redirects to http:\/\/169\.254\.169\.254\/latest \(HTTP 307\): redirects are not followed/,
  ],
  [
    '20 MiB without saying so first',
    (response) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(1 << 16, 'x')
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', write)
      }
      write()
    },
    /^answers more than 1048576 bytes, and 1048576 are allowed \(maxBodyBytes\)$/,
  ],
  [
    '20 MiB announced',
    (response) => response.writeHead(200, { 'content-length': 20 << 20 }).flushHeaders(),
    /^answers 20971520 bytes, and 1048576 are allowed/,
  ],
  [
    'an answer that ends in the middle',
    (response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"results":')
      setImmediate(() => response.destroy())
    },
    /^closes the connection/,
  ],
  [
    'an answer that never ends, a byte at a time',
    (response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
    /^does not answer within 1000 ms$/,
  ],
  ['a hang-up', (response) => response.destroy(), /^closes the connection without a whole answer$/],
])('a hook that answers %s', async (_, raw, reason) => {
  const hook = await started(startHttpHook())
  // Patience that has to run out, and patience that must not.
  const client = clientOf(hook.url, { timeoutMs: reason.source.includes('does not answer') ? 1_000 : 20_000 })
  hook.raw = raw
  await expect(client.review('policy', items, { signal })).rejects.toThrow(reason)
  hook.raw = undefined
  hook.judge = allow
  expect(await client.review('policy', items, { signal })).toHaveLength(2)
})

test('reasons are bounded and fit for a log line', async () => {
  const hook = await started(startHttpHook())
  hook.judge = () => ({
    denied: { reasons: Array.from({ length: 100 }, () => `a\u0000b\n\u001b[31m${'x'.repeat(1_000)}`) },
  })
  const [result] = await clientOf(hook.url).review('policy', items, { signal })
  if (result?.outcome !== 'denied') throw new Error('it was denied')
  expect(result.reasons).toHaveLength(20)
  expect(result.reasons[0]).toMatch(/^a b \[31mx{290,}…$/)
})

test('TLS: only whom the CA knows, by the name that was asked for', async () => {
  const hook = await started(startHttpHook({ cert: pem('cert'), key: pem('key') }))
  expect(await clientOf(hook.url, { rootCa: pem('cert') }).review('policy', items, { signal })).toHaveLength(2)
  await expect(clientOf(hook.url).review('policy', items, { signal })).rejects.toThrow(/self-signed certificate/)
  await expect(
    clientOf(hook.url, { rootCa: pem('cert'), serverName: 'other.test' }).review('policy', items, { signal }),
  ).rejects.toThrow(/cannot be reached: .*other\.test/)
})
