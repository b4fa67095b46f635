import { beforeEach, expect, test } from 'vitest'
import { startMs } from '../testing/fake-store.js'
import { harness, ok, problem } from '../testing/harness.js'

const time = new Date(startMs).toISOString()
const mesh = (name: string, labels?: Readonly<Record<string, string>>) => ({
  type: 'Mesh',
  name,
  creationTime: time,
  modificationTime: time,
  ...(labels === undefined ? {} : { labels }),
  kri: `kri_m____${name}_`,
})
const list = 'Could not retrieve resources'

const { call, inject, store } = harness('global')

beforeEach(() => {
  store.rows.clear()
  store.put({ type: 'Mesh', mesh: '', name: 'default' })
  store.put({ type: 'Mesh', mesh: '', name: 'demo', labels: { team: 'a' } })
  store.put({ type: 'Mesh', mesh: '', name: 'demo2' })
})

test.each([
  [
    '?size=2',
    {
      total: 3,
      items: [mesh('default'), mesh('demo', { team: 'a' })],
      next: 'http://localhost/meshes?offset=2&size=2',
    },
  ],
  ['?size=2&offset=2', { total: 3, items: [mesh('demo2')], next: null }],
  ['?offset=100', { total: 3, items: [], next: null }],
  ['?name=zzz', { total: 0, items: [], next: null }],
  [
    '?name=emo&size=1',
    { total: 2, items: [mesh('demo', { team: 'a' })], next: 'http://localhost/meshes?name=emo&offset=1&size=1' },
  ],
  ['?filter[labels.team]=a', { total: 1, items: [mesh('demo', { team: 'a' })], next: null }],
  ['?filter[labels.team]=a&filter[labels.x]=y', { total: 0, items: [], next: null }],
  ['?filter=a&whatever=1&name=demo2', { total: 1, items: [mesh('demo2')], next: null }],
  ['?size=&offset=&name=demo2', { total: 1, items: [mesh('demo2')], next: null }],
])('GET /meshes%s', async (query, body) => {
  expect(await call('GET', `/meshes${query}`)).toEqual(ok(body))
})

test('a page after this one is asked for with the same filters, percent-encoded and sorted', async () => {
  store.put({ type: 'Mesh', mesh: '', name: 'other', labels: { team: 'a' } })
  const told = await call('GET', '/meshes?size=1&filter[labels.team]=a')
  expect((told.body as { next: string }).next).toBe('http://localhost/meshes?filter%5Blabels.team%5D=a&offset=1&size=1')
})

test('keys of a list come as total, items, next', async () => {
  const { body } = await inject('GET', '/meshes')
  expect(Object.keys(JSON.parse(body))).toEqual(['total', 'items', 'next'])
})

const filter = 'filters are only supported on labels'
test.each([
  { query: '?size=0', detail: 'Invalid page size', field: 'size', reason: 'must be greater than 0' },
  { query: '?size=-3', detail: 'Invalid page size', field: 'size', reason: 'must be greater than 0' },
  { query: '?size=x', detail: 'Invalid page size', field: 'size', reason: 'invalid format' },
  {
    query: '?size=1001',
    detail: 'Invalid page size',
    field: 'size',
    reason: 'invalid page size of 1001. Maximum page size is 1000',
  },
  { query: '?filter[label.team]=a', field: '/meshes.filter[label.team]', reason: filter },
  { query: '?filter[team]=a', field: '/meshes.filter[team]', reason: filter },
  { query: '?filter[]=a', field: '/meshes.filter[]', reason: filter },
  {
    query: '?filter[labels.team][eq]=a',
    field: '/meshes.filter[labels.team][eq]',
    reason: 'advanced filters are not supported',
  },
])('GET /meshes$query is refused', async ({ query, detail = 'Resource is not valid', field, reason }) => {
  expect(await call('GET', `/meshes${query}`)).toEqual(problem(400, list, detail, [field, reason]))
})

test.each([
  ['?offset=x', 'invalid: invalid offset: strconv.Atoi: parsing "x": invalid syntax'],
  ['?offset=-1', 'invalid: invalid offset: must be non-negative'],
])('GET /meshes%s is refused without parameters', async (query, detail) => {
  expect(await call('GET', `/meshes${query}`)).toEqual(problem(400, list, detail))
})

test('filters are named with the template of their route', async () => {
  expect(await call('GET', '/meshes/default/dataplanes?filter[x]=y')).toEqual(
    problem(400, list, 'Resource is not valid', [
      '/meshes/{mesh}/dataplanes.filter[x]',
      'filters are only supported on labels',
    ]),
  )
})

test.each([
  ['GET', '/meshes/nope/meshtimeouts'],
  ['GET', '/meshes/nope/meshtimeouts/x'],
  ['PUT', '/meshes/nope/meshtimeouts/x'],
  ['DELETE', '/meshes/nope/meshtimeouts/x'],
  ['GET', '/meshes/nope/meshservices/x/_hostnames'],
] as const)('%s %s: a mesh that does not exist', async (method, url) => {
  const body = method === 'PUT' ? { type: 'MeshTimeout', mesh: 'nope', name: 'x', spec: {} } : undefined
  expect(await call(method, url, body)).toEqual(problem(404, 'Failed to retrieve Mesh', 'Not found'))
})

