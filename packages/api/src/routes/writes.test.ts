import { beforeEach, expect, test } from 'vitest'
import { openReal, type Real } from '../testing/real.js'

let api: Real
const url = '/meshes/default/meshtimeouts/slow'
const timeout = (idleTimeout: string, labels: Readonly<Record<string, string>> = {}) => ({
  type: 'MeshTimeout',
  mesh: 'default',
  name: 'slow',
  labels,
  spec: { to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout } }] },
})
beforeEach(async () => {
  api = await openReal('global', [], { initialPolicies: true })
  await api.call('PUT', '/meshes/default', { type: 'Mesh', name: 'default', skipCreatingInitialPolicies: ['*'] })
})

test('a GET has an ETag, the same for the same content, whoever wrote it and however', async () => {
  await api.call('PUT', url, timeout('1h'))
  const { etag } = await api.call('GET', url)
  expect(etag).toMatch(/^"[0-9a-f]{64}"$/)
  await api.call('PUT', url, timeout('2h'))
  expect((await api.call('GET', url)).etag).not.toBe(etag)
  await api.call('PUT', url, timeout('60m0s'))
  expect((await api.call('GET', url)).etag).toBe(etag)
})

test('If-Match: a write over what was read goes through; over anything else it is 412 and names what is different', async () => {
  await api.call('PUT', url, timeout('1h', { team: 'a' }))
  const read = await api.call('GET', url)
  const headers = { 'if-match': read.etag ?? '' }
  expect((await api.call('PUT', url, timeout('2h', { team: 'a' }), headers)).status).toBe(200)
  const revision = await api.revision()
  const { status, body } = await api.call('PUT', url, timeout('3h', { team: 'b' }), headers)
  const now = await api.call('GET', url)
  expect(status).toBe(412)
  expect(body.title).toBe('Precondition failed')
  expect(body.detail).toBe(
    `MeshTimeout "slow" in mesh "default" was changed at ${now.body.modificationTime} and has the ETag ${now.etag} now; read it again and decide anew`,
  )
  expect(body.invalid_parameters).toEqual([
    { field: 'labels.team', reason: 'is "a" now, and would become "b"' },
    { field: 'spec.to[0].default.idleTimeout', reason: 'is "2h0m0s" now, and would become "3h0m0s"' },
  ])
  expect(await api.revision()).toBe(revision)
  expect((await api.call('DELETE', url, undefined, headers)).status).toBe(412)
  expect((await api.call('DELETE', url, undefined, { 'if-match': now.etag ?? '' })).status).toBe(200)
  expect((await api.call('PUT', url, timeout('1h'), headers)).body.detail).toBe(
    'MeshTimeout "slow" in mesh "default" is not there any more; leave If-Match out to create it',
  )
})

test('If-Match: * and If-None-Match: * are about being there', async () => {
  expect((await api.call('PUT', url, timeout('1h'), { 'if-match': '*' })).status).toBe(412)
  expect((await api.call('PUT', url, timeout('1h'), { 'if-none-match': '*' })).status).toBe(201)
  expect((await api.call('PUT', url, timeout('2h'), { 'if-none-match': '*' })).status).toBe(412)
  expect((await api.call('PUT', url, timeout('2h'), { 'if-match': '*' })).status).toBe(200)
  expect((await api.call('PUT', url, timeout('3h'), { 'if-match': '"0", "*"' })).status).toBe(412)
})

test.each([
  [{ 'if-match': 'abc' }, 'If-Match must be * or what a GET has shown as ETag, in quotes, not abc'],
  [{ 'if-match': 'W/"abc"' }, 'If-Match must be * or what a GET has shown as ETag, in quotes, not W/"abc"'],
  [{ 'if-none-match': '"abc"' }, 'If-None-Match must be *, not "abc": it makes a write one that only creates'],
])('%j is refused and nothing is written', async (headers, detail) => {
  const revision = await api.revision()
  expect(await api.call('PUT', url, timeout('1h'), headers)).toMatchObject({ status: 400, body: { detail } })
  expect(await api.revision()).toBe(revision)
})

