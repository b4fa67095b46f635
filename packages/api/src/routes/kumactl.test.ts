import { beforeAll, describe, expect, test } from 'vitest'
import { startMs } from '../testing/fake-store.js'
import { harness, invalidBody, problem } from '../testing/harness.js'
import { openReal, type Real } from '../testing/real.js'

/** What kumactl 2.14 asks for, with the answers of a real control plane but for times, VIPs and the display name. */

describe('on a zone', () => {
  let zone: Real
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
  const labels = {
    app: 'web',
    'kuma.io/display-name': 'dp1',
    'kuma.io/env': 'universal',
    'kuma.io/mesh': 'default',
    'kuma.io/origin': 'zone',
    'kuma.io/proxy-type': 'sidecar',
    'kuma.io/zone': 'east',
  }
  const networking = {
    address: '127.0.0.1',
    inbound: [
      { port: 8080, servicePort: 18_080, tags: { 'kuma.io/protocol': 'http', 'kuma.io/service': 'web' }, name: 'http' },
    ],
  }
  const dataplane = (name: string, more: Readonly<Record<string, unknown>>, app = 'web') =>
    zone.call('PUT', `/meshes/default/dataplanes/${name}`, {
      ...{ type: 'Dataplane', mesh: 'default', name, labels: { app } },
      ...more,
    })
  const policy = (type: string, path: string, name: string, spec: object) =>
    zone.call('PUT', `/meshes/default/${path}/${name}`, {
      ...{ type, mesh: 'default', name, spec },
      labels: { 'kuma.io/origin': 'zone' },
    })
  const get = async (url: string) => {
    const { status, body } = await zone.call('GET', url)
    return { status, body }
  }
  beforeAll(async () => {
    zone = await openReal('federated', ['241.64.0.0/20'])
    expect((await dataplane('dp1', { networking })).status).toBe(201)
    const gateway = { type: 'BUILTIN', tags: { 'kuma.io/service': 'gwb' } }
    expect((await dataplane('gwb', { networking: { address: '10.0.0.4', gateway } }, 'gw')).status).toBe(201)
    const to = [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '1s' } }]
    expect((await policy('MeshTimeout', 'meshtimeouts', 'all', { to })).status).toBe(201)
    const ref = { kind: 'Mesh', proxyTypes: ['Gateway'] }
    expect((await policy('MeshTimeout', 'meshtimeouts', 'gw', { targetRef: ref, to })).status).toBe(201)
    await policy('MeshService', 'meshservices', 'web', {
      selector: { dataplaneTags: { 'kuma.io/service': 'web' } },
      ports: [{ port: 80 }],
    })
  })

  const shown = {
    ...{ type: 'DataplaneOverview', mesh: 'default', name: 'dp1', creationTime: time, modificationTime: time, labels },
    kri: 'kri_dp_default_east__dp1_',
    dataplane: { networking },
  }

  test('inspect dataplanes: one, with an empty insight; a list, without', async () => {
    expect(await get('/meshes/default/dataplanes/dp1/_overview')).toEqual({
      status: 200,
      body: { ...shown, dataplaneInsight: {} },
    })
    expect(await get('/meshes/default/dataplanes/_overview?tag=kuma.io/service:we')).toEqual({
      status: 200,
      body: { total: 1, items: [shown], next: null },
    })
    expect((await get('/dataplanes/_overview')).body.total).toBe(2)
    expect((await get('/meshes/default/dataplanes+insights/dp1')).body).toEqual({ ...shown, dataplaneInsight: {} })
    expect(await get('/meshes/default/dataplanes/nope/_overview')).toEqual(
      problem(404, 'Could not retrieve a resource', 'Not found'),
    )
  })

  test.each([
    ['tag=kuma.io/service:web', ['dp1']],
    ['tag=kuma.io/service:web&tag=kuma.io/protocol:ht', ['dp1']],
    ['tag=service:web', []],
    ['tag=kuma.io/service', ['dp1', 'gwb']],
    ['gateway=true', ['gwb']],
    ['gateway=builtin', ['gwb']],
    ['gateway=delegated', []],
    ['gateway=false', ['dp1']],
    ['ingress=true', ['dp1', 'gwb']],
    ['filter[labels.app]=web', ['dp1']],
  ])('dataplanes?%s', async (query, names) => {
    const { body } = await get(`/meshes/default/dataplanes?${query}`)
    expect([body.total, body.items.map(({ name }: { name: string }) => name)]).toEqual([names.length, names])
  })

  test.each([
    [
      'dataplanes?gateway=x',
      '/meshes/{mesh}/dataplanes.gateway',
      "shoud use `true`, `false`, 'builtin' or 'delegated' instead of x",
    ],
    [
      'dataplanes/_overview?filter[x]=y',
      '/meshes/{mesh}/dataplanes/_overview.filter[x]',
      'filters are only supported on labels',
    ],
  ])('%s is refused', async (path, field, reason) => {
    expect(await get(`/meshes/default/${path}`)).toEqual(
      problem(400, 'Could not retrieve resources', 'Resource is not valid', [field, reason]),
    )
  })

  test('inspect of a policy: in both forms, and of one that is not there', async () => {
    const meta = { labels, mesh: 'default', name: 'dp1', type: 'Dataplane' }
    // A builtin gateway that runs no MeshGateway listens on nothing.
    expect((await get('/meshes/default/meshtimeouts/all/dataplanes')).body).toEqual({
      total: 1,
      items: [
        {
          kind: 'SidecarDataplane',
          dataplane: { mesh: 'default', name: 'dp1' },
          attachments: [{ type: 'dataplane' }],
        },
      ],
    })
    for (const tail of ['_resources', '-resources'])
      expect((await get(`/meshes/default/meshtimeouts/all/${tail}/dataplanes?name=dp`)).body).toEqual({
        items: [meta],
        total: 1,
      })
    const names = (await get('/meshes/default/meshtimeouts/gw/_resources/dataplanes')).body.items
    expect(names).toEqual([])
    expect(await get('/meshes/default/meshtimeouts/nope/dataplanes')).toEqual({
      status: 200,
      body: { total: 0, items: [] },
    })
    expect(await get('/meshes/default/meshtimeouts/nope/_resources/dataplanes')).toEqual(
      problem(404, 'Could not retrieve policy', 'Not found'),
    )
    expect((await get('/meshes/default/meshservices/web/_dataplanes')).body).toEqual({ items: [meta], total: 1 })
    expect(await get('/meshes/default/meshservices/web/_dataplanes?size=x')).toEqual(
      problem(400, 'Could not retrieve policy', 'Invalid page size', ['size', 'invalid format']),
    )
  })

  test('inspect of a dataplane', async () => {
    const { body } = await get('/meshes/default/dataplanes/dp1/policies')
    expect([body.kind, body.total]).toEqual(['SidecarDataplane', 1])
    expect(body.items[0].matchedPolicies.MeshTimeout).toEqual([
      {
        ...{ type: 'MeshTimeout', mesh: 'default', name: 'all', creationTime: time, modificationTime: time },
        labels: { ...labels, 'kuma.io/display-name': 'all', app: undefined, 'kuma.io/proxy-type': undefined },
        kri: 'kri_mt_default_east__all_',
      },
    ])
    for (const tail of ['_policies', '_layout'])
      expect(await get(`/meshes/default/dataplanes/dp1/${tail}`)).toEqual(
        problem(400, 'Bad Request', `bad request: can't use ${tail} endpoint without meshService enabled`),
      )
    expect(await get('/meshes/default/dataplanes/dp1/_config')).toEqual(
      problem(404, 'Failed to fetch dataplane insight', 'Not found'),
    )
  })

  test.each([
    ['kri_msvc_default_east__web_', 200, 'web'],
    ['kri_msvc_default_east__web_http', 200, 'web'],
    ['kri_msvc_default_west__web_', 404, 'Could not retrieve a resource: Not found'],
    ['x', 400, 'Bad Request: bad request: invalid identifier string: "x"'],
    ['kri_m_default', 400, 'Bad Request: bad request: invalid identifier string: "kri_m_default"'],
    ['kri_zzz____default_', 400, 'Bad Request: bad request: unknown short name of resource type: "zzz"'],
  ])('_kri/%s', async (kri, status, said) => {
    const answer = await get(`/_kri/${kri}`)
    expect([answer.status, answer.body.name ?? `${answer.body.title}: ${answer.body.detail}`]).toEqual([status, said])
  })

  test('a federated zone tells nothing of whole meshes', async () => {
    expect(await get('/mesh-insights')).toEqual({ status: 200, body: { total: 0, items: [], next: null } })
  })

  test.each(['/zoneingresses', '/zone-ingresses', '/zoneingresses/_overview', '/zoneegresses/_overview'])(
    '%s: nothing there is an empty list',
    async (path) => {
      expect(await get(path)).toEqual({ status: 200, body: { total: 0, items: [], next: null } })
    },
  )
})

