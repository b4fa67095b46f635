import { allTypes, isPluginPolicy, specSchema } from '@holdfast/model'
import { beforeAll, describe, expect, test } from 'vitest'
import { sample } from '../testing/bodies.js'
import { Chance } from '../testing/chance.js'
import { harness, problem } from '../testing/harness.js'

const api = harness('standalone')
const put = async (path: string, body: Readonly<Record<string, unknown>>) => {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const mesh = path.startsWith('meshes/') ? { mesh: path.split('/')[1] } : {}
  const answer = await api.call('PUT', `/${path}`, { name, ...mesh, ...body })
  expect(answer, path).toMatchObject({ status: 201 })
}
const get = async (path: string) => {
  const { status, body } = await api.call('GET', path)
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is being tested
  return { status, body: body as any }
}
const path = { value: '/v1', type: 'PathPrefix' }
const exact = {
  path,
  method: 'GET',
  queryParams: [{ type: 'Exact', name: 'q', value: '1' }],
  headers: [{ type: 'Exact', name: 'x-a', value: 'b' }],
}
const toWeb = { kind: 'MeshService', name: 'web' }
const file = (to: string) => ({ backends: [{ type: 'File', file: { path: to } }] })

beforeAll(async () => {
  for (const mesh of ['default', 'new']) {
    const mode = mesh === 'new' ? { meshServices: { mode: 'Exclusive' } } : {}
    await api.call('PUT', `/meshes/${mesh}`, { type: 'Mesh', name: mesh, skipCreatingInitialPolicies: ['*'], ...mode })
    const at = `meshes/${mesh}`
    await put(`${at}/dataplanes/dp1`, {
      type: 'Dataplane',
      labels: { app: 'web' },
      networking: {
        address: '10.0.0.1',
        inbound: [
          { port: 80, name: 'http', tags: { 'kuma.io/service': 'web', 'kuma.io/protocol': 'http' } },
          { port: 9, tags: { 'kuma.io/service': 'admin' } },
        ],
        listeners: [{ type: 'ZoneEgress', address: '10.0.0.1', port: 10002 }],
      },
    })
    const labels = { 'kuma.io/origin': 'zone' }
    const policy = (type: string, plural: string, name: string, spec: object, more: object = {}) =>
      put(`${at}/${plural}/${name}`, { type, labels: { ...labels, ...more }, spec })
    const ports = [{ name: 'main', port: 80, targetPort: 80, appProtocol: 'http' }]
    await policy('MeshService', 'meshservices', 'web', { selector: { dataplaneTags: { app: 'web' } }, ports })
    const conf = (path: string, value: object) => ({ matches: [path === 'exact' ? exact : { path }], default: value })
    const rules = [conf('exact', {}), { matches: [{ path }], default: { backendRefs: [{ ...toWeb, port: 80 }] } }]
    await policy('MeshHTTPRoute', 'meshhttproutes', 'r', { to: [{ targetRef: toWeb, rules }] })
    const timeout = (of: object) => ({ idleTimeout: '10s', ...of })
    await policy('MeshTimeout', 'meshtimeouts', 'all', {
      to: [{ targetRef: { kind: 'Mesh' }, default: timeout({ connectionTimeout: '1s' }) }],
    })
    await policy('MeshTimeout', 'meshtimeouts', 'base', { rules: [{ default: timeout({}) }] })
    await policy('MeshTimeout', 'meshtimeouts', 'web', {
      targetRef: { kind: 'Dataplane', name: 'dp1', sectionName: 'http' },
      rules: [{ default: { idleTimeout: '3s' } }],
    })
    await policy('MeshTimeout', 'meshtimeouts', 'zero', {
      to: [{ targetRef: { ...toWeb, sectionName: 'main' }, default: { idleTimeout: '2s' } }],
    })
    await policy('MeshTimeout', 'meshtimeouts', 'others', {
      targetRef: { kind: 'Dataplane', labels: { app: 'api' } },
      rules: [{ default: { idleTimeout: '9s' } }],
    })
    const unseen = { rules: [{ default: { idleTimeout: '8s' } }] }
    await policy('MeshTimeout', 'meshtimeouts', 'shadow', unseen, { 'kuma.io/effect': 'shadow' })
    await policy('MeshTrace', 'meshtraces', 'one', { default: { backends: [], tags: [{ name: 'a', literal: 'b' }] } })
    const item = (kind: string, tags: object | undefined, action: string) => ({
      targetRef: { kind, ...(tags === undefined ? {} : { tags }) },
      default: { action },
    })
    await policy('MeshTrafficPermission', 'meshtrafficpermissions', 'mtp', {
      from: [item('Mesh', undefined, 'Deny'), item('MeshSubset', { team: 'a' }, 'Allow')],
    })
    await policy('MeshAccessLog', 'meshaccesslogs', 'log', {
      from: [{ targetRef: { kind: 'Mesh' }, default: file('/dev/stdout') }],
    })
  }
})

