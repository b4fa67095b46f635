import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { MeshGatewaySchema } from '@holdfast/proto'
import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import type { JsonObject } from '../kinds/json.js'
import { runningGateway, selectsGateway } from './gateway.js'
import { fromRulesOfInbounds, matchedPolicies, rulesOfInbounds, toRules } from './matched.js'
import { mergedConfs, routeConf } from './merge.js'
import type { PolicyResource } from './policy-spec.js'
import type { TargetedProxy } from './proxy-target.js'
import { type Referable, resourceRules } from './resource-rules.js'
import { subsetOf, tagRules } from './tag-rules.js'
import { spiffeIdOf } from './workload-identity.js'

const policy = (
  name: string,
  spec: JsonObject = {},
  more: { readonly origin?: string; readonly labels?: Readonly<Record<string, string>> } = {},
): PolicyResource => ({
  ...{ type: 'MeshTimeout', mesh: 'default', name, displayName: name, origin: '', labels: {} },
  ...more,
  spec: utf8(JSON.stringify(spec)),
})
const inbound = { address: '10.0.0.1', port: 80, section: 'http', name: 'http', protocol: 'http' }
const proxy: TargetedProxy = {
  ...{ name: 'dp', origin: 'east', gateway: 'none', gatewayTags: {} },
  labels: { app: 'web', 'kuma.io/zone': 'east', 'k8s.kuma.io/namespace': 'shop' },
  inbounds: [{ ...inbound, tags: { 'kuma.io/service': 'web', version: 'v1' } }],
}
const about = (policies: readonly PolicyResource[], of: TargetedProxy = proxy) =>
  matchedPolicies(policies, of).map(({ policy: { name } }) => name)
const top = (targetRef: JsonObject): JsonObject => ({ targetRef })

test('policies are merged from what is about everything to what is about few, global before the zone, Z before A', () => {
  const zone = { origin: 'east', labels: { 'kuma.io/zone': 'east' } }
  expect(
    about([
      policy('service', top({ kind: 'MeshService', name: 'web' })),
      policy('subset', top({ kind: 'MeshSubset', tags: { version: 'v1' } })),
      policy('section', top({ kind: 'Dataplane', labels: { app: 'web' }, sectionName: 'http' })),
      policy('by-name', top({ kind: 'Dataplane', name: 'dp' }), {
        origin: 'east',
        labels: { ...zone.labels, 'k8s.kuma.io/namespace': 'shop' },
      }),
      policy('by-labels', top({ kind: 'Dataplane', labels: { app: 'web' } })),
      policy('a'),
      policy('z'),
      policy('of-zone', {}, zone),
      policy('producer', {}, { ...zone, labels: { 'kuma.io/policy-role': 'producer' } }),
    ]),
  ).toEqual(['z', 'a', 'of-zone', 'producer', 'by-labels', 'section', 'by-name', 'subset', 'service'])
})

test('who a policy is for: its own zone, its own namespace, or all consumers of what it produces', () => {
  const role = (of: string, namespace: string) => ({
    labels: { 'kuma.io/policy-role': of, 'k8s.kuma.io/namespace': namespace },
  })
  expect(
    about([
      policy('elsewhere', {}, { origin: 'west' }),
      policy('produced', {}, { origin: 'west', ...role('producer', 'bank') }),
      policy('consumer', {}, role('consumer', 'shop')),
      policy('other-consumer', {}, role('consumer', 'bank')),
      policy('owner', {}, { origin: 'east', ...role('workload-owner', 'shop') }),
      policy('named-elsewhere', top({ kind: 'Dataplane', name: 'dp' })),
      policy('no-section', top({ kind: 'Dataplane', sectionName: 'grpc' })),
    ]).sort(),
  ).toEqual(['consumer', 'owner', 'produced'])
})

const gatewayProxy = (kind: 'builtin' | 'delegated'): TargetedProxy => ({
  ...proxy,
  gateway: kind,
  gatewayTags: { 'kuma.io/service': 'gw' },
  inbounds: [],
})
const gateway = (name: string, spec: JsonValue, origin = ''): PolicyResource => ({
  ...policy(name, {}, { origin }),
  type: 'MeshGateway',
  spec: toBinary(MeshGatewaySchema, fromJson(MeshGatewaySchema, spec)),
})
const listening = (match: Readonly<Record<string, string>>, ...listeners: JsonValue[]): JsonValue => ({
  selectors: [{ match }],
  conf: { listeners },
})
const edge = gateway(
  'edge',
  listening({ 'kuma.io/service': 'gw' }, { port: 80, protocol: 'HTTP' }, { port: 443, tags: { tls: 'yes' } }),
)

