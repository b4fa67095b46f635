import { expect, test } from 'vitest'
import { harness, ok, problem } from '../testing/harness.js'

test('the index tells what kumactl looks for, and needs nobody to say who asks', async () => {
  const { call } = harness('global', {
    authenticate: () => {
      throw new Error('asked who it is')
    },
  })
  expect(await call('GET', '/')).toEqual(
    ok({
      clusterId: 'store-1',
      gui: '',
      hostname: 'cp-1',
      instanceId: 'cp-1-ab12',
      product: 'Kuma',
      version: '2.14.3-preview',
    }),
  )
})

test('JSON is indented by one space, ends with a newline and has no charset', async () => {
  const { inject } = harness('global')
  const response = await inject('GET', '/meshes?name=zzz')
  expect(response.headers['content-type']).toBe('application/json')
  expect(response.body).toBe('{\n "total": 0,\n "items": [],\n "next": null\n}\n')
})

test.each([
  ['GET', '/nope', 404, '404: Page Not Found', undefined],
  ['GET', '//meshes', 404, '404: Page Not Found', undefined],
  ['POST', '/tokens/nope', 404, '404: Page Not Found', undefined],
  ['HEAD', '/meshes', 405, '405: Method Not Allowed', 'GET'],
  ['OPTIONS', '/', 405, '405: Method Not Allowed', 'GET'],
  ['POST', '/meshes', 405, '405: Method Not Allowed', 'GET'],
  ['PUT', '/meshes', 405, '405: Method Not Allowed', 'GET'],
  ['POST', '/meshes/default', 405, '405: Method Not Allowed', 'PUT, DELETE, GET'],
  ['PATCH', '/meshes/default/meshtimeouts/x', 405, '405: Method Not Allowed', 'PUT, DELETE, GET'],
  ['GET', '/_apply', 405, '405: Method Not Allowed', 'POST'],
  ['PUT', '/zones/x/_overview', 405, '405: Method Not Allowed', 'GET'],
] as const)('%s %s answers %i', async (method, url, status, text, allow) => {
  const { inject } = harness('global')
  const response = await inject(method, url)
  // HEAD has no body to look at.
  expect([response.statusCode, response.body, response.headers.allow, response.headers['content-type']]).toEqual([
    status,
    method === 'HEAD' ? '' : text,
    allow,
    'text/plain; charset=utf-8',
  ])
})

test.each([
  [{ accept: 'text/plain' }, 406],
  [{ accept: 'application/yaml' }, 406],
  [{ accept: 'application/json;q=0' }, 406],
  [{ accept: '*/*' }, 200],
  [{ accept: 'text/html, application/json' }, 200],
  [{ 'accept-encoding': 'gzip' }, 200],
] as const)('a client that accepts %j gets %i', async (headers, status) => {
  const { inject } = harness('global')
  const response = await inject('GET', '/_resources', undefined, headers)
  expect([response.statusCode, response.headers['content-encoding']]).toEqual([status, undefined])
  if (status === 406) expect(response.body).toBe('406: Not Acceptable\n\nAvailable representations: application/json')
})

test.each([['text/plain'], ['application/yaml'], ['']])('a body of media type "%s" is refused', async (type) => {
  const { call, store } = harness('global')
  const told = await call('PUT', '/meshes/m1', '{"type":"Mesh","name":"m1"}', { 'content-type': type })
  expect(told).toEqual({ status: 415, body: '415: Unsupported Media Type' })
  expect(store.rows.size).toBe(0)
})

test.each([
  ['GET', '/meshes/%00', undefined],
  ['GET', '/meshes/default/meshtimeouts?name=a%00', undefined],
  ['GET', '/_kri/kri_mt_default___a%00_', undefined],
  ['POST', '/_holdfast/zones/east/pause', '{"reason":"a\\u0000"}'],
  ['PUT', '/meshes/demo', '{"type":"Mesh","name":"demo","\\\\\\u0000":1}'],
] as const)('%s %s %s: a NUL, which no database keeps, is a bad request', async (method, url, payload) => {
  const { app } = harness('global')
  const headers = { 'content-type': 'application/json' }
  const response = await app.inject({ method, url, ...(payload === undefined ? {} : { payload, headers }) })
  expect([response.statusCode, response.json().detail]).toEqual([400, expect.stringContaining('U+0000')])
})

test('what only looks like a NUL is none', async () => {
  const { app } = harness('global')
  expect((await app.inject({ method: 'GET', url: '/meshes/%2500' })).statusCode).toBe(404)
  const labels = '{"type":"Mesh","name":"demo","labels":{"a":"\\\\u0000"}}'
  const options = { method: 'PUT', url: '/meshes/demo', payload: labels } as const
  const response = await app.inject({ ...options, headers: { 'content-type': 'application/json' } })
  expect(response.body).not.toContain('U+0000')
})

test.each([['/meshes/%zz'], [`/meshes/${'a'.repeat(3_000)}`]])('GET %s is a bad request', async (url) => {
  const { call } = harness('global')
  const { status, body } = await call('GET', url)
  expect([status, (body as { title: string }).title]).toEqual([400, 'Bad Request'])
})

