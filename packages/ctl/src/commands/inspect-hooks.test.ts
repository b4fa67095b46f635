import { expect, test } from 'vitest'
import { ago, run } from '../testing/run.js'

const hook = {
  name: 'policy',
  configured: true,
  url: 'grpc://10.0.0.1:9000',
  failurePolicy: 'hold',
  timeoutMs: 5_000,
  answers: false,
  since: ago(90),
  reason: 'answers UNAVAILABLE: no connection',
  waiting: 2,
  refused: 1,
  bypassed: 0,
  oldest: ago(120),
}
const item = {
  type: 'MeshService',
  mesh: 'default',
  name: 'web-x7',
  displayName: 'web',
  owner: 'east',
  state: 'waiting',
  since: ago(120),
  tries: 3,
  reason: 'hook "policy": answers UNAVAILABLE: no connection; zones keep its last good version',
}

test('inspect hooks', async () => {
  const answers = { 'GET /_holdfast/hooks': { hooks: [hook], counts: [], total: 3, items: [item] } }
  const ran = await run(['inspect', 'hooks'], { answers })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('inspect-hooks.txt')
  const json = await run(['inspect', 'hooks', '-o', 'json'], { answers })
  expect(JSON.parse(json.out)).toMatchObject({ hooks: [{ name: 'policy', answers: false }], total: 3 })
})

test('inspect hooks, nothing to say', async () => {
  const none = await run(['inspect', 'hooks'], {
    answers: { 'GET /_holdfast/hooks': { hooks: [], counts: [], total: 0, items: [] } },
  })
  expect(none.out).toBe('No policy hook is configured.\n')
  const fine = await run(['inspect', 'hooks'], {
    answers: {
      'GET /_holdfast/hooks': { hooks: [{ ...hook, answers: true, reason: null }], counts: [], total: 0, items: [] },
    },
  })
  expect(fine.out).toContain('Everything is published.')
})