const kri = { dp: 'kri_dp_new_zone-1__dp1_', web: 'kri_msvc_new_zone-1__web_' }
const mt = (name: string) => ({ kri: `kri_mt_new_zone-1__${name}_` })
const at = '/meshes/new/dataplanes/dp1'

describe('_rules', () => {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const ofType = (body: any, type: string) => body.rules.find((rule: { type: string }) => rule.type === type)

  test('matches of routes by the hashes that a real Kuma gives them', async () => {
    const { body } = await get('/meshes/default/dataplanes/dp1/_rules')
    expect(Object.keys(body)).toEqual(['httpMatches', 'resource', 'rules'])
    expect(body.httpMatches).toEqual([
      { hash: '/T8AbrML00hXUp3gVy0l0+5+ccEdaNlZNMqTF66Yt4k=', match: [exact] },
      { hash: 'bzv64o+joRk33jfDADgGv5ar4QyONO0NEVKnoBfJW/E=', match: [{ path }] },
    ])
    expect(body.resource).toMatchObject({ labels: { app: 'web' }, mesh: 'default', name: 'dp1', type: 'Dataplane' })
    expect(body.rules.map(({ type }: { type: string }) => type)).toEqual([
      ...['MeshHTTPRoute', 'MeshAccessLog', 'MeshTrace', 'MeshTimeout', 'MeshTrafficPermission'],
    ])
  })

  test('each inbound has its rules, the most exact last; what is a shadow or about others says nothing', async () => {
    const { inboundRules, fromRules, warnings } = ofType((await get(`${at}/_rules`)).body, 'MeshTimeout')
    const said = inboundRules.map(
      ({
        inbound,
        rules,
      }: {
        inbound: object
        rules: { conf: object[]; origin: { resourceMeta: { name: string } }[] }[]
      }) => [inbound, rules.map(({ conf, origin }) => [conf, origin[0]?.resourceMeta.name])],
    )
    const whole = [[{ idleTimeout: '10s' }], 'base']
    expect(said).toEqual([
      [{ port: 9, tags: { 'kuma.io/service': 'admin' } }, [whole]],
      [
        {
          name: 'http',
          port: 80,
          tags: { 'kuma.io/protocol': 'http', 'kuma.io/service': 'web' },
        },
        [whole, [[{ idleTimeout: '3s' }], 'web']],
      ],
      [{ port: 10002, tags: null }, [whole]],
    ])
    expect([fromRules, warnings]).toEqual([[], []])
  })

  test('towards a port of a service, what is said of the mesh is merged with what is said of the port', async () => {
    const { toResourceRules } = ofType((await get(`${at}/_rules`)).body, 'MeshTimeout')
    const origin = (name: string) => ({
      resourceMeta: expect.objectContaining({ name, type: 'MeshTimeout' }),
      ruleIndex: 0,
    })
    expect(toResourceRules).toEqual([
      {
        conf: [{ idleTimeout: '10s', connectionTimeout: '1s' }],
        origin: [origin('all')],
        resourceMeta: { labels: expect.anything(), mesh: '', name: 'new', type: 'Mesh' },
        resourceSectionName: '',
      },
      {
        conf: [{ idleTimeout: '2s', connectionTimeout: '1s' }],
        origin: [origin('all'), origin('zero')],
        resourceMeta: expect.objectContaining({ mesh: 'new', name: 'web', type: 'MeshService' }),
        resourceSectionName: 'main',
      },
    ])
  })

  test('in the terms of before: clients apart by their tags; outbounds only where the mesh still has them', async () => {
    const { body } = await get('/meshes/default/dataplanes/dp1/_rules')
    const { fromRules, inboundRules } = ofType(body, 'MeshTrafficPermission')
    const matcher = (not: boolean) => [{ key: 'team', not, value: 'a' }]
    expect(fromRules.map(({ inbound }: { inbound: { port: number } }) => inbound.port)).toEqual([9, 80, 10002])
    expect(
      fromRules[0].rules.map(({ conf, matchers }: { conf: object; matchers: object }) => [conf, matchers]),
    ).toEqual([
      [{ action: 'Allow' }, matcher(false)],
      [{ action: 'Deny' }, matcher(true)],
    ])
    expect(inboundRules).toEqual([])
    const toRules = async (mesh: string) =>
      ofType((await get(`/meshes/${mesh}/dataplanes/dp1/_rules`)).body, 'MeshTimeout').toRules
    expect(await toRules('new')).toEqual([])
    expect((await toRules('default')).map(({ matchers }: { matchers: object }) => matchers)).toEqual([
      [{ key: 'kuma.io/service', not: false, value: 'web' }],
      [],
    ])
    // `from` of a kind where that has become `rules` is both.
    expect(ofType(body, 'MeshAccessLog').inboundRules[0].rules[0].conf).toEqual([
      expect.objectContaining(file('/dev/stdout')),
    ])
  })
})