test('a media type with parameters is fine, and so is a slash at the end', async () => {
  const { call } = harness('global')
  const body = { type: 'Mesh', name: 'demo2' }
  expect(await call('PUT', '/meshes/demo2/', body, { 'content-type': 'application/json; charset=utf-8' })).toEqual({
    status: 201,
    body: {},
  })
  expect((await call('GET', '/meshes/')).body).toEqual((await call('GET', '/meshes')).body)
})

test('the configuration is shown without its secrets', async () => {
  const { call } = harness('global', {
    config: () => ({
      mode: 'global',
      databaseUrl: 'postgres://holdfast:hunter2@db:5432/holdfast',
      store: { postgres: { password: 'hunter2', port: 5432 } },
      tokens: ['abc'],
    }),
  })
  expect(await call('GET', '/config')).toEqual(
    ok({
      mode: 'global',
      databaseUrl: 'postgres://holdfast:*****@db:5432/holdfast',
      store: { postgres: { password: '*****', port: 5432 } },
      tokens: ['*****'],
    }),
  )
})

test('what nobody foresaw is an internal error outside and the whole cause in the log', async () => {
  const { call, store, logged } = harness('global')
  store.failure = new Error('connection to 10.0.0.7 lost')
  expect(await call('PUT', '/meshes/m1', { type: 'Mesh', name: 'm1' })).toEqual(
    problem(500, 'Failed to create a resource', 'Internal Server Error'),
  )
  expect(JSON.stringify(logged)).toContain('connection to 10.0.0.7 lost')
})

test('_resources lists every type with a path, sorted, with keys in alphabetical order', async () => {
  const { call } = harness('global')
  const { resources } = (await call('GET', '/_resources')).body as { resources: { name: string; path: string }[] }
  expect(resources.map(({ name }) => name)).toEqual(resources.map(({ name }) => name).sort())
  expect(resources.filter(({ name }) => name.startsWith('Vip'))).toEqual([])
  expect(JSON.stringify(resources.find(({ name }) => name === 'MeshTimeout'))).toBe(
    '{"includeInFederation":true,"name":"MeshTimeout","path":"meshtimeouts","pluralDisplayName":"Mesh Timeouts","policy":{"hasFromTargetRef":true,"hasRulesTargetRef":true,"hasToTargetRef":true,"isFromAsRules":true,"isTargetRef":true},"readOnly":false,"scope":"Mesh","shortName":"mt","singularDisplayName":"Mesh Timeout"}',
  )
  expect(JSON.stringify(resources.find(({ name }) => name === 'CircuitBreaker'))).toBe(
    '{"includeInFederation":true,"name":"CircuitBreaker","path":"circuit-breakers","pluralDisplayName":"Circuit Breakers","policy":{"hasFromTargetRef":false,"hasRulesTargetRef":false,"hasToTargetRef":false,"isFromAsRules":false,"isTargetRef":false},"readOnly":false,"scope":"Mesh","shortName":"","singularDisplayName":"Circuit Breaker"}',
  )
  for (const { path } of resources) expect((await call('GET', `/${path}`)).status).toBe(200)
})

test('a federated zone calls every type read-only, as Kuma does', async () => {
  const { call } = harness('federated')
  const { resources } = (await call('GET', '/_resources')).body as { resources: { readOnly: boolean }[] }
  expect(resources.filter(({ readOnly }) => !readOnly)).toEqual([])
})

test('a body over the limit is refused with its type, its size and the limit', async () => {
  const { call, store } = harness('global', { limits: { bodyBytes: 100 } })
  const body = JSON.stringify({ type: 'Mesh', name: 'm1', labels: { a: 'x'.repeat(100) } })
  expect(await call('PUT', '/meshes/m1', body)).toEqual(
    problem(
      413,
      'Request body is too large',
      `the body of the Mesh has ${body.length} bytes, and at most 100 are accepted; send less at a time`,
    ),
  )
  expect(store.rows.size).toBe(0)
})

test('over a real connection the client reads the answer to a body that is too large', async () => {
  const { app } = harness('global', { limits: { bodyBytes: 1000 } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const send = (body: NonNullable<RequestInit['body']>, duplex?: { duplex: 'half' }) =>
      fetch(`${url}/meshes/m1`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body, ...duplex })
    const megabytes = 'x'.repeat(20 << 20)
    expect((await send(megabytes)).status).toBe(413)
    const chunks = new ReadableStream({
      pull(controller) {
        controller.enqueue(Buffer.from('y'.repeat(600)))
        controller.enqueue(Buffer.from('y'.repeat(600)))
        controller.close()
      },
    })
    expect((await send(chunks, { duplex: 'half' })).status).toBe(413)
  } finally {
    await app.close()
  }
})

test.each(['//', '///', '//?a=b', '//:x/', '/meshes?//', '/?%'])('%s is answered, whatever it is', async (url) => {
  const { status } = await harness('global').call('GET', url)
  expect(status).toBeLessThan(500)
})
