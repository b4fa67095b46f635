import { expect, test } from 'vitest'
import type { JsonObject } from '../kinds/json.js'
import { recordedStates } from '../testing/recorded-states.js'
import { typeOf } from '../types.js'
import { changeOf, copyResource, type MoveTarget, moveProblem, planMove } from './plan.js'
import { universalObject, withOwner } from './universal.js'

const states = recordedStates('2.14.3')['5-global-back'] ?? {}
/** All that a recorded control plane had; overviews are no resources. */
const objectsOf = (controlPlane: string): readonly JsonObject[] =>
  Object.entries(states[controlPlane] ?? {}).flatMap(([path, items]) => (path.startsWith('zones') ? [] : items))
const global: MoveTarget = { mode: 'global', zone: '' }
const zone1: MoveTarget = { mode: 'federated', zone: 'zone-1' }

const named = (list: readonly { readonly type: { readonly name: string }; readonly name: string }[]) =>
  list.map(({ type, name }) => `${type.name} ${name}`)

test('what a Kuma global has: its own goes to ours, its zones tell theirs themselves, and their addresses are theirs', () => {
  const { moving, copies, staying, claims } = planMove({ zone: '', objects: objectsOf('global') }, global)
  expect(named(moving)).toEqual([
    'Mesh default',
    'Mesh shop',
    'HostnameGenerator synced-headless-kube-mesh-service',
    'HostnameGenerator synced-kube-mesh-service',
    'HostnameGenerator synced-mesh-external-service',
    'HostnameGenerator synced-mesh-multi-zone-service',
    'HostnameGenerator synced-universal-mesh-service',
    'MeshExternalService billing',
    'MeshMultiZoneService web-everywhere',
    'MeshCircuitBreaker mesh-circuit-breaker-all-default',
    'MeshCircuitBreaker mesh-circuit-breaker-all-shop',
    'MeshRetry mesh-retry-all-default',
    'MeshRetry mesh-retry-all-shop',
    'MeshTimeout mesh-gateways-timeout-all-default',
    'MeshTimeout mesh-timeout-all-default',
    'MeshTimeout slow-down',
    'MeshTimeout mesh-gateways-timeout-all-shop',
    'MeshTimeout mesh-timeout-all-shop',
  ])
  for (const { object } of moving)
    expect(Object.keys(object).filter((key) => ['creationTime', 'kri', 'snis', 'status'].includes(key))).toEqual([])
  expect(staying).toEqual([])
  expect(copies.map(({ type, zone, name }) => `${zone} ${type.name} ${name}`).sort()).toEqual([
    'zone-1 Dataplane web-1-v7wd4bdwc9994762',
    'zone-1 HostnameGenerator local-mesh-external-service-6b28v9789424f4wx',
    'zone-1 HostnameGenerator local-universal-mesh-service-6b9f24zbvcd8db4x',
    'zone-1 MeshService api-d5x44559xbz56dw2',
    'zone-1 MeshService cart-968zcw4vb6fz8cf4',
    'zone-1 MeshService mail-bfw29842fv4bw6f9',
    'zone-1 MeshService web-d49779wdwbz7wb7d',
    'zone-2 HostnameGenerator local-mesh-external-service-6b28vd789424f9z9',
    'zone-2 HostnameGenerator local-universal-mesh-service-6b9f46zbvcd8dx59',
    'zone-2 MeshService search-fbw98cxxx62v6z44',
    'zone-2 MeshService web-d4977dwdwbz7ww95',
  ])
  for (const copy of copies)
    expect(copyResource(copy)).toMatchObject({ name: copy.name, labels: { 'kuma.io/zone': copy.zone } })
  expect(claims.map(({ zone, inZone, mesh, name, address }) => [zone, inZone, mesh, name, address]).sort()).toEqual([
    ['zone-1', 'zone-1', 'default', 'api', '241.0.0.0'],
    ['zone-1', 'zone-1', 'default', 'mail', expect.stringMatching(/^241\./)],
    ['zone-1', 'zone-1', 'default', 'web', '241.0.0.4'],
    ['zone-1', 'zone-1', 'shop', 'cart', expect.stringMatching(/^241\./)],
    ['zone-2', 'zone-2', 'default', 'search', expect.stringMatching(/^241\./)],
    ['zone-2', 'zone-2', 'default', 'web', expect.stringMatching(/^241\./)],
  ])
})