test('policies, in the form of 2.14: by type, and of a type in the order in which they are merged', async () => {
  const { body } = await get(`${at}/policies`)
  expect([body.kind, body.total, body.items.length, body.items[0].type]).toEqual([
    'SidecarDataplane',
    1,
    1,
    'dataplane',
  ])
  const { matchedPolicies } = body.items[0]
  expect(
    Object.entries(matchedPolicies).map(([type, of]) => [type, (of as { name: string }[]).map(({ name }) => name)]),
  ).toEqual([
    ['MeshAccessLog', ['log']],
    ['MeshHTTPRoute', ['r']],
    ['MeshTimeout', ['zero', 'base', 'all', 'web']],
    ['MeshTrace', ['one']],
    ['MeshTrafficPermission', ['mtp']],
  ])
})

test('_policies: one configuration for the whole proxy', async () => {
  expect((await get(`${at}/_policies`)).body).toEqual({
    policies: [
      {
        conf: expect.objectContaining({ tags: [{ name: 'a', literal: 'b' }] }),
        kind: 'MeshTrace',
        origins: [{ kri: 'kri_mtr_new_zone-1__one_' }],
      },
    ],
  })
})

test('_inbounds: by the section of the identifier, a name or a port', async () => {
  const timeouts = async (section: string) => {
    const { body } = await get(`${at}/_inbounds/${kri.dp}${section}/_policies`)
    return body.policies.find((of: { kind: string }) => of.kind === 'MeshTimeout')
  }
  const whole = { conf: { idleTimeout: '10s' }, ...mt('base') }
  expect(await timeouts('http')).toEqual({
    kind: 'MeshTimeout',
    origins: [mt('base'), mt('web')],
    rules: [whole, { conf: { idleTimeout: '3s' }, ...mt('web') }],
  })
  expect((await timeouts('9')).rules).toEqual([whole])
  expect((await timeouts('10002')).rules).toEqual([whole])
  expect(await get(`${at}/_inbounds/${kri.dp}nope/_policies`)).toEqual(
    problem(404, 'Could not retrieve Dataplane', 'dp1 has no inbound "nope"; see its _layout'),
  )
})