test('of gateways, those that are delegated are meant by name, builtin ones by the MeshGateway that they run', () => {
  const policies = [
    policy('all'),
    policy('gateways', top({ kind: 'Mesh', proxyTypes: ['Gateway'] })),
    policy('sidecars', top({ kind: 'Mesh', proxyTypes: ['Sidecar'] })),
    policy('labels', top({ kind: 'Dataplane', labels: { app: 'web' } })),
    policy('tags', top({ kind: 'MeshService', name: 'gw' })),
    policy('edge', top({ kind: 'MeshGateway', name: 'edge' })),
    policy('tls', top({ kind: 'MeshGateway', name: 'edge', tags: { tls: 'yes' } })),
    policy('other', top({ kind: 'MeshGateway', name: 'other' })),
    policy('elsewhere', {}, { origin: 'west' }),
  ]
  expect(about(policies, gatewayProxy('delegated'))).toEqual(['gateways', 'all', 'labels', 'tags'])
  // It listens on nothing.
  expect(about(policies, runningGateway(gatewayProxy('builtin'), []))).toEqual([])
  const running = runningGateway(gatewayProxy('builtin'), [edge])
  const ports = Object.fromEntries(
    matchedPolicies(policies, running).map(({ policy: { name }, inbounds }) => [
      name,
      inbounds.map(({ port }) => port),
    ]),
  )
  expect(ports).toEqual({
    ...{ all: [80, 443], gateways: [80, 443], elsewhere: [80, 443] },
    ...{ tags: [80, 443], edge: [80, 443], tls: [443] },
  })
})

test('listeners of one port are one inbound, whatever their hostnames, with what is said to either', () => {
  const listeners = [
    { port: 80, protocol: 'HTTP', hostname: 'a.org', tags: { host: 'a' } },
    { port: 80, protocol: 'HTTP', hostname: 'b.org', tags: { host: 'b' } },
    { port: 81, protocol: 'HTTP' },
  ]
  const running = runningGateway(gatewayProxy('builtin'), [
    gateway('edge', listening({ 'kuma.io/service': 'gw' }, ...listeners)),
  ])
  const ruled = (name: string, idleTimeout: string, host?: string) =>
    policy(name, {
      targetRef: { kind: 'MeshGateway', name: 'edge', ...(host === undefined ? {} : { tags: { host } }) },
      rules: [{ default: { idleTimeout } }],
      from: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout } }],
    })
  const matched = matchedPolicies([ruled('both', '1s'), ruled('a', '2s', 'a'), ruled('b', '3s', 'b')], running)
  // As a Kuma 2.14.3 tells it of the same three.
  expect(
    rulesOfInbounds('MeshTimeout', matched, running).map(({ inbound: { port }, rules }) => [
      port,
      rules.map(({ origin }) => origin.policy.name),
    ]),
  ).toEqual([
    [80, ['both', 'b', 'a']],
    [81, ['both']],
  ])
  expect(
    fromRulesOfInbounds('MeshTimeout', matched, running)?.map(({ inbound: { port }, rules }) => [
      port,
      rules.map(({ conf }) => conf),
    ]),
  ).toEqual([
    [80, [{ idleTimeout: '2s' }]],
    [81, [{ idleTimeout: '1s' }]],
  ])
})

test('a rule about some clients says which, the most exact first; of a kind that knows no clients it is about all', () => {
  const spiffe = (type: string, value: string) => ({ spiffeID: { type, value: `spiffe://x/${value}` } })
  const sni = { sni: { type: 'Exact', value: 'web.mesh' } }
  const rule = (idleTimeout: string, ...matches: JsonObject[]): JsonObject => ({ matches, default: { idleTimeout } })
  const spec: JsonObject = {
    rules: [
      rule('all'),
      rule('two', spiffe('Prefix', 'a'), spiffe('Exact', 'b')),
      rule('sni', sni),
      rule('sni and prefix', { ...spiffe('Prefix', 'c'), ...sni }),
      rule('exact', spiffe('Exact', 'd')),
    ],
  }
  const said = (type: string) =>
    rulesOfInbounds(type, matchedPolicies([{ ...policy('p', spec), type }], proxy), proxy)[0]?.rules.map(
      ({ conf, match }) => [conf.idleTimeout, match],
    )
  // As a Kuma 2.14.3 goes through them.
  expect(said('MeshTimeout')).toEqual([
    ['two', spiffe('Exact', 'b')],
    ['exact', spiffe('Exact', 'd')],
    ['sni and prefix', { ...spiffe('Prefix', 'c'), ...sni }],
    ['two', spiffe('Prefix', 'a')],
    ['sni', sni],
    ['all', undefined],
  ])
  expect(said('MeshCircuitBreaker')).toEqual(
    ['all', 'two', 'sni', 'sni and prefix', 'exact'].map((conf) => [conf, undefined]),
  )
})

