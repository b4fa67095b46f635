import { type RecordedState, recordedStates } from '@holdfast/model/testing'
import { expect, test } from 'vitest'
import { apiError, type Ran, run, type World } from '../testing/run.js'

const kuma = 'http://kuma:5681'
const states = recordedStates('2.14.3')['5-global-back'] ?? {}

/** A running Kuma that answers as the recorded one did; lists come in pages of two. */
function answersOf(controlPlane: string, zone = ''): World['answers'] {
  const state: RecordedState = states[controlPlane] ?? {}
  const lists = Object.entries(state).filter(([path]) => !path.startsWith('zones'))
  const multizone = { zone: { name: zone } }
  return {
    [`GET ${kuma}/`]: { product: 'Kuma', version: '2.14.3' },
    [`GET ${kuma}/config`]: { mode: zone === '' ? 'global' : 'zone', multizone },
    [`GET ${kuma}/_resources`]: {
      resources: lists.map(([path, items]) => ({
        name: String(items[0]?.type ?? 'MeshTrafficPermission'),
        path,
        scope: 'Mesh',
      })),
    },
    ...Object.fromEntries(
      lists.flatMap(([path, items]) => {
        const pages = Array.from({ length: Math.max(1, Math.ceil(items.length / 2)) }, (_, i) => i)
        return pages.map((i) => [
          `GET ${kuma}/${path}?${i === 0 ? 'size=1000' : `offset=${2 * i}&size=2`}`,
          {
            total: items.length,
            items: items.slice(2 * i, 2 * i + 2),
            next: 2 * i + 2 < items.length ? `http://elsewhere/${path}?offset=${2 * i + 2}&size=2` : null,
          },
        ])
      }),
    ),
  }
}

const empty = { total: 0, items: [], next: null }
const ours = (mode: string, zone: string | null, lists: Readonly<Record<string, unknown>> = {}): World['answers'] => ({
  'GET /_holdfast/status': { mode, zone },
  ...Object.fromEntries(
    [
      'meshes',
      'hostnamegenerators',
      'meshservices',
      'meshexternalservices',
      'meshmultizoneservices',
      'meshtimeouts',
      'meshcircuitbreakers',
      'meshretries',
      'dataplanes',
      'globalsecrets',
      'secrets',
    ].map((path) => [`GET /${path}?size=1000`, lists[path] ?? empty]),
  ),
})

/** Whatever is claimed is verdict by verdict as given, the rest an alias. */
const verdicts = (claims: number, ...first: readonly object[]) => ({
  'POST /_holdfast/import/copies': { items: Array.from({ length: 20 }, () => ({ verdict: 'create' })) },
  'POST /_holdfast/vips/import': {
    items: Array.from({ length: claims }, (_, i) => first[i] ?? { verdict: 'alias' }),
  },
})

const written = (ran: Ran) => ran.asked.filter(([request]) => request.startsWith('POST'))

test('a plan first: what is created, which addresses are kept and which not; nothing is written', async () => {
  const ran = await run(['import', 'kuma', '--from', kuma], {
    answers: {
      ...answersOf('global'),
      ...ours('global', null, {
        meshes: {
          total: 1,
          items: [{ type: 'Mesh', name: 'default', labels: { 'kuma.io/origin': 'global' } }],
          next: null,
        },
      }),
      ...verdicts(
        6,
        { verdict: 'alias' },
        { verdict: 'canonical' },
        { verdict: 'refused', reason: 'it lies in block 241.0.0.0/20' },
        { verdict: 'here' },
      ),
    },
  })
  expect(ran.out).toBeGolden('import-kuma-plan.txt')
  expect([ran.status, ran.err]).toEqual([1, ''])
  expect(written(ran)).toEqual([
    ['POST /_holdfast/vips/import', expect.objectContaining({ apply: false })],
    ['POST /_holdfast/import/copies', expect.objectContaining({ apply: false, zone: 'zone-1' })],
    ['POST /_holdfast/import/copies', expect.objectContaining({ apply: false, zone: 'zone-2' })],
  ])
})

test('--yes: addresses first, then resources, in the order in which they may be written', async () => {
  const ran = await run(['import', 'kuma', '--from', kuma, '--yes', '-o', 'json'], {
    answers: { ...answersOf('zone-1', 'zone-1'), ...ours('federated', 'zone-1'), ...verdicts(20), 'POST /_apply': {} },
  })
  expect([ran.status, ran.err]).toEqual([0, ''])
  const [claims, applied] = written(ran)
  expect(claims).toEqual(['POST /_holdfast/vips/import', expect.objectContaining({ apply: true })])
  const { items } = (applied?.[1] ?? { items: [] }) as {
    readonly items: readonly { readonly type: string; readonly name: string }[]
  }
  expect(items.map(({ type, name }) => `${type} ${name}`)).toEqual([
    'HostnameGenerator local-mesh-external-service',
    'HostnameGenerator local-universal-mesh-service',
    'MeshService api',
    'MeshService mail',
    'MeshService web',
    'MeshService cart',
    'Dataplane web-1',
  ])
  expect(JSON.parse(ran.out)).toMatchObject({ applied: true, from: 'Kuma 2.14.3, zone zone-1, at http://kuma:5681' })
})