test('_outbounds: of the most exact that some policy names, the mesh at last', async () => {
  const conf = async (outbound: string) => {
    const { body } = await get(`${at}/_outbounds/${outbound}/_policies`)
    return body.policies.find((of: { kind: string }) => of.kind === 'MeshTimeout')
  }
  const ofMesh = { conf: [{ idleTimeout: '10s', connectionTimeout: '1s' }], kind: 'MeshTimeout', origins: [mt('all')] }
  expect((await conf(`${kri.web}main`)).conf).toEqual([{ idleTimeout: '2s', connectionTimeout: '1s' }])
  expect(await conf(`${kri.web}other`)).toEqual(ofMesh)
  expect(await conf('kri_extsvc_new_zone-1__any_80')).toEqual(ofMesh)
})

test('_routes of an outbound, and what is said of one of them', async () => {
  const { body } = await get(`${at}/_outbounds/${kri.web}main/_routes`)
  const route = { kri: 'kri_mhttpr_new_zone-1__r_' }
  const refs = { backendRefs: [expect.objectContaining({ kind: 'MeshService', name: 'web', port: 80 })] }
  expect(body).toEqual({
    routes: [
      {
        kind: 'MeshHTTPRoute',
        origins: [route],
        rules: [
          { conf: {}, ...route, matches: [exact] },
          { conf: refs, ...route, matches: [{ path }] },
        ],
      },
    ],
  })
  const policies = await get(`${at}/_outbounds/${kri.web}main/_routes/${route.kri}/_policies`)
  expect(policies.body.policies.map(({ kind, conf }: { kind: string; conf: object }) => [kind, conf])).toEqual([
    ['MeshTimeout', [{ idleTimeout: '2s', connectionTimeout: '1s' }]],
  ])
})

test('_layout: inbounds, listeners, and every service of the mesh', async () => {
  const { body } = await get(`${at}/_layout`)
  const inbound = (section: string, port: number, protocol: string) => ({
    ...{ kri: `${kri.dp}${section}`, port, protocol },
    proxyResourceName: `self_inbound_dp_${section}`,
  })
  expect(body).toEqual({
    inbounds: [inbound('http', 80, 'http'), inbound('9', 9, 'tcp')],
    kri: kri.dp,
    labels: expect.objectContaining({ app: 'web' }),
    listeners: [
      { kri: `${kri.dp}10002`, port: 10002, proxyResourceName: 'self_zoneegress_dp_10002', type: 'ZoneEgress' },
    ],
    outbounds: [{ kri: `${kri.web}main`, port: 80, protocol: 'http', proxyResourceName: `${kri.web}main` }],
  })
})

test('_layout: the SPIFFE ID of a MeshIdentity that is ready', async () => {
  api.store.put({
    ...{ type: 'MeshIdentity', mesh: 'new', name: 'id' },
    spec: Buffer.from('{"selector":{"dataplane":{}},"spiffeID":{"path":"/app/{{ label \\"app\\" }}"}}'),
    status: Buffer.from('{"conditions":[{"type":"Ready","status":"True"}]}'),
  })
  expect((await get(`${at}/_layout`)).body.spiffeId).toBe('spiffe://new.zone-1.mesh.local/app/web')
})