test('a resource that does not exist', async () => {
  expect(await call('GET', '/meshes/default/meshtimeouts/nope')).toEqual(
    problem(404, 'Could not retrieve a resource', 'Not found'),
  )
})

test('a type in a mesh is listed in one mesh and in all of them', async () => {
  const spec = Buffer.from('{}')
  store.put({ type: 'MeshRetry', mesh: 'demo', name: 'a', spec })
  store.put({ type: 'MeshRetry', mesh: 'default', name: 'b', spec })
  const names = async (url: string) =>
    ((await call('GET', url)).body as { items: { mesh: string; name: string }[] }).items.map(
      (i) => `${i.mesh}/${i.name}`,
    )
  expect(await names('/meshes/demo/meshretries')).toEqual(['demo/a'])
  expect(await names('/meshretries')).toEqual(['default/b', 'demo/a'])
})

test('whose a resource is can be filtered by, although it is no stored label', async () => {
  const spec = Buffer.from('{}')
  store.put({ type: 'MeshRetry', mesh: 'default', name: 'a', spec })
  for (const name of ['b-1', 'c-1', 'd-1'])
    store.put({ type: 'MeshRetry', mesh: 'default', name, spec, origin: 'east', labels: { app: 'x' } })
  const told = await call('GET', '/meshretries?filter[labels.kuma.io/origin]=zone&filter[labels.app]=x&size=2&offset=1')
  const { total, items, next } = told.body as { total: number; items: { name: string }[]; next: string | null }
  expect([total, items.map(({ name }) => name), next]).toEqual([3, ['c-1', 'd-1'], null])
})

test('kumactl, which never follows next, gets longer pages', async () => {
  for (let i = 0; i < 150; i++) store.put({ type: 'Mesh', mesh: '', name: `m${i}` })
  const count = async (agent: string) =>
    ((await call('GET', '/meshes', undefined, { 'user-agent': agent })).body as { items: unknown[] }).items.length
  expect([await count('curl/8'), await count('kumactl/2.14.3 (linux; amd64; Kuma/1a2b3c4)')]).toEqual([100, 153])
})

test('a resource as a Kubernetes object', async () => {
  // Kubernetes has whole seconds.
  const seconds = time.replace('.000Z', 'Z')
  expect(await call('GET', '/meshes/default?format=k8s')).toEqual(
    ok({
      kind: 'Mesh',
      apiVersion: 'kuma.io/v1alpha1',
      metadata: { name: 'default', creationTimestamp: seconds },
      spec: {},
    }),
  )
  store.put({
    type: 'MeshTimeout',
    mesh: 'default',
    name: 't',
    labels: { 'kuma.io/mesh': 'default' },
    spec: Buffer.from('{"to":[]}'),
  })
  const object = (namespace: string) => ({
    kind: 'MeshTimeout',
    apiVersion: 'kuma.io/v1alpha1',
    metadata: { name: 't', namespace, creationTimestamp: seconds, labels: { 'kuma.io/mesh': 'default' } },
    spec: { to: [] },
  })
  const path = '/meshes/default/meshtimeouts/t'
  expect(await call('GET', `${path}?format=kubernetes`)).toEqual(ok(object('kuma-system')))
  expect(await call('GET', `${path}?format=k8s&namespace=ns1`)).toEqual(ok(object('ns1')))
  expect(await call('GET', `${path}?format=x`)).toEqual(
    problem(400, 'Could not retrieve a resource', 'Resource is not valid', [
      '',
      '"format" must be one of ["k8s", "kubernetes", "universal"]',
    ]),
  )
  // As Kuma's: what was before lives in no namespace, but for what is of one proxy.
  store.put({ type: 'Timeout', mesh: 'default', name: 't', spec: new Uint8Array() })
  store.put({ type: 'Dataplane', mesh: 'default', name: 'dp', spec: new Uint8Array() })
  const namespaceOf = async (of: string) =>
    ((await call('GET', `/meshes/default/${of}?format=k8s&namespace=ns1`)).body as { metadata: { namespace?: string } })
      .metadata.namespace
  expect([await namespaceOf('timeouts/t'), await namespaceOf('dataplanes/dp')]).toEqual([undefined, 'ns1'])
})

test('secrets are for administrators', async () => {
  const { call: asJohn } = harness('global', {
    authenticate: () => ({ name: 'john', groups: ['team-a', 'mesh-system:authenticated'], admin: false }),
  })
  expect(await asJohn('GET', '/globalsecrets')).toEqual(
    problem(
      403,
      'Access Denied',
      'user "john/team-a,mesh-system:authenticated" cannot access the resource of type "GlobalSecret"',
    ),
  )
})