test('what a Kuma zone has: its own goes to our zone of its name, and what every service is called there is kept there', () => {
  const { moving, staying, claims } = planMove({ zone: 'zone-1', objects: objectsOf('zone-1') }, zone1)
  expect(named(moving)).toEqual([
    'HostnameGenerator local-mesh-external-service',
    'HostnameGenerator local-universal-mesh-service',
    'MeshService api',
    'MeshService mail',
    'MeshService web',
    'MeshService cart',
    'Dataplane web-1',
  ])
  expect(moving.find(({ name }) => name === 'web')?.object).toMatchObject({
    labels: { 'kuma.io/origin': 'zone', 'kuma.io/zone': 'zone-1' },
  })
  expect([...new Set(staying.map(({ why }) => why))]).toEqual(['comes from global'])
  // Its own, the other zone's and global's, each under the address that it has here.
  expect(claims.every(({ inZone }) => inZone === 'zone-1')).toBe(true)
  expect([...new Set(claims.map(({ zone }) => zone))].sort()).toEqual([null, 'zone-1', 'zone-2'])
  expect(new Set(claims.map(({ address }) => address)).size).toBe(claims.length)
  expect(claims.find(({ zone, name }) => zone === 'zone-2' && name === 'web')).toMatchObject({ address: '241.0.0.5' })
})

test('of a zone a global takes the addresses and nothing else', () => {
  const { moving, claims } = planMove({ zone: 'zone-1', objects: objectsOf('zone-1') }, global)
  expect(moving).toEqual([])
  expect(claims.length).toBeGreaterThan(6)
})

test('what is impossible says so before anything is read of the other side', () => {
  expect(moveProblem({ zone: '' }, zone1)).toMatch(/this is zone zone-1, and what a Kuma global has goes to a global/)
  expect(moveProblem({ zone: 'zone-2' }, zone1)).toMatch(/a zone moves under its own name/)
  expect([moveProblem({ zone: 'zone-1' }, zone1), moveProblem({ zone: 'zone-1' }, global)]).toEqual([
    undefined,
    undefined,
  ])
})

const timeout = (more: JsonObject = {}): JsonObject => ({
  type: 'MeshTimeout',
  mesh: 'default',
  name: 'slow',
  spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: '5s' } }] },
  ...more,
})

test.each([
  [
    'the same, as its keeper shows it',
    timeout({
      creationTime: '2026-01-01T00:00:00Z',
      labels: { 'kuma.io/mesh': 'default', 'kuma.io/origin': 'global' },
    }),
    'same',
  ],
  ['another spec', timeout({ spec: {} }), 'change'],
  ['nothing', undefined, 'create'],
] as const)('%s is here', (_, existing, action) => {
  const [moving] = planMove({ zone: '', objects: [timeout()] }, global).moving
  if (moving === undefined) throw new Error('it does not move')
  expect(changeOf(moving, existing, global)).toBe(action)
})

test('a label that is not there yet is a change; that a mesh is made without policies is none once it is there', () => {
  const [labelled] = planMove({ zone: '', objects: [timeout({ labels: { team: 'a' } })] }, global).moving
  const [mesh] = planMove(
    { zone: '', objects: [{ type: 'Mesh', name: 'shop', skipCreatingInitialPolicies: ['*'] }] },
    global,
  ).moving
  if (labelled === undefined || mesh === undefined) throw new Error('they do not move')
  expect(changeOf(labelled, timeout(), global)).toBe('change')
  expect(changeOf(mesh, { type: 'Mesh', name: 'shop' }, global)).toBe('same')
  expect(mesh.object).toMatchObject({ skipCreatingInitialPolicies: ['*'] })
})

test('types that we do not know and what cannot be valid stay, each with its reason', () => {
  const objects: readonly JsonObject[] = [
    { type: 'MeshOPA', mesh: 'default', name: 'opa', spec: {} },
    { type: 'MeshTimeout', mesh: 'default', name: 'Not A Name', spec: {} },
    { type: 'GlobalSecret', name: 'inter-cp-ca', data: '' },
    { type: 'MeshInsight', name: 'default' },
  ]
  const { moving, staying } = planMove({ zone: '', objects }, global)
  expect(moving).toEqual([])
  expect(staying.map(({ type, verdict, why }) => [type, verdict, why])).toEqual([
    ['MeshOPA', 'cannot', expect.stringContaining('does not know this type')],
    ['MeshTimeout', 'cannot', expect.stringContaining('name')],
    ['GlobalSecret', 'computed', expect.any(String)],
    ['MeshInsight', 'computed', expect.any(String)],
  ])
})