describe('a MeshGateway', () => {
  const of = '/meshes/default/meshgateways'
  beforeAll(async () => {
    const tags = { 'kuma.io/service': 'edge' }
    await put('meshes/default/dataplanes/gw', {
      type: 'Dataplane',
      networking: { address: '10.0.0.9', gateway: { type: 'BUILTIN', tags } },
    })
    const listeners = [{ port: 443, protocol: 'HTTP', tags: { public: 'yes' } }]
    await put('meshes/default/meshgateways/edge', {
      type: 'MeshGateway',
      selectors: [{ match: tags }],
      conf: { listeners },
    })
    // Our API refuses one without selectors; a Kuma may have stored it: one listener, on port 443.
    const spec = Buffer.from('1a05120310bb03', 'hex')
    api.store.put({ type: 'MeshGateway', mesh: 'default', name: 'any', spec })
    await put('meshes/default/meshtimeouts/edge', {
      ...{ type: 'MeshTimeout', labels: { 'kuma.io/origin': 'zone' } },
      spec: {
        targetRef: { kind: 'MeshGateway', name: 'edge' },
        to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '7s' } }],
      },
    })
  })

  test('_rules: what is said to its listeners', async () => {
    const { status, body } = await get(`${of}/edge/_rules`)
    expect([status, body.resource.type, body.resource.name]).toEqual([200, 'MeshGateway', 'edge'])
    const said = body.rules.find(({ type }: { type: string }) => type === 'MeshTimeout')
    expect(said.toRules.at(-1)).toMatchObject({ conf: { idleTimeout: '7s', connectionTimeout: '1s' } })
    const tags = { 'kuma.io/service': 'edge' }
    expect(said.inboundRules.map(({ inbound }: { inbound: object }) => inbound)).toEqual([{ port: 443, tags }])
    // The proxy that runs it is told the same.
    expect((await get('/meshes/default/dataplanes/gw/_rules')).body.rules).toEqual(body.rules)
    expect(await get(`${of}/any/_rules`)).toEqual(
      problem(
        400,
        'Invalid MeshGateway',
        'any has no selectors, and so no proxy of which rules could be told; give it one',
      ),
    )
    expect(await get(`${of}/nope/_rules`)).toEqual(problem(404, 'Could not retrieve MeshGateway', 'Not found'))
  })

  test('dataplanes: those that it selects, and the policies that name it have them too', async () => {
    const one = { total: 1, items: [{ dataplane: { mesh: 'default', name: 'gw' } }] }
    for (const name of ['edge', 'any']) expect((await get(`${of}/${name}/dataplanes`)).body).toEqual(one)
    expect(await get(`${of}/nope/dataplanes`)).toEqual(problem(404, 'Could not find MeshGateway', 'Not found'))
    const { body } = await get('/meshes/default/meshtimeouts/edge/_resources/dataplanes')
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['gw'])
  })
})

test('what was before targetRef is about whom its tags mean, each policy for itself, as Kuma tells it', async () => {
  const match = { 'kuma.io/service': 'web' }
  await put('meshes/default/retries/r', {
    type: 'Retry',
    sources: [{ match }],
    destinations: [{ match: { 'kuma.io/service': '*' } }],
    conf: { tcp: { maxConnectAttempts: 3 } },
  })
  await put('meshes/default/proxytemplates/p', { type: 'ProxyTemplate', selectors: [{ match }], conf: {} })
  const public_ = { 'kuma.io/service': 'edge', public: 'yes' }
  const conf = { http: { rules: [] } }
  await put('meshes/default/meshgatewayroutes/public', {
    type: 'MeshGatewayRoute',
    selectors: [{ match: public_ }],
    conf,
  })
  await put('meshes/default/meshgatewayroutes/other', { type: 'MeshGatewayRoute', selectors: [{ match }], conf })
  const names = async (path: string) =>
    (await get(`/meshes/default/${path}`)).body.items.map(
      ({ name, dataplane }: { name: string; dataplane?: { name: string } }) => dataplane?.name ?? name,
    )
  expect(await names('retries/r/_resources/dataplanes')).toEqual(['dp1', 'gw'])
  expect(await names('proxytemplates/p/_resources/dataplanes')).toEqual(['dp1'])
  // A route is for listeners of gateways; of those that look at tags alone it has those with the tags.
  expect(await names('meshgatewayroutes/public/dataplanes')).toEqual(['gw'])
  expect(await names('meshgatewayroutes/other/dataplanes')).toEqual([])
  expect(await names('meshgatewayroutes/other/_resources/dataplanes')).toEqual(['dp1'])
  expect(await get('/meshes/default/meshgatewayroutes/nope/dataplanes')).toEqual(
    problem(404, 'Could not find MeshGatewayRoute', 'Not found'),
  )
})