test('of two who write over the same reading one gets through, every time', async () => {
  await api.call('PUT', url, timeout('1h'))
  for (let round = 1; round <= 20; round++) {
    const headers = { 'if-match': (await api.call('GET', url)).etag ?? '' }
    const answers = await Promise.all(
      [1, 2, 3].map((writer) => api.call('PUT', url, timeout(`${round * 10 + writer}m`), headers)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  }
})

test('a secret that differs is told by place, never by value', async () => {
  const secret = '/meshes/default/secrets/s'
  const body = (data: string) => ({ type: 'Secret', mesh: 'default', name: 's', data })
  await api.call('PUT', secret, body('aGVsbG8='))
  const stale = await api.call('PUT', secret, body('c2VjcmV0'), { 'if-match': '"0"' })
  expect(stale.status).toBe(412)
  expect(stale.body.invalid_parameters).toEqual([{ field: 'data', reason: 'is "*****" now, and would become "*****"' }])
  expect(JSON.stringify(stale.body)).not.toContain('c2VjcmV0')
})

test('a dry run says what would be, with warnings, and writes nothing', async () => {
  const revision = await api.revision()
  const fresh = await api.call('PUT', `${url}?dryRun=true`, timeout('1h'))
  expect(fresh).toMatchObject({
    status: 200,
    body: { dryRun: true, outcome: 'created', item: { name: 'slow', kri: 'kri_mt_default___slow_' } },
  })
  expect(fresh.body.item.spec.to[0].default).toEqual({ idleTimeout: '1h0m0s' })
  expect((await api.call('GET', url)).status).toBe(404)
  expect(await api.revision()).toBe(revision)

  await api.call('PUT', url, timeout('1h'))
  const changed = await api.call('PUT', `${url}?dryRun=true`, timeout('2h', { team: 'a' }))
  expect(changed.body.changes).toEqual([
    { path: 'labels.team', to: 'a' },
    { path: 'spec.to[0].default.idleTimeout', from: '1h0m0s', to: '2h0m0s' },
  ])
  expect((await api.call('PUT', `${url}?dryRun=true`, timeout('1h'))).body).toMatchObject({ outcome: 'unchanged' })
  const from = { ...timeout('1h'), spec: { from: timeout('1h').spec.to } }
  expect((await api.call('PUT', `${url}?dryRun=true`, from)).body.warnings).toEqual([
    "'from' field is deprecated, use 'rules' instead",
  ])
  expect((await api.call('DELETE', `${url}?dryRun=true`)).body).toEqual({ dryRun: true, outcome: 'deleted' })
  expect((await api.call('GET', url)).status).toBe(200)
  const unclear = await api.call('DELETE', `${url}?dryRun=yes`)
  expect([unclear.status, unclear.body.detail]).toEqual([400, 'dryRun must be true or false, not "yes"'])
  expect((await api.call('GET', url)).status).toBe(200)
})

test('a dry run of a service says which VIP it would get, and the real one gets that', async () => {
  const zone = await openReal('federated', ['241.64.0.0/20'])
  const labels = { 'kuma.io/origin': 'zone' }
  const body = { type: 'MeshService', mesh: 'default', name: 'web', labels, spec: { ports: [{ port: 80 }] } }
  const planned = await zone.call('POST', '/_apply?dryRun=true', { items: [body] })
  expect(planned.body).toMatchObject({ dryRun: true, results: [{ outcome: 'created', name: 'web' }] })
  expect((await zone.call('GET', '/_holdfast/vips')).body.items).toEqual([])
  const applied = await zone.call('POST', '/_apply', { items: [body] })
  expect(applied.body.results[0].vips).toEqual(planned.body.results[0].vips)
  expect(planned.body.results[0].item.status.vips).toEqual([{ ip: applied.body.results[0].vips[0] }])
})

test('a new mesh begins with the policies of Kuma, once, in the same transaction', async () => {
  const { revision } = api
  const before = await revision()
  await api.call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop' })
  expect(await revision()).toBe(before + 1)
  const list = async (path: string) =>
    (await api.call('GET', `/meshes/shop/${path}`)).body.items.map(({ name }: { name: string }) => name)
  expect(await list('meshtimeouts')).toEqual(['mesh-gateways-timeout-all-shop', 'mesh-timeout-all-shop'])
  expect(await list('meshretries')).toEqual(['mesh-retry-all-shop'])
  expect((await api.call('GET', '/meshes/shop/meshcircuitbreakers/mesh-circuit-breaker-all-shop')).body.spec).toEqual({
    targetRef: { kind: 'Mesh' },
    to: [
      {
        targetRef: { kind: 'Mesh' },
        default: {
          connectionLimits: { maxConnections: 1024, maxPendingRequests: 1024, maxRetries: 3, maxRequests: 1024 },
        },
      },
    ],
  })
  await api.call('DELETE', '/meshes/shop/meshretries/mesh-retry-all-shop')
  await api.call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop', labels: { a: 'b' } })
  expect(await list('meshretries')).toEqual([])
  const mine = { type: 'MeshRetry', mesh: 'cart', name: 'mesh-retry-all-cart', spec: {} }
  const skip = ['MeshTimeout']
  await api.call('POST', '/_apply', {
    items: [mine, { type: 'Mesh', name: 'cart', skipCreatingInitialPolicies: skip }],
  })
  expect((await api.call('GET', '/meshes/cart/meshretries/mesh-retry-all-cart')).body.spec).toEqual({})
  expect((await api.call('GET', '/meshes/cart/meshtimeouts')).body.total).toBe(0)
  expect((await api.call('GET', '/meshes/cart/meshcircuitbreakers')).body.total).toBe(1)
})