test('what Kuma had before the targetRef family comes along: a zone that lost it on the way would let nobody in', () => {
  const selectors = {
    sources: [{ match: { 'kuma.io/service': '*' } }],
    destinations: [{ match: { 'kuma.io/service': 'web' } }],
  }
  const objects: readonly JsonObject[] = [
    { type: 'TrafficPermission', mesh: 'default', name: 'all', ...selectors },
    { type: 'TrafficRoute', mesh: 'default', name: 'r', ...selectors, conf: { loadBalancer: { maglev: {} } } },
    { type: 'Timeout', mesh: 'default', name: 't', ...selectors, conf: { connectTimeout: '5s' } },
    {
      type: 'MeshGateway',
      mesh: 'default',
      name: 'edge',
      selectors: [{ match: { 'kuma.io/service': 'edge' } }],
      conf: {
        listeners: [{ port: 443, protocol: 'HTTPS', tls: { mode: 'TERMINATE', certificates: [{ secret: 'c' }] } }],
      },
    },
    {
      type: 'ExternalService',
      mesh: 'default',
      name: 'ex',
      tags: { 'kuma.io/service': 'ex' },
      networking: { address: 'example.com:443', tls: { enabled: true } },
    },
  ]
  const plan = planMove({ zone: '', objects }, global)
  expect(plan.staying).toEqual([])
  expect(plan.moving.map(({ type, object }) => ({ ...object, type: type.name }))).toEqual(
    expect.arrayContaining([...objects]),
  )
  for (const one of plan.moving) expect(changeOf(one, one.object, global)).toBe('same')
})

test('the Kubernetes form of an export says the same', () => {
  const system = 'kuma-system'
  const meta = {
    name: 'slow',
    namespace: system,
    labels: { 'kuma.io/mesh': 'shop' },
    creationTimestamp: '2026-01-01T00:00:00Z',
  }
  expect(
    universalObject({ apiVersion: 'kuma.io/v1alpha1', kind: 'MeshTimeout', metadata: meta, spec: { to: [] } }, system),
  ).toEqual({ type: 'MeshTimeout', mesh: 'shop', name: 'slow', labels: { 'kuma.io/mesh': 'shop' }, spec: { to: [] } })
  expect(
    universalObject(
      { apiVersion: 'kuma.io/v1alpha1', kind: 'Mesh', metadata: { name: 'shop' }, spec: { mtls: {} } },
      system,
    ),
  ).toEqual({ type: 'Mesh', name: 'shop', mtls: {} })
  expect(
    universalObject(
      {
        apiVersion: 'kuma.io/v1alpha1',
        kind: 'Dataplane',
        mesh: 'shop',
        metadata: { name: 'd', namespace: 'apps' },
        spec: { networking: {} },
      },
      system,
    ),
  ).toEqual({
    type: 'Dataplane',
    mesh: 'shop',
    name: 'd.apps',
    labels: { 'k8s.kuma.io/namespace': 'apps' },
    networking: {},
  })
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', labels: { 'kuma.io/mesh': 'shop' } },
    data: { value: 'YQ==' },
  }
  expect(universalObject({ ...secret, type: 'system.kuma.io/secret' }, system)).toEqual({
    type: 'Secret',
    mesh: 'shop',
    name: 's',
    data: 'YQ==',
  })
  expect(universalObject({ ...secret, type: 'Opaque' }, system)).toBeUndefined()
  expect(universalObject({ apiVersion: 'apps/v1', kind: 'Deployment' }, system)).toBeUndefined()
  expect(universalObject(timeout(), system)).toEqual(timeout())
})

test('whose a resource is, is told by its name where the labels are gone', () => {
  const type = typeOf('MeshService')
  const bare = (name: string): JsonObject => ({
    type: 'MeshService',
    mesh: 'default',
    name,
    spec: {},
    status: { vips: [{ ip: '241.0.0.1' }] },
  })
  const labels = (object: JsonObject) => object.labels
  const web = 'web-d49779wdwbz7wb7d'
  const ofZone1 = { 'kuma.io/display-name': 'web', 'kuma.io/zone': 'zone-1' }
  expect(labels(withOwner(type, bare(web), ['zone-2', 'zone-1'], ''))).toEqual({ ...ofZone1, 'kuma.io/origin': 'zone' })
  expect(labels(withOwner(type, bare(web), ['zone-1', 'zone-2'], 'zone-2'))).toEqual({
    ...ofZone1,
    'kuma.io/origin': 'global',
  })
  // Of a zone that is not known here: a copy all the same, and nobody's address.
  const strange = withOwner(type, bare(web), [], 'zone-2')
  expect([labels(strange), 'status' in strange]).toEqual([{ 'kuma.io/origin': 'global' }, false])
  expect(withOwner(type, bare('web'), ['zone-1'], 'zone-1')).toEqual(bare('web'))
  // Global's own, at a zone.
  const slow = { type: 'MeshTimeout', mesh: 'default', name: 'slow-down-ddf4c5fzff974w2b', spec: {} }
  expect(labels(withOwner(typeOf('MeshTimeout'), slow, ['zone-1'], 'zone-1'))).toEqual({
    'kuma.io/display-name': 'slow-down',
    'kuma.io/origin': 'global',
  })
})