test('a policy about a route is about the proxies that the route is about', async () => {
  await put('meshes/default/meshtimeouts/on-route', {
    ...{ type: 'MeshTimeout', labels: { 'kuma.io/origin': 'zone' } },
    spec: {
      targetRef: { kind: 'MeshHTTPRoute', name: 'r' },
      to: [{ targetRef: { kind: 'Mesh' }, default: { http: { requestTimeout: '2s' } } }],
    },
  })
  const { body } = await get('/meshes/default/meshtimeouts/on-route/_resources/dataplanes')
  expect(body.items.map(({ name }: { name: string }) => name)).toContain('dp1')
})

test.each([
  ['_inbounds/x/_policies', 'bad request: invalid identifier string: "x"'],
  [
    '_inbounds/id_dp_new_zone-1__dp1_http/_policies',
    'bad request: identifier must start with \'kri\': "id_dp_new_zone-1__dp1_http"',
  ],
  ['_outbounds/kri_zz_new____/_policies', 'bad request: unknown short name of resource type: "zz"'],
  ['_outbounds/kri_msvc_new_zone-1__web_main/_routes/x/_policies', 'bad request: invalid identifier string: "x"'],
])('%s: %s', async (tail, detail) => {
  expect(await get(`${at}/${tail}`)).toEqual(problem(400, 'Bad Request', detail))
})

test.each(['_rules', '_policies', `_inbounds/${kri.dp}http/_policies`, `_outbounds/${kri.web}main/_routes`])(
  '%s of what is not there',
  async (tail) => {
    expect(await get(`/meshes/default/dataplanes/nope/${tail}`)).toEqual(
      problem(404, 'Could not retrieve Dataplane', 'Not found'),
    )
    expect(await get(`/meshes/nope/dataplanes/dp1/${tail}`)).toEqual(
      problem(404, 'Failed to retrieve Mesh', 'Not found'),
    )
    if (tail === '_rules') return
    expect(await get(`/meshes/default/dataplanes/dp1/${tail}`)).toEqual(
      problem(400, 'Bad Request', "bad request: can't use _policies endpoint without meshService enabled"),
    )
  },
)

test('whatever policies hold that peers have sent, every view of a proxy is an answer', async () => {
  const odd = harness('standalone')
  const mesh = { type: 'Mesh', name: 'new', skipCreatingInitialPolicies: ['*'], meshServices: { mode: 'Exclusive' } }
  await odd.call('PUT', '/meshes/new', mesh)
  const networking = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] }
  await odd.call('PUT', '/meshes/new/dataplanes/dp1', { type: 'Dataplane', mesh: 'new', name: 'dp1', networking })
  const chance = new Chance(54)
  const junk = ['null', '[]', '{', '{"to":[null,1,{"targetRef":{"kind":"Mesh"},"default":null,"rules":[null,{}]}]}']
  const more = ['{"from":[{}],"rules":[1,{}],"default":[]}', '{"to":{},"from":"x","rules":null}', '{"targetRef":5}']
  for (const type of allTypes.filter(isPluginPolicy)) {
    const specs = [...junk, ...more]
    for (let at = 0; at < 12; at++) specs.push(JSON.stringify(sample(specSchema(type), chance)))
    for (const [at, spec] of specs.entries())
      odd.store.put({ type: type.name, mesh: 'new', name: `p${at}`, spec: Buffer.from(spec) })
  }
  for (const tail of [
    ...['_rules', 'policies', '_policies', '_layout', `_inbounds/${kri.dp}80/_policies`],
    ...['', '/_routes', '/_routes/kri_mhttpr_new___p7_'].flatMap((more_) =>
      more_ === '/_routes'
        ? [`_outbounds/${kri.web}main${more_}`]
        : [`_outbounds/${kri.web}main${more_}/_policies`, `_outbounds/kri_m____new_${more_}/_policies`],
    ),
  ])
    expect([tail, (await odd.call('GET', `${at}/${tail}`)).status]).toEqual([tail, 200])
})