test('routes of one gateway: those for listeners with more tags are merged later, whatever their names', () => {
  const route = (name: string, tags: JsonObject, hostnames: JsonObject, matches: string): PolicyResource => ({
    ...policy(name, {
      targetRef: { kind: 'MeshGateway', name: 'edge', ...tags },
      to: [{ targetRef: { kind: 'Mesh' }, ...hostnames, rules: [{ matches: [{ method: matches }], default: {} }] }],
    }),
    type: 'MeshHTTPRoute',
  })
  const tls = { tags: { tls: 'yes' } }
  const routes = [
    route('route-1', {}, {}, 'GET'),
    route('route-2', tls, {}, 'PUT'),
    route('route-3', tls, { hostnames: ['foo.com'] }, 'POST'),
  ]
  const matched = matchedPolicies(routes, runningGateway(gatewayProxy('builtin'), [edge]))
  expect(matched.map(({ policy: { name } }) => name)).toEqual(['route-1', 'route-3', 'route-2'])
  const rules = toRules('MeshHTTPRoute', matched, routes) ?? []
  const methods = (conf: JsonObject) =>
    (conf.rules as readonly { readonly matches: readonly { readonly method: string }[] }[]).map(
      ({ matches }) => matches[0]?.method,
    )
  // As Kuma 2.14.3 shows them: first those of every host, then each host's own.
  expect(rules.map(({ conf }) => [conf.hostnames ?? null, ...methods(conf)])).toEqual([
    [null, 'PUT', 'GET'],
    [['foo.com'], 'POST'],
  ])
})

test('a builtin gateway runs the MeshGateway that says most of it, of its own zone or global', () => {
  const star = gateway('a', listening({ 'kuma.io/service': '*' }, { port: 1 }))
  const exact = gateway('b', listening({ 'kuma.io/service': 'gw' }, { port: 2 }))
  const any = gateway('c', { conf: { listeners: [{ port: 3 }] } })
  const other = gateway('d', listening({ 'kuma.io/service': 'another' }, { port: 4 }))
  const west = gateway('e', listening({ 'kuma.io/service': 'gw' }, { port: 5 }), 'west')
  const run = (...gateways: readonly PolicyResource[]) => runningGateway(gatewayProxy('builtin'), gateways).runs?.name
  expect([run(any, star, exact, other, west), run(any, star, other), run(any, other), run(other, west)]).toEqual([
    ...['b', 'a', 'c', undefined],
  ])
  expect([star, exact, any, other].map((each) => selectsGateway(each, gatewayProxy('builtin')))).toEqual([
    ...[true, true, true, false],
  ])
  expect(selectsGateway(any, gatewayProxy('delegated'))).toBe(false)
})

test('a proxy has the SPIFFE ID of the ready MeshIdentity that says most of it, or none', () => {
  const identity = (name: string, spec: JsonObject, status = 'True', labels = {}) => ({
    ...{ mesh: 'default', name, labels, spec: utf8(JSON.stringify(spec)) },
    status: utf8(JSON.stringify({ conditions: [{ type: 'Ready', status }] })),
  })
  const selecting = (matchLabels: JsonObject, spiffeID: JsonObject = {}): JsonObject => ({
    selector: { dataplane: { matchLabels } },
    spiffeID,
  })
  const universal = { labels: { app: 'web', 'kuma.io/workload': 'web' } }
  const pod = {
    labels: {
      ...{ app: 'web', 'kuma.io/env': 'kubernetes' },
      ...{ 'k8s.kuma.io/namespace': 'shop', 'k8s.kuma.io/service-account': 'sa-1' },
    },
  }
  const all = identity('all', selecting({}))
  const own = identity('own', selecting({ app: 'web' }, { trustDomain: 'acme', path: '/{{ label "app" }}' }))
  const table: readonly (readonly [ReturnType<typeof spiffeIdOf>, ReturnType<typeof spiffeIdOf>])[] = [
    [spiffeIdOf(universal, [all], 'east'), 'spiffe://default.east.mesh.local/workload/web'],
    [spiffeIdOf(pod, [all], 'east'), 'spiffe://default.east.mesh.local/ns/shop/sa/sa-1'],
    [
      spiffeIdOf(universal, [identity('of-west', selecting({}), 'True', { 'kuma.io/zone': 'west' })], 'east'),
      'spiffe://default.west.mesh.local/workload/web',
    ],
    [spiffeIdOf(universal, [all, own], 'east'), 'spiffe://acme/web'],
    // The best one counts, ready or not.
    [spiffeIdOf(universal, [all, identity('own', selecting({ app: 'web' }), 'False')], 'east'), undefined],
    [spiffeIdOf(universal, [{ ...all, status: undefined }], 'east'), undefined],
    [spiffeIdOf(universal, [identity('none', { selector: {} })], 'east'), undefined],
    [spiffeIdOf(universal, [identity('other', selecting({ app: 'api' }))], 'east'), undefined],
    // Without a workload its path would end in a slash.
    [spiffeIdOf({ labels: {} }, [all], 'east'), undefined],
    [spiffeIdOf(universal, [identity('bad', selecting({}, { path: '/{{ label "nope" }}' }))], 'east'), undefined],
  ]
  for (const [found, expected] of table) expect(found).toBe(expected)
})