test('done again there is nothing to do, and nothing is written', async () => {
  const state = states['zone-1'] ?? {}
  const lists = Object.fromEntries(
    Object.entries(state).map(([path, items]) => [path, { total: items.length, items, next: null }]),
  )
  const ran = await run(['import', 'kuma', '--from', kuma, '--yes'], {
    answers: {
      ...answersOf('zone-1', 'zone-1'),
      ...ours('federated', 'zone-1', lists),
      ...verdicts(20, ...Array(20).fill({ verdict: 'here' })),
    },
  })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toContain('everything is here already: nothing to do')
  expect(written(ran).map(([request]) => request)).toEqual(['POST /_holdfast/vips/import'])
})

test('a token and headers go to Kuma, and to nobody else', async () => {
  const ran = await run(
    ['import', 'kuma', '--from', kuma, '--from-token-file', 'token', '--from-header', 'x-tenant: a:b'],
    {
      answers: { ...answersOf('zone-1', 'zone-1'), ...ours('federated', 'zone-1'), ...verdicts(20) },
      files: { token: 'secret\n' },
      env: { HOLDFAST_TOKEN: 'ours' },
      sees: ['authorization', 'x-tenant'],
    },
  )
  expect(ran.status).toBe(0)
  const seen = (prefix: string) =>
    new Set(
      ran.asked
        .map(([request]) => request)
        .filter((request) => request.includes(prefix))
        .map((r) => r.replace(/^.*\(/, '(')),
    )
  expect(seen('GET http://kuma')).toEqual(new Set(['(authorization: Bearer secret, x-tenant: a:b)']))
  expect(seen(' /')).toEqual(new Set(['(authorization: Bearer ours, x-tenant: )']))
})

test('a Kuma behind a certificate of its own is asked with the authority that is said, and ours is not; without it the option is named', async () => {
  const asked: unknown[] = []
  const ran = await run(['import', 'kuma', '--from', kuma, '--from-ca-cert-file', 'ca.pem'], {
    answers: { ...answersOf('zone-1', 'zone-1'), ...ours('federated', 'zone-1'), ...verdicts(20) },
    onConnect: (tls) => asked.push(tls.caCertFile),
  })
  expect([ran.status, asked]).toEqual([0, ['ca.pem', undefined]])
  const untrusted = await run(['import', 'kuma', '--from', kuma], {
    answers: {
      ...ours('global', null),
      [`GET ${kuma}/`]: Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    },
  })
  expect(untrusted.err).toBe(
    `Error: cannot reach a control plane at ${kuma}: its certificate is not trusted (self-signed certificate); say whom to trust with --from-ca-cert-file; is it running there? Say another place with --from\n`,
  )
})

test('everything that cannot be read is told at once, with what to do, and nothing is written', async () => {
  const ran = await run(['import', 'kuma', '--from', kuma, '--yes'], {
    answers: {
      ...answersOf('global'),
      ...ours('global', null),
      [`GET ${kuma}/_resources`]: {
        resources: [
          { name: 'Secret', path: 'secrets' },
          { name: 'GlobalSecret', path: 'globalsecrets' },
          { name: 'Mesh', path: 'meshes' },
        ],
      },
      [`GET ${kuma}/secrets?size=1000`]: apiError(403, 'Access Denied', 'user "anonymous" cannot access'),
      [`GET ${kuma}/globalsecrets?size=1000`]: apiError(403, 'Access Denied', 'user "anonymous" cannot access'),
    },
  })
  expect(ran.status).toBe(1)
  expect(ran.err).toMatch(/Secret: .*Access Denied/)
  expect(ran.err).toMatch(/GlobalSecret: .*Access Denied/)
  expect(ran.err).toContain('--from-token-file')
  expect(written(ran)).toEqual([])
})

test.each([
  ['neither source', ['import', 'kuma'], 'say either --from or --from-export'],
  ['both', ['import', 'kuma', '--from', kuma, '--from-export', 'x'], 'say either --from or --from-export'],
  ['no URL', ['import', 'kuma', '--from', 'kuma:5681'], 'is no URL'],
  ['a header that is none', ['import', 'kuma', '--from', kuma, '--from-header', 'x'], 'is no "name: value"'],
])('asked wrongly: %s', async (_, args, message) => {
  const ran = await run(args, {})
  expect([ran.status, ran.err]).toEqual([2, expect.stringContaining(message)])
})

test('who is asked is looked at first', async () => {
  const from = async (answers: World['answers'] = {}) =>
    (await run(['import', 'kuma', '--from', kuma], { answers })).err
  expect(await from({ [`GET ${kuma}/`]: { product: 'Kuma', version: '2.14.3-preview.holdfast-0.1.0' } })).toContain(
    'is Holdfast 0.1.0 already',
  )
  expect(await from({ [`GET ${kuma}/`]: { hello: 'world' } })).toContain('is no control plane')
  expect(
    await from({
      [`GET ${kuma}/`]: { product: 'Kuma', version: '2.14.3' },
      [`GET ${kuma}/config`]: apiError(403, 'Access Denied', 'no'),
    }),
  ).toContain('say --from-zone NAME or --from-zone global')
  expect(await from({ ...answersOf('zone-1', 'zone-1'), ...ours('federated', 'east') })).toContain(
    "this is zone east, and that is Kuma's zone zone-1",
  )
})

const yaml = `# Product: Kuma, Version: 2.14.3
---
type: Mesh
name: shop
skipCreatingInitialPolicies:
- '*'
---
type: MeshService
mesh: shop
name: cart-968zcw4vb6fz8cf4
labels:
  kuma.io/display-name: cart
  kuma.io/origin: zone
  kuma.io/zone: zone-1
spec:
  ports: []
status:
  vips:
  - ip: 241.0.0.7
`

const kubernetes = `apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata:
  name: shop
spec:
  skipCreatingInitialPolicies:
  - '*'
---
apiVersion: kuma.io/v1alpha1
kind: MeshService
metadata:
  name: cart-968zcw4vb6fz8cf4
  namespace: kuma-system
  labels:
    kuma.io/mesh: shop
spec:
  ports: []
status:
  vips:
  - ip: 241.0.0.7
---
apiVersion: kuma.io/v1alpha1
kind: Zone
metadata:
  name: zone-1
spec:
  enabled: true
`

test.each([
  ['universal', yaml, 'Mesh shop'],
  ['kubernetes', kubernetes, 'Mesh shop, Zone zone-1'],
])('what kumactl export has printed, -f %s', async (_, text, created) => {
  const ran = await run(['import', 'kuma', '--from-export', 'mesh.yaml', '-o', 'json'], {
    files: { 'mesh.yaml': text },
    answers: { ...ours('global', null), 'GET /zones?size=1000': empty, ...verdicts(1) },
  })
  expect([ran.err, ran.status]).toEqual(['', 0])
  const said = JSON.parse(ran.out) as {
    readonly resources: readonly { readonly action: string; readonly type: string; readonly name: string }[]
    readonly vips: readonly object[]
  }
  const of = (action: string) =>
    said.resources
      .filter((line) => line.action === action)
      .map(({ type, name }) => `${type} ${name}`)
      .join(', ')
  expect([of('create'), of('copy')]).toEqual([created, 'MeshService cart-968zcw4vb6fz8cf4'])
  expect(said.vips).toEqual([
    {
      ...{ kind: 'MeshService', mesh: 'shop', zone: 'zone-1', namespace: '', name: 'cart' },
      ...{ inZone: 'zone-1', address: '241.0.0.7', verdict: 'alias', why: '' },
    },
  ])
})

test('an export that is a zone’s says so, one that is cut off at 100 is doubted, and what is none is placed', async () => {
  const from = async (text: string, ...more: readonly string[]) =>
    run(['import', 'kuma', '--from-export', 'x.yaml', ...more], {
      files: { 'x.yaml': text },
      answers: { ...ours('global', null), ...verdicts(0) },
    })
  const copy = yaml.replace('kuma.io/origin: zone', 'kuma.io/origin: global')
  expect((await from(copy)).err).toContain('say which zone it is with --from-zone')
  const timeouts = Array.from(
    { length: 100 },
    (_, i) => `---\ntype: MeshTimeout\nmesh: shop\nname: t${i}\nspec: {}\n`,
  ).join('')
  expect((await from(timeouts)).err).toContain('exactly 100 MeshTimeout of mesh shop')
  const wrong = await from('apiVersion: apps/v1\nkind: Deployment\n---\nfoo: 1\n')
  expect(wrong.status).toBe(1)
  expect(wrong.err).toMatch(/x\.yaml:1:1: is no object of Kuma/)
  expect(wrong.err).toMatch(/x\.yaml:4:1: says neither type nor/)
})
