import { beforeEach, describe, expect, test } from 'vitest'
import { startMs } from '../testing/fake-store.js'
import { created, harness, invalidBody, ok, problem } from '../testing/harness.js'

const time = new Date(startMs).toISOString()
const onGlobal =
  "On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.\n"
const onZone =
  "On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.\n"

const originZone = { 'kuma.io/origin': 'zone' }
const service = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'MeshService',
  mesh: 'default',
  name,
  labels: originZone,
  spec: {},
  ...more,
})

describe('on global', () => {
  const { call, store } = harness('global')
  beforeEach(() => {
    store.clear()
    store.put({ type: 'Mesh', mesh: '', name: 'default' })
  })

  test.each([
    ['/meshes/demo2', { type: 'Mesh', name: 'demo2' }, created()],
    ['/meshes/demo2', { type: 'Mesh', name: 'demo2', mesh: 'demo' }, created()],
    ['/meshes/default', { type: 'Mesh', name: 'default', skipCreatingInitialPolicies: ['*'] }, ok()],
    [
      '/meshes/demo2',
      { type: 'Mesh', name: 'demo' },
      invalidBody(['name', 'name from the URL has to be the same as in body']),
    ],
    [
      '/meshes/demo2',
      { type: 'Meshx', name: 'demo2' },
      invalidBody(['type', 'type from the URL has to be the same as in body']),
    ],
    ['/meshes/demo2', '{', problem(400, 'Bad Request', 'invalid Mesh object: "unexpected end of JSON input"')],
    ['/meshes/demo2', '', problem(400, 'Bad Request', 'invalid Mesh object: "unexpected end of JSON input"')],
    [
      '/meshes/demo3',
      { type: 'Mesh', name: 'demo3', labels: { 'kuma.io/origin': 'zone' } },
      invalidBody(['labels["kuma.io/origin"]', "the origin label must be set to 'global'"]),
    ],
    [
      '/meshes/demo3',
      { type: 'Mesh', name: 'demo3', labels: { 'kuma.io/origin': 'nope' } },
      invalidBody(
        ['labels["kuma.io/origin"]', 'unknown resource origin "nope"'],
        ['labels["kuma.io/origin"]', "the origin label must be set to 'global'"],
      ),
    ],
    ['/zones/zx', { type: 'Zone', name: 'zx', enabled: false }, created()],
    [
      '/meshes/default/meshservices/a',
      { type: 'MeshService', mesh: 'default', name: 'a', spec: {} },
      problem(405, 'Method not allowed', onGlobal),
    ],
    // A read-only type is refused before anything else is looked at.
    ['/meshes/nope/dataplanes/a', 'not JSON', problem(405, 'Method not allowed', onGlobal)],
    ['/zone-insights/a', {}, problem(405, 'Method not allowed', onGlobal)],
  ])('PUT %s %j', async (url, body, told) => {
    expect(await call('PUT', url, body)).toEqual(told)
  })

  test('what was stored is shown', async () => {
    await call('PUT', '/zones/zx', { type: 'Zone', name: 'zx', enabled: false })
    expect(await call('GET', '/zones/zx')).toEqual(
      ok({ type: 'Zone', name: 'zx', creationTime: time, modificationTime: time, kri: 'kri_z____zx_', enabled: false }),
    )
  })

  test('a copy of a zone is neither changed nor deleted here', async () => {
    const name = 'zt-xww7b765wcbbvwxd'
    const labels = { 'kuma.io/display-name': 'zt', 'kuma.io/mesh': 'default', 'kuma.io/zone': 'zone-1' }
    store.put({ type: 'MeshRetry', mesh: 'default', name, labels, origin: 'zone-1', spec: Buffer.from('{}') })
    const url = `/meshes/default/meshretries/${name}`
    const body = { type: 'MeshRetry', mesh: 'default', name, spec: {} }
    expect(await call('PUT', url, body)).toEqual(
      problem(
        400,
        'Could not update a resource',
        'Resource is not valid',
        ['labels["kuma.io/origin"]', 'is immutable, cannot be removed (was "zone")'],
        ['labels["kuma.io/zone"]', 'is immutable, cannot be removed (was "zone-1")'],
        ['labels["kuma.io/display-name"]', 'is immutable, cannot be removed (was "zt")'],
      ),
    )
    expect(await call('PUT', url, { ...body, labels: { 'kuma.io/origin': 'global' } })).toEqual(
      problem(
        400,
        'Could not update a resource',
        'Resource is not valid',
        ['labels["kuma.io/origin"]', 'is immutable, cannot be changed from "zone" to "global"'],
        ['labels["kuma.io/zone"]', 'is immutable, cannot be removed (was "zone-1")'],
        ['labels["kuma.io/display-name"]', 'is immutable, cannot be removed (was "zt")'],
      ),
    )
    expect(await call('PUT', url, { ...body, labels: originZone })).toEqual(
      invalidBody(['labels["kuma.io/origin"]', "the origin label must be set to 'global'"]),
    )
    expect(await call('DELETE', url)).toEqual(
      problem(400, 'Could not delete a resource', 'Resource is not valid', [
        '["kuma.io/origin"]',
        "the origin label must be set to 'global'",
      ]),
    )
    expect(store.revision).toBe(store.rows.get(`MeshRetry\u0000default\u0000${name}`)?.revision)
  })

  test('DELETE', async () => {
    store.put({ type: 'Mesh', mesh: '', name: 'demo2' })
    store.put({ type: 'Dataplane', mesh: 'default', name: 'dp-1', origin: 'zone-1' })
    expect(await call('DELETE', '/meshes/demo2')).toEqual(ok())
    expect(await call('GET', '/meshes/demo2')).toEqual(problem(404, 'Could not retrieve a resource', 'Not found'))
    expect(await call('DELETE', '/meshes/nope')).toEqual(problem(404, 'Could not delete a resource', 'Not found'))
    expect(await call('DELETE', '/meshes/default')).toEqual(
      problem(400, 'Could not delete a resource', 'Resource is not valid', [
        'mesh',
        'unable to delete mesh, there are still some dataplanes attached',
      ]),
    )
  })

  test('VIP blocks are shown and written by nobody', async () => {
    const told = await call('PUT', '/vip-blocks/b1', {})
    expect([told.status, (told.body as { title: string }).title]).toEqual([405, 'Method not allowed'])
  })
})