test('the later over the earlier, lists whole, but those that are appended', () => {
  expect(
    mergedConfs('MeshProxyPatch', [
      { a: { x: 1, y: 1 }, list: [1, 2], appendModifications: [1] },
      { a: { y: 2 }, list: [3], appendModifications: [2] },
    ]),
  ).toEqual([{ a: { x: 1, y: 2 }, list: [3], appendModifications: [1, 2] }])
})

test('routes: equal matches are one, where the last of them stands; hostnames are apart', () => {
  const rule = (path: string, conf: JsonObject): JsonObject => ({ matches: [{ path }], default: conf })
  const routes = (hostnames: readonly string[], ...rules: readonly JsonObject[]) => routeConf({ rules, hostnames })
  expect(
    mergedConfs('MeshHTTPRoute', [
      routes(['a', 'b'], rule('/1', { filters: [1] }), rule('/2', {})),
      routes(['a'], rule('/3', {}), rule('/1', { backendRefs: [1] })),
    ]),
  ).toEqual([
    { rules: [rule('/3', {}), rule('/1', { filters: [1], backendRefs: [1] }), rule('/2', {})], hostnames: ['a'] },
    { rules: [rule('/1', { filters: [1] }), rule('/2', {})], hostnames: ['b'] },
  ])
})

test('what Kuma called a service on Kubernetes means the port of the real one', () => {
  const service = (name: string, zone: string): Referable => ({
    ...{ type: 'MeshService', mesh: 'default', name: `${name}-${zone}` },
    labels: { 'kuma.io/display-name': name, 'k8s.kuma.io/namespace': 'shop', 'kuma.io/zone': zone },
    spec: utf8(JSON.stringify({ selector: {}, ports: [{ port: 80, name: 'http' }, { port: 81 }] })),
  })
  const services = [service('web', 'east'), service('web', 'west'), service('api', 'east')]
  const to = (...refs: readonly JsonObject[]) => {
    const spec = { to: refs.map((targetRef) => ({ targetRef, default: {} })) }
    const found = matchedPolicies([policy('p', spec)], proxy)
    return [...resourceRules('MeshTimeout', found, (type) => (type === 'MeshService' ? services : [])).keys()]
  }
  expect(to({ kind: 'MeshService', name: 'web_shop_svc_80' })).toEqual([
    'kri_msvc_default_east_shop_web_http',
    'kri_msvc_default_west_shop_web_http',
  ])
  expect(to({ kind: 'MeshService', labels: { 'kuma.io/display-name': 'api' }, sectionName: '81' })).toEqual([
    'kri_msvc_default_east_shop_api_81',
  ])
  // One that has no such port is not meant, and a name is one in the policy's own zone.
  expect(to({ kind: 'MeshService', labels: { 'kuma.io/display-name': 'api' }, sectionName: 'no' })).toEqual([])
  expect(to({ kind: 'MeshService', name: 'web' })).toEqual([])
})

test('clients are told apart by every combination of tags, up to a bound', () => {
  const from = (count: number) =>
    Array.from({ length: count }, (_, at) => ({
      policy: policy(`p${at}`),
      subset: subsetOf({ kind: 'MeshSubset', tags: { [`k${at}`]: 'v' } }) ?? [],
      conf: { action: `${at}` },
    }))
  const said = tagRules('MeshTrafficPermission', from(2), true)
  expect(
    said?.map(({ matchers, conf }) => [matchers.map(({ key, not }) => (not ? `!${key}` : key)), conf.action]),
  ).toEqual([
    [['k0', 'k1'], '1'],
    [['!k0', 'k1'], '1'],
    [['k0', '!k1'], '0'],
  ])
  expect(tagRules('MeshTrafficPermission', from(9), true)?.length).toBe(2 ** 9 - 1)
  expect(tagRules('MeshTrafficPermission', from(40), true)).toBeUndefined()
})
