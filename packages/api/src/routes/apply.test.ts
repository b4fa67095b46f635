import { expect, test } from 'vitest'
import { harness, invalidBody, ok, problem } from '../testing/harness.js'

const labels = { 'kuma.io/origin': 'zone' }
const service = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels,
  spec: { ports: [{ port: 80 }] },
  ...more,
})

function zone(limits = {}) {
  const opened = harness('federated', { limits })
  opened.store.put({ type: 'Mesh', mesh: '', name: 'default', origin: '' })
  return opened
}

test('a list is applied as a whole, and each object is told what became of it', async () => {
  const { call, store } = zone()
  const first = await call('POST', '/_apply', [service('web'), service('api')])
  expect(first).toEqual(
    ok({
      results: [
        { type: 'MeshService', mesh: 'default', name: 'web', outcome: 'created', vips: ['241.16.0.1'] },
        { type: 'MeshService', mesh: 'default', name: 'api', outcome: 'created', vips: ['241.16.0.2'] },
      ],
    }),
  )
  const before = store.revision
  const again = await call('POST', '/_apply', { items: [service('web'), service('api')] })
  expect((again.body as { results: { outcome: string }[] }).results.map(({ outcome }) => outcome)).toEqual([
    'unchanged',
    'unchanged',
  ])
  expect(store.revision).toBe(before)
  expect(store.audits.map(({ actor }) => actor)).toEqual(['mesh-system:admin', 'mesh-system:admin'])
})

test('what is referred to is written first, and answers come in the order of the list', async () => {
  const { call, store } = harness('global')
  const told = await call('POST', '/_apply', [
    { type: 'MeshRetry', mesh: 'demo', name: 'r', spec: {} },
    { type: 'Mesh', name: 'demo' },
  ])
  expect((told.body as { results: { type: string }[] }).results.map(({ type }) => type)).toEqual(['MeshRetry', 'Mesh'])
  expect([...store.rows.values()].map(({ type }) => type)).toEqual(['Mesh', 'MeshRetry'])
})

test('every problem of every object is told with its place, and nothing is written', async () => {
  const { call, store } = zone()
  const told = await call('POST', '/_apply', [
    service('web', { spec: { ports: [{ port: 0 }, { port: 80 }, { port: 80 }] } }),
    { type: 'Nope', name: 'x' },
    { name: 'x' },
    service('ok'),
    service('ok'),
    7,
  ])
  expect(told).toEqual(
    invalidBody(
      ['items[0].spec.ports[0].port', 'must be between 1 and 65535'],
      ['items[0].spec.ports[2]', (told.body as { causes: { message: string }[] }).causes[1]?.message ?? ''],
      ['items[1].type', '"Nope" is not a resource type; see /_resources for those there are'],
      ['items[2].type', 'is required'],
      ['items[5].type', 'is required'],
      ['items[4].name', 'is the same MeshService as items[3]; say it once'],
    ),
  )
  expect(store.rows.size).toBe(1)
})

test('a pinned address that is taken is a conflict that names the holder and the object', async () => {
  const { call, store } = zone()
  await call('POST', '/_apply', [service('web')])
  const taken = service('api', { labels: { ...labels, 'holdfast.io/vip': '241.16.0.1' } })
  const text = '241.16.0.1 belongs to MeshService "web"; choose another address'
  expect(await call('POST', '/_apply', [service('other'), taken])).toEqual(
    problem(409, 'Conflict', text, ['items[1]', text]),
  )
  expect(store.rows.size).toBe(2)
})

test('what this control plane may not write is told as such', async () => {
  const { call } = zone()
  const told = await call('POST', '/_apply', [{ type: 'Mesh', name: 'demo' }, service('web')])
  const { status, title, causes } = told.body as { status: number; title: string; causes: unknown }
  expect([status, title, causes]).toEqual([
    405,
    'Method not allowed',
    [
      {
        field: 'items[0]',
        message:
          'a Mesh is written at global, and every zone gets it from there: apply it at global (--url or --context)',
      },
    ],
  ])
})

test.each([
  ['{', 400],
  ['null', 400],
  ['{"items":5}', 400],
  ['[]', 200],
])('a body of %s answers %i', async (body, status) => {
  const { call } = zone()
  expect((await call('POST', '/_apply', body)).status).toBe(status)
})

test('lists have bounds of their own', async () => {
  const { call } = zone({ bulkObjectMax: 2, bulkBodyBytes: 500 })
  expect(await call('POST', '/_apply', [{}, {}, {}])).toEqual(
    problem(
      413,
      'Request body is too large',
      'the list has 3 objects, and at most 2 are accepted at once; send them in parts',
    ),
  )
  expect((await call('POST', '/_apply', `[${' '.repeat(500)}]`)).status).toBe(413)
})