describe('on a federated zone', () => {
  const { call, store } = harness('federated')
  beforeEach(() => {
    store.clear()
    store.put({ type: 'Mesh', mesh: '', name: 'default', origin: '' })
  })

  test.each([
    ['/meshes/demo4', { type: 'Mesh', name: 'demo4' }, problem(405, 'Method not allowed', onZone)],
    [
      '/meshes/default/meshservices/np',
      { type: 'MeshService', mesh: 'default', name: 'np', spec: {} },
      invalidBody(['labels["kuma.io/origin"]', "the origin label must be set to 'zone'"]),
    ],
    [
      '/meshes/default/meshservices/c',
      service('c', { labels: { ...originZone, 'kuma.io/zone': 'zone-9' } }),
      invalidBody(['labels["kuma.io/zone"]', 'kuma.io/zone label should have zone-1 value']),
    ],
    [
      '/meshes/default/meshservices/c',
      service('c', { spec: null }),
      invalidBody(['', 'spec in body must be of type object: "null"']),
    ],
    [
      '/meshes/default/meshservices/c',
      'null',
      problem(400, 'Bad Request', 'invalid MeshService object: "must be a JSON object, not null"'),
    ],
    ['/meshes/default/meshservices/c', service('c'), created()],
    [
      '/meshes/default/meshservices/c',
      service('c', { spec: { ports: [{ port: 0 }, { port: 70_000 }] } }),
      invalidBody(
        ['spec.ports[0].port', 'must be between 1 and 65535'],
        ['spec.ports[1].port', 'must be between 1 and 65535'],
      ),
    ],
  ])('PUT %s %j', async (url, body, told) => {
    expect(await call('PUT', url, body)).toEqual(told)
  })

  test('all problems of a body are told at once', async () => {
    const body = service('Bad', { spec: { ports: [{ port: 80 }, { port: 80 }] }, labels: { 'kuma.io/origin': 'nope' } })
    const told = await call('PUT', '/meshes/default/meshservices/c', body)
    const fields = (told.body as { invalid_parameters: { field: string }[] }).invalid_parameters.map((p) => p.field)
    expect(new Set(fields)).toEqual(new Set(['spec.ports[1]', 'name', 'labels["kuma.io/origin"]']))
    expect(store.rows.size).toBe(1)
  })

  test('a service is shown with its VIP, and a second PUT of what was read changes nothing', async () => {
    const body = service('web', {
      spec: { ports: [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }] },
    })
    expect(await call('PUT', '/meshes/default/meshservices/web', body)).toEqual(created())
    const shown = await call('GET', '/meshes/default/meshservices/web')
    expect(shown).toEqual(
      ok({
        type: 'MeshService',
        mesh: 'default',
        name: 'web',
        creationTime: time,
        modificationTime: time,
        labels: {
          'kuma.io/display-name': 'web',
          'kuma.io/env': 'universal',
          'kuma.io/mesh': 'default',
          'kuma.io/origin': 'zone',
          'kuma.io/zone': 'zone-1',
        },
        kri: 'kri_msvc_default_zone-1__web_',
        snis: [{ port: 80, sni: 'sni.msvc.default.zone-1.web.http' }],
        spec: {
          state: 'Unavailable',
          selector: {},
          ports: [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }],
        },
        status: { vips: [{ ip: '241.16.0.1' }], tls: {}, dataplaneProxies: {} },
      }),
    )
    const before = store.revision
    expect(await call('PUT', '/meshes/default/meshservices/web', shown.body)).toEqual(ok())
    expect(store.revision).toBe(before)
  })

  test('VIP-5: a service without an address yet is shown with the reason, and the writer is told', async () => {
    store.hasBlock = false
    const reason = 'no block yet: this zone has never met its global'
    expect(await call('PUT', '/meshes/default/meshservices/web', service('web'))).toEqual(
      created({ warnings: [`it has no virtual IP yet: ${reason}`] }),
    )
    const { status } = (await call('GET', '/meshes/default/meshservices/web')).body as { status: unknown }
    expect(status).toEqual({
      tls: {},
      dataplaneProxies: {},
      conditions: [{ type: 'VIPAllocated', status: 'False', reason: 'Pending', message: reason }],
    })
  })

  test('a pinned address that is taken names its holder', async () => {
    await call('PUT', '/meshes/default/meshservices/web', service('web'))
    const labels = { ...originZone, 'holdfast.io/vip': '241.16.0.1' }
    expect(await call('PUT', '/meshes/default/meshservices/api', service('api', { labels }))).toEqual(
      problem(409, 'Conflict', '241.16.0.1 belongs to MeshService "web"; choose another address'),
    )
  })

  test('a display name that was set stays', async () => {
    const named = (name: string) => service('c', { labels: { ...originZone, 'kuma.io/display-name': name } })
    const url = '/meshes/default/meshservices/c'
    const refused = (message: string) =>
      problem(400, 'Could not update a resource', 'Resource is not valid', ['labels["kuma.io/display-name"]', message])
    expect(await call('PUT', url, named('other'))).toEqual(created())
    expect(await call('PUT', url, service('c'))).toEqual(refused('is immutable, cannot be removed (was "other")'))
    expect(await call('PUT', url, named('other2'))).toEqual(
      refused('is immutable, cannot be changed from "other" to "other2"'),
    )
  })

  test('what global owns is not deleted here', async () => {
    store.put({ type: 'MeshExternalService', mesh: 'default', name: 'ext-1', origin: '', spec: Buffer.from('{}') })
    expect(await call('DELETE', '/meshes/default/meshexternalservices/ext-1')).toEqual(
      problem(400, 'Could not delete a resource', 'Resource is not valid', [
        '["kuma.io/origin"]',
        "the origin label must be set to 'zone'",
      ]),
    )
  })

  test('a zone that has no mesh yet works in a provisional default', async () => {
    store.rows.clear()
    expect(await call('PUT', '/meshes/default/meshservices/web', service('web'))).toEqual(created())
    expect((await call('PUT', '/meshes/other/meshservices/web', service('web'))).status).toBe(404)
  })
})