describe('on global', () => {
  const { call, store } = harness('global')
  const time = new Date(startMs).toISOString()
  const now = new Date(startMs + 60_000).toISOString()
  beforeAll(async () => {
    store.put({ type: 'Mesh', mesh: '', name: 'default' })
    store.put({ type: 'MeshTimeout', mesh: 'default', name: 't', spec: Buffer.from('{}') })
    store.put({ type: 'HostnameGenerator', mesh: '', name: 'g', spec: Buffer.from('{}') })
    const zone = await openReal('standalone')
    const made = async (name: string, networking: object) => {
      const url = `/meshes/default/dataplanes/${name}`
      const put = await zone.call('PUT', url, { type: 'Dataplane', mesh: 'default', name, networking })
      expect(put.status).toBe(201)
      const row = await zone.store.read.get({ type: 'Dataplane', mesh: 'default', name })
      const labels = { ...row?.labels, 'kuma.io/zone': 'east' }
      if (row !== undefined)
        store.put({ ...row, labels, origin: 'east', revision: undefined, audience: 'all' } as never)
    }
    const tags = { 'kuma.io/service': 'web', 'kuma.io/zone': 'east' }
    await made('dp1', { address: '10.0.0.1', inbound: [{ port: 80, tags }] })
    // As a zone of ours has it: its name stands in the label alone.
    await made('gw', { address: '10.0.0.2', gateway: { tags: { 'kuma.io/service': 'gw' } } })
  })

  test('inspect meshes: every member is there, for kumactl reads them unasked', async () => {
    const offline = { total: 1, offline: 1 }
    expect((await call('GET', '/mesh-insights/default')).body).toEqual({
      ...{ type: 'MeshInsight', name: 'default', creationTime: time, modificationTime: now },
      dataplanes: { total: 2, offline: 2 },
      policies: { MeshTimeout: { total: 1 } },
      dpVersions: { kumaDp: { unknown: { total: 2, offline: 2 } }, envoy: { unknown: { total: 2, offline: 2 } } },
      mTLS: {},
      services: { total: 2, internal: 1 },
      dataplanesByType: { standard: offline, gateway: offline, gatewayBuiltin: {}, gatewayDelegated: offline },
      resources: { Dataplane: { total: 2 }, MeshTimeout: { total: 1 } },
    })
    expect(await call('GET', '/mesh-insights/nope')).toEqual(problem(404, 'Could not retrieve a resource', 'Not found'))
  })

  test('inspect services', async () => {
    const common = { type: 'ServiceInsight', mesh: 'default', creationTime: time, modificationTime: now }
    const gateway = {
      ...{ ...common, name: 'gw', status: 'offline', dataplanes: { total: 1, offline: 1 } },
      serviceType: 'gateway_delegated',
      zones: ['east'],
    }
    const web = {
      ...{ ...common, name: 'web', status: 'offline', dataplanes: { total: 1, offline: 1 } },
      addressPort: 'web.mesh:80',
      zones: ['east'],
    }
    const list = async (query: string) => (await call('GET', `/meshes/default/service-insights${query}`)).body
    expect(await list('')).toEqual({ total: 2, items: [gateway, web], next: null })
    expect(await list('?type=internal')).toEqual({ total: 1, items: [web], next: null })
    expect(await list('?name=w&size=1')).toEqual({
      total: 2,
      items: [gateway],
      next: 'http://localhost/meshes/default/service-insights?name=w&offset=1&size=1',
    })
    expect(await list('?type=nope')).toEqual(problem(400, 'Bad Request', 'bad request: unsupported service type').body)
    expect((await call('GET', '/meshes/default/service-insights/nope')).body).toEqual({
      ...{ ...common, name: 'nope', dataplanes: {}, addressPort: 'nope.mesh:80' },
    })
  })

  test('counts over everything', async () => {
    const none = { offline: 0, online: 0, partiallyDegraded: 0, total: 0 }
    const one = { ...none, offline: 1, total: 1 }
    const nobody = { online: 0, total: 0 }
    expect((await call('GET', '/global-insight')).body).toEqual({
      createdAt: now,
      dataplanes: { gatewayBuiltin: none, gatewayDelegated: one, standard: one },
      meshes: { total: 1 },
      policies: { total: 1 },
      resources: { Dataplane: { total: 2 }, HostnameGenerator: { total: 1 }, MeshTimeout: { total: 1 } },
      services: { external: { total: 0 }, gatewayBuiltin: none, gatewayDelegated: one, internal: one },
      zones: { controlPlanes: nobody, zoneEgresses: nobody, zoneIngresses: nobody },
    })
    expect((await call('GET', '/global-insights')).body).toMatchObject({
      type: 'GlobalInsights',
      resources: { Mesh: { total: 1 }, HostnameGenerator: { total: 1 }, Zone: { total: 0 } },
    })
  })

  test('pitfall 15: kumactl reads one page, so it gets all; others get a hundred', async () => {
    for (let i = 0; i < 150; i++)
      store.put({ type: 'MeshRetry', mesh: 'default', name: `r${i}`, spec: Buffer.from('{}') })
    const count = async (headers: Readonly<Record<string, string>>) =>
      ((await call('GET', '/meshes/default/meshretries', undefined, headers)).body as { items: unknown[] }).items.length
    expect(await count({ 'user-agent': 'kumactl/2.14.3 (linux; amd64; Kuma/1a2b3c4)' })).toBe(150)
    expect(await count({ 'user-agent': 'curl/8' })).toBe(100)
  })

  test('pitfall 20: what kumactl lists it exports, and the authority of this installation is for nobody else', async () => {
    for (const name of ['holdfast-authority-1', 'holdfast-authority-signing', 'mine'])
      store.put({ type: 'GlobalSecret', mesh: '', name, spec: Buffer.from('') })
    const listed = async (agent: string) => {
      const { body } = await call('GET', '/global-secrets', undefined, { 'user-agent': agent })
      const { items, total } = body as { items: readonly { name: string }[]; total: number }
      return [total, ...items.map(({ name }) => name)]
    }
    expect(await listed('kumactl/2.14.3 (linux; amd64; Kuma/1a2b3c4)')).toEqual([1, 'mine'])
    expect(await listed('curl/8')).toEqual([3, 'holdfast-authority-1', 'holdfast-authority-signing', 'mine'])
    expect(await call('GET', '/global-secrets/holdfast-authority-1')).toMatchObject({ status: 200 })
  })

  test.each([
    ['/circuit-breakers'],
    ['/meshes/default/traffic-routes'],
    ['/meshes/default/external-services'],
    ['/meshes/default/virtual-outbounds'],
    ['/meshes/default/meshgateways'],
  ])('%s: a legacy type without resources is an empty list', async (path) => {
    expect(await call('GET', path)).toEqual({ status: 200, body: { total: 0, items: [], next: null } })
  })

  test('a legacy type is kept as it was written, and refused in JSON that has a title where it cannot be read', async () => {
    const path = '/meshes/default/timeouts/t'
    const timeout = {
      ...{ type: 'Timeout', mesh: 'default', name: 't' },
      sources: [{ match: { 'kuma.io/service': '*' } }],
      destinations: [{ match: { 'kuma.io/service': '*' } }],
      conf: { connectTimeout: '10s' },
    }
    expect((await call('PUT', path, timeout)).status).toBe(201)
    expect((await call('GET', path)).body).toMatchObject(timeout)
    expect(await call('PUT', path, { ...timeout, sources: [] })).toEqual(
      invalidBody(['sources', 'must have at least one element']),
    )
    const { status, body } = await call('PUT', path, { ...timeout, conf: { connectTimeout: 'soon' } })
    expect([status, (body as { title: string }).title]).toEqual([400, 'Could not process a resource'])
    expect((await call('GET', path)).body).toMatchObject(timeout)
  })

  test('secrets for Kubernetes are Secrets', async () => {
    await call('PUT', '/meshes/default/secrets/s', { type: 'Secret', mesh: 'default', name: 's', data: 'aGVsbG8=' })
    expect((await call('GET', '/meshes/default/secrets/s?format=k8s')).body).toEqual({
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: {
        name: 's',
        namespace: 'kuma-system',
        creationTimestamp: time.replace('.000Z', 'Z'),
        labels: { 'kuma.io/mesh': 'default' },
      },
      data: { value: 'aGVsbG8=' },
      type: 'system.kuma.io/secret',
    })
  })

  test('_config is the zone’s to tell, before anything is looked up', async () => {
    expect(await call('GET', '/meshes/default/dataplanes/nope/_config')).toEqual(
      problem(405, 'Method not allowed', 'Not allowed on global CP'),
    )
    expect(await call('GET', '/meshes/default/meshgateways/nope/dataplanes')).toEqual(
      problem(404, 'Could not find MeshGateway', 'Not found'),
    )
  })
})
